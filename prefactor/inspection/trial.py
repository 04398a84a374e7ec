"""A trial of a dataset: loading, gate and split as the pipeline would do them, in a folder that does not stay."""

import csv
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prefactor.atomic import atomic_folder
from prefactor.datasets import files
from prefactor.datasets.rows import EXAMPLES
from prefactor.errors import InputError
from prefactor.inspection.dataset import OWN, Dataset
from prefactor.parameters import build
from prefactor.preferences import Preferences
from prefactor.quality import QualityParameters, validate_split, validate_tables
from prefactor.reading import read_object
from prefactor.splitting import SplitParameters, split

IDS = ("user_id", "group_id", "pair_id", "text_id")  # what may be told of a row that failed
BY_USER = ("users_without_pairs",)  # reasons whose places are users: not told of who has a pseudonym
TABLES, SPLIT = "tables", "split"  # the gates, and where their pages lie in the folder of all


@dataclass(frozen=True)
class Reason:
    """Why ``count`` rows, sets or users were left out or noted, and where the first few are, if that is known."""

    name: str
    count: int
    places: tuple[str, ...]


@dataclass(frozen=True)
class Failure:
    """An expectation of the gate that was not met: of how many rows, the ids of the first few, and the fix."""

    suite: str
    expectation: str
    rows: int
    observed: str | None
    ids: tuple[str, ...]
    file: str
    fix: str


@dataclass(frozen=True)
class Verdict:
    """What a gate said: how many expectations it looked at, and those that were not met."""

    expectations: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Trial:
    """What the pipeline would make of a dataset.

    ``read`` counts what was read, by what it is; ``pairs`` of ``users`` are left. ``tables`` and ``split`` are the two
    gates' verdicts and ``manifest`` that of the split; the last two are None where it did not come so far, ``refusal``
    says why if it was the split itself that refused. ``asked``: somebody said how to split.
    """

    name: str
    read: Mapping[str, int]
    pairs: int
    users: int
    dropped: tuple[Reason, ...]
    noted: tuple[Reason, ...]
    tables: Verdict
    manifest: Mapping[str, Any] | None = None
    split: Verdict | None = None
    refusal: str = ""
    asked: bool = False

    @property
    def passed(self) -> bool:
        """Did it pass both gates? Where nobody said how to split, a split that refuses fails nothing."""
        divided = bool(self.refusal) and not self.asked if self.split is None else not self.split.failures
        return divided and not self.tables.failures


def attempt(dataset: Dataset, quality: QualityParameters, docs: Path | None = None) -> Trial:
    """Load, check and split ``dataset``, without leaving anything but the Data Docs, in ``docs`` if that is given.

    Raises InputError for what cannot be loaded at all, and for a folder ``docs`` that holds something else; a gate
    that is not passed is part of what is returned.
    """
    parameters = build(SplitParameters, dataset.split, f"datasets.{dataset.name}.split")
    if docs is not None:
        _refuse_to_replace(docs)
    with TemporaryDirectory(prefix="prefactor-") as work:
        preferences, places = _load(dataset)
        prepared, pages = Path(work, "prepared", dataset.name), Path(work, "docs")
        preferences.save(prepared)
        tables = _verdict(lambda out: validate_tables(prepared, out, quality), pages / TABLES)
        found = replace(_described(dataset.name, preferences, places, tables), asked=dataset.split is not None)
        if not tables.failures:
            found = _divided(found, prepared, Path(work, "split", dataset.name), pages / SPLIT, parameters, quality)
        if docs is not None:
            with atomic_folder(docs) as scratch:
                shutil.copytree(pages, scratch, dirs_exist_ok=True)
    return found


def _load(dataset: Dataset) -> tuple[Preferences, Mapping[str, tuple[str, ...]]]:
    """The preferences and, of a file of one's own, the places of what was left out or noted."""
    if dataset.source != OWN:
        return dataset.load(), {}
    kept = dataset.kept()
    reading = files.read(build(files.FilesParameters, dataset.options, dataset.where), dataset.input)
    told = {reason: places for reason, places in reading.places.items() if reason not in BY_USER}
    return kept(reading.preferences), reading.places if dataset.key_variable is None else told


def _described(name: str, preferences: Preferences, places: Mapping[str, tuple[str, ...]], tables: Verdict) -> Trial:
    source = preferences.source
    dropped, noted = (
        tuple(Reason(reason, count, places.get(reason, ())) for reason, count in source.get(kind, {}).items() if count)
        for kind in ("dropped", "noted")
    )
    return Trial(name, _read(source), len(preferences.pairs), len(preferences.users), dropped, noted, tables)


def _read(source: Mapping[str, Any]) -> Mapping[str, int]:
    """What was read, by what it is: rows of different files are different things, and have no sum."""
    rows = source.get("rows")
    if isinstance(rows, Mapping):
        return {what.replace("_", " "): count for what, count in rows.items()}
    return {"rows": rows} if rows else {f"rows of {part['file']}": part["rows"] for part in source.get("parts", ())}


def _divided(
    found: Trial, prepared: Path, out: Path, pages: Path, parameters: SplitParameters, quality: QualityParameters
) -> Trial:
    """``found`` with what became of the split."""
    try:
        manifest = split(prepared, out, parameters)
    except InputError as error:
        return replace(found, refusal=str(error))
    verdict = _verdict(lambda docs: validate_split(prepared, out, docs, quality), pages)
    return replace(found, manifest=manifest, split=verdict)


def _verdict(gate: Callable[[Path], Mapping[str, Any]], out: Path) -> Verdict:
    """Pass a gate, or not: then it has left its result before it refused."""
    try:
        result = gate(out)
    except InputError:
        if not (out / "result.json").exists():
            raise
        result = read_object(out / "result.json")
    looked_at = sum(suite["passed"] + suite["failed"] for suite in result["suites"].values())
    return Verdict(looked_at, tuple(_failure(item, out) for item in result["failures"]))


def _failure(item: Mapping[str, Any], out: Path) -> Failure:
    file = f"{out.name}/{item['file']}"
    ids = _ids(out / item["file"])
    return Failure(item["suite"], item["expectation"], item["rows"], item["observed"], ids, file, item["fix"])


def _ids(path: Path) -> tuple[str, ...]:
    """The first id that each of the first few rows of a file has."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(islice(csv.DictReader(lines), EXAMPLES))
    named = ((name for name in IDS if row.get(name)) for row in rows)
    return tuple(f"{name} {row[name]!r}" for row, names in zip(rows, named, strict=True) for name in islice(names, 1))


def _refuse_to_replace(docs: Path) -> None:
    """Data Docs replace what lies in their folder: that may be Data Docs, and nothing else."""
    if docs.is_dir() and any(item.name not in (TABLES, SPLIT) for item in docs.iterdir()):
        raise InputError(f"{docs} holds other files, which Data Docs would replace: name a folder of their own")
