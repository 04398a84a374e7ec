"""How what was found of a person is removed, one step after the other."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from prefactor import layout
from prefactor.forgetting.adapted import in_adapted
from prefactor.forgetting.dvc_cache import unlink
from prefactor.forgetting.exposure import UNKNOWN
from prefactor.forgetting.journal import Finding
from prefactor.forgetting.likelihoods import PARTS, in_likelihoods
from prefactor.forgetting.look import SEEN, Hits, Look
from prefactor.forgetting.posteriors import has_rows_of_users, in_model
from prefactor.forgetting.registry import BY_USER, STORE, in_evaluation
from prefactor.forgetting.removal import Removal, whole_file, whole_folder
from prefactor.forgetting.states import in_states
from prefactor.forgetting.workspace import GENERATED, LIKELIHOODS, SWEEPS, Workspace, is_output, walk
from prefactor.methods.storage import MODEL, USER_IDS, USER_TENSORS
from prefactor.reading import read_object
from prefactor.sweeping.settings import FILE as SETTINGS

MIB = 2**20
PAGE = Path("reports", "index.html")  # shows single people and some of their texts, without their ids
SHOWN = ("reports/evaluation", "reports/portrait", "models/bases")  # likewise, followed by a dataset


def steps(look: Look, findings: Mapping[str, Finding], hits: Hits, rewritten: Collection[str]) -> Iterator[Removal]:
    """Everything but DVC's cache and the prepared tables, which name what to look for and go last.

    What was made of tables that are ``rewritten`` goes too where it is made anew soon: it no longer fits them.
    """
    root = look.workspace.root
    for name, finding in findings.items():
        made = [root / layout.split(name), root / "reports" / "data_docs" / name] if name in rewritten else []
        yield from _steps_of(root, name, finding, hits.get(name, ()), look.user_ids, made)
    if _is_shown(findings, rewritten) and (root / PAGE).exists():
        yield whole_file(root / PAGE)
    made = [root / place for place in _generated(look, findings, hits) if (root / place).exists()]
    yield from map(whole_folder, made)
    rest = [path for path in hits.get(None, ()) if path != root / PAGE and not set(made) & set(path.parents)]
    yield from _steps_of_all(look, findings, rest)


def _generated(look: Look, findings: Mapping[str, Finding], hits: Hits) -> list[str]:
    """Places of personal generation, all of them where the user may be in one: most do not tell whose what is."""
    places = [Path(*parts) for parts in sorted(GENERATED)]
    hit = {parent for path in hits.get(None, ()) for parent in look.workspace.relative(path).parents}
    return [place.as_posix() for place in places] if findings or not hit.isdisjoint(places) else []


def _steps_of_all(look: Look, findings: Mapping[str, Finding], hits: Sequence[Path]) -> Iterator[Removal]:
    """Files about no dataset in particular: log-probabilities are rewritten, other outputs go, sweeps whole."""
    text_ids = frozenset().union(*(finding.traces.hashes for finding in findings.values()))
    kept = look.workspace.root.joinpath(*LIKELIHOODS)
    parts = [path for path in hits if kept in path.parents and path.match(PARTS)]
    for folder in dict.fromkeys(path.parent for path in parts):
        yield in_likelihoods(folder, text_ids)
    judged = [folder for name, finding in findings.items() if finding.role for folder in _sweeps(look.workspace, name)]
    mentioning = filter(None, (_sweep(look.workspace, path) for path in hits))
    yield from map(whole_folder, dict.fromkeys([*judged, *mentioning]))
    for path in hits:
        done = path in parts or _sweep(look.workspace, path) is not None
        if not done and is_output(look.workspace.relative(path)):
            yield whole_file(path)


def _sweeps(workspace: Workspace, dataset: str) -> list[Path]:
    """Sweeps on a dataset: their outcomes hold a figure for every user who judged, without ids, in their order."""
    found = sorted(workspace.root.joinpath(*SWEEPS).glob(f"*/{SETTINGS}"))
    return [path.parent for path in found if read_object(path).get("dataset") == dataset]


def _sweep(workspace: Workspace, path: Path) -> Path | None:
    """The folder of the sweep that a file is part of: outcomes and what draws trials hold together."""
    parts = workspace.relative(path).parts
    return workspace.root.joinpath(*parts[:3]) if parts[:2] == SWEEPS and len(parts) > 3 else None


def _steps_of(
    root: Path, name: str, finding: Finding, hits: Sequence[Path], user_ids: Sequence[str], made: Sequence[Path]
) -> Iterator[Removal]:
    """What one dataset has: folders to be made anew, files that are rewritten, then any other that mentions them."""
    folders = dict.fromkeys([*made, *_remade_folders(root, name, finding.role, hits)])
    done = [folder for folder in folders if folder.exists()]
    yield from map(whole_folder, done)
    for cache in _caches(root, name):
        if removal := in_states(cache, finding.traces.hashes):
            yield removal
            done.append(cache)
    for removal in in_adapted(root, name, hits, user_ids):
        yield removal
        done.append(removal.place)
    done.append(root / layout.prepared(name))
    for path in hits:
        if not any(folder in path.parents for folder in done):
            yield from _step(root, path, user_ids)


def _caches(root: Path, name: str) -> list[Path]:
    """A dataset's caches of states: of frozen backbones, and of those that were fine-tuned with a model."""
    found = [*(root / "data" / "states" / name).glob("*"), *(root / "models" / name).glob("*/*/*/seed-*/states")]
    return sorted(path for path in found if path.is_dir())


def _step(root: Path, path: Path, user_ids: Sequence[str]) -> Iterator[Removal]:
    if path.name == USER_IDS and path.with_name(USER_TENSORS).exists():
        yield in_model(path.parent, user_ids, root / STORE)
    elif path.name in BY_USER and root / "mlruns" in path.parents:
        yield from in_evaluation(path, user_ids)
    else:
        yield whole_file(path)


def _remade_folders(root: Path, name: str, role: str | None, hits: Sequence[Path]) -> list[Path]:
    """Folders of a dataset that `dvc repro` makes anew and that mention a user, or show one without the id."""
    reports = root / "reports"
    perhaps = [root / layout.split(name), root / layout.surface(name)]
    perhaps += [reports / part / name for part in ("data_docs", "diagnosis", "evaluation")]
    hit = {parent for path in hits for parent in path.parents}
    shown = [reports / "evaluation" / name, reports / "portrait" / name] if role else []
    bases = _bases_by_user(root / "models" / "bases" / name) if role in (SEEN, UNKNOWN) else []
    unfinished = root / "data" / "checkpoints" / name  # weights by user, of trainings that were stopped
    read = _language_models(root, name) if role else []
    tuned = _tuned_backbones(root, name) if role in (SEEN, UNKNOWN) else []
    return [*(folder for folder in perhaps if folder in hit), *shown, *bases, *read, *tuned, unfinished]


def _tuned_backbones(root: Path, name: str) -> list[Path]:
    """Language models that were fine-tuned on seen users' texts, which their weights may remember."""
    return sorted((root / "models" / name).glob(f"*/*/*/{layout.tuned_backbone(Path('seed-*'))}"))


def _language_models(root: Path, name: str) -> list[Path]:
    """The language models of our own, if one was trained on the dataset's texts, which its weights may remember."""
    reports = (root / layout.LANGUAGE_MODEL_REPORTS).glob("*/perplexity.json")
    trained = any(read_object(report).get("dataset") == name for report in reports)
    return [root / layout.LANGUAGE_MODELS, root / layout.LANGUAGE_MODEL_REPORTS] if trained else []


def _bases_by_user(folder: Path) -> list[Path]:
    """First steps of trainings whose weights have a row for every user."""
    cells = sorted(folder.glob("*/*/*"))
    return [cell for cell in cells if any(has_rows_of_users(path.parent) for path in walk(cell) if path.name == MODEL)]


def _is_shown(findings: Mapping[str, Finding], rewritten: Collection[str]) -> bool:
    """May the page show the user."""
    return bool(rewritten) or any(finding.role for finding in findings.values())


def outdated(look: Look, findings: Mapping[str, Finding], hits: Hits, rewritten: Collection[str]) -> list[Removal]:
    """One step for all of DVC's cache."""
    if look.cache is None:
        return []
    shown = [f"{place}/{name}" for name, finding in findings.items() if finding.role for place in SHOWN]
    shown += [PAGE.as_posix()] if _is_shown(findings, rewritten) else []
    shown += _generated(look, findings, hits)
    root = look.workspace.root
    read = [folder for name, finding in findings.items() if finding.role for folder in _language_models(root, name)]
    shown += [folder.relative_to(root).as_posix() for folder in read]
    trained = [name for name, finding in findings.items() if finding.role in (SEEN, UNKNOWN)]
    tuned = [folder for name in trained for folder in _tuned_backbones(root, name)]
    shown += {folder.parents[1].relative_to(root).as_posix() for folder in tuned}  # the outputs that they are part of
    paths = look.cache.outdated(look.sought(findings), shown)
    if not paths:
        return []
    what = f"{len(paths):,} objects of DVC's cache, {sum(path.stat().st_size for path in paths) / MIB:,.1f} MiB"
    return [Removal(look.cache.folder, what, lambda: unlink(paths, look.workspace.project))]
