"""DVC's cache: every version that an output ever had, by content, and the runs that it could restore them from."""

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from prefactor.atomic import atomic_file
from prefactor.errors import InputError
from prefactor.forgetting.mentions import mentions
from prefactor.forgetting.prepared import former_share, is_prepared
from prefactor.forgetting.sought import Sought
from prefactor.forgetting.traces import Traces
from prefactor.forgetting.workspace import dataset_of, walk
from prefactor.progress import progress

FOLDER = ".dir"  # ends the hash of a folder's list of files
RUNS, LOCK = "runs", "dvc.lock"
NO_LINKS = (".git", ".dvc", ".venv")  # folders without outputs
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a lock file may be long, and the other takes seconds


@dataclass(frozen=True)
class Cached:
    """The cache of one project: objects by their hash, and what runs and dvc.lock say they are."""

    root: Path
    folder: Path

    @cached_property
    def objects(self) -> dict[str, Path]:
        """Hash -> file; a folder's list of files ends in ``.dir``."""
        runs = self.folder / RUNS
        return {path.parent.name + path.name: path for path in walk(self.folder) if runs not in path.parents}

    @cached_property
    def folders(self) -> dict[str, dict[str, str]]:
        """Folder -> the names of its files and their hashes."""
        return {name: dict(_listed(path)) for name, path in self.objects.items() if name.endswith(FOLDER)}

    @cached_property
    def members(self) -> dict[str, frozenset[str]]:
        """Folder -> the hashes of its files."""
        return {name: frozenset(files.values()) for name, files in self.folders.items()}

    @cached_property
    def runs(self) -> dict[Path, dict[str, str]]:
        """Record of a run -> the path and hash of each of its outputs."""
        return {path: _outputs(path) for path in walk(self.folder / RUNS)}

    @cached_property
    def outputs(self) -> dict[str, set[str]]:
        """Hash -> the paths of outputs that have, or had, that content."""
        found: dict[str, set[str]] = defaultdict(set)
        locked = [_locked(self.root / LOCK)] if (self.root / LOCK).is_file() else []
        for recorded in [*self.runs.values(), *locked]:
            for path, name in recorded.items():
                found[name].add(path)
        return found

    def former_shares(self, user_ids: Collection[str]) -> dict[str, Traces]:
        """Dataset -> traces of some users in earlier versions of its prepared tables, as far as these are whole."""
        found: dict[str, Traces] = {}
        for folder, listed in self.folders.items():
            files = {name: self.objects[each] for name, each in listed.items() if each in self.objects}
            traces = _former_share(files, user_ids)
            for name in self._about(folder) if traces.names else ():
                found[name or ""] = found.get(name or "", Traces()) | traces
        return found

    def outdated(self, sought: Sought, about_people: Collection[str]) -> list[Path]:
        """Objects to delete so that nothing of a person can be restored.

        A file that mentions them goes, and so does every version of a folder with such a file: what lies beside it,
        like the tensors beside a list of users, is theirs too. So do all versions of the outputs ``about_people``,
        which show people without a name. Files that a folder without them holds as well stay.
        """
        told = set(self._told(sought))
        shown = {name for name, paths in self.outputs.items() if any(_below(path, about_people) for path in paths)}
        gone = {name for name, files in self.members.items() if not told.isdisjoint((name, *files)) or name in shown}
        kept = set().union(*(files for name, files in self.members.items() if name not in gone))
        beside = set().union(*(self.members[name] for name in gone)) - kept
        hashes = told | gone | beside | shown
        deleted = [self.objects[name] for name in sorted(hashes) if name in self.objects]
        return [*deleted, *(path for path, outputs in self.runs.items() if hashes & set(outputs.values()))]

    def mentioning(self, sought: Sought) -> Iterator[Path]:
        """Objects that mention a person."""
        yield from (self.objects[name] for name in self._told(sought))

    def _told(self, sought: Sought) -> Iterator[str]:
        with progress("forget", len(self.objects), "objects of DVC's cache") as shown:
            for name, path in self.objects.items():
                traces = sought.about(self._datasets[name])
                if traces is not None and mentions(path, traces):
                    yield name
                shown.advance()

    @cached_property
    def _datasets(self) -> dict[str, set[str | None]]:
        """Object -> the datasets that the outputs with that content are about; nothing where that is not known."""
        found: dict[str, set[str | None]] = {name: self._about(name) for name in self.objects}
        for folder, files in self.members.items():
            for name in files & found.keys():
                found[name] |= self._about(folder) or {None}
        return found

    def _about(self, name: str) -> set[str | None]:
        return {dataset_of(PurePosixPath(path)) for path in self.outputs.get(name, ())}


def cached(root: Path) -> Cached | None:
    """The cache of a project; None if it has no DVC. Raises InputError if DVC does not say where it is."""
    if not (root / ".dvc").is_dir():
        return None
    asked = subprocess.run([sys.executable, "-m", "dvc", "cache", "dir"], cwd=root, capture_output=True, text=True)
    if asked.returncode:
        raise InputError(f"dvc does not say where the cache of {root} is: {asked.stderr.strip()}")
    return Cached(root, Path(asked.stdout.strip()))


def unlink(objects: Collection[Path], project: Path) -> None:
    """Delete objects. What a project links to has its content in the link's place first: DVC may link, not copy."""
    gone = {path.resolve() for path in objects}
    for place, folders, files in os.walk(project):
        folders[:] = [name for name in folders if name not in NO_LINKS]
        for link in (Path(place, name) for name in files):
            if link.is_symlink() and (target := link.resolve()) in gone and target.exists():
                with atomic_file(link) as scratch:
                    shutil.copyfile(target, scratch)
    for path in objects:
        path.unlink(missing_ok=True)


def _former_share(files: dict[str, Path], user_ids: Collection[str]) -> Traces:
    """Of tables that are damaged nothing can be told."""
    try:
        return former_share(files, user_ids) if is_prepared(files) else Traces()
    except InputError:
        return Traces()


def _below(path: str, places: Collection[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _listed(path: Path) -> Iterator[tuple[str, str]]:
    """The names and hashes in a folder's list of files; a damaged list names none."""
    try:
        yield from ((str(row["relpath"]), str(row["md5"])) for row in json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError):
        return


def _outputs(path: Path) -> dict[str, str]:
    """Path -> hash of the outputs of one stage; a damaged record has none."""
    try:
        return _hashes(yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER))
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _locked(path: Path) -> dict[str, str]:
    try:
        stages = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)["stages"].values()
        return {out: name for stage in stages for out, name in _hashes(stage).items()}
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is not a lock file of DVC ({error!r}): restore it from version control") from error


def _hashes(stage: dict[str, Any]) -> dict[str, str]:
    return {out["path"]: out["md5"] for out in stage.get("outs", []) if "md5" in out}
