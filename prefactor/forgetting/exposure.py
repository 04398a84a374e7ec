"""Which trained models had seen a person: weights that were learnt from them carry it until they are trained anew."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prefactor.forgetting.posteriors import knows
from prefactor.forgetting.registry import Version, versions
from prefactor.forgetting.workspace import walk
from prefactor.methods.storage import USER_IDS

TRAINED = "trained on their pairs"
HELD_OUT = "chosen and calibrated with their pairs"
SCORED = "scored on their pairs, not trained"
PERHAPS = "perhaps chosen with their pairs"
ADVICE = {
    TRAINED: "its weights carry what they learnt of them until `dvc repro` has trained it anew",
    HELD_OUT: "its steps, choices and calibration come from them too until `dvc repro` has trained it anew",
    SCORED: "its weights know nothing of them; `dvc repro` scores it anew",
    PERHAPS: "the split that would tell is gone; nothing of them is in it once `dvc repro` has trained it anew",
}
REGISTERED = {
    TRAINED: "its weights carry what they learnt of them: publish another (`make repro`), promote it, delete this one",
    HELD_OUT: "its steps, choices and calibration come from them too: `make repro` publishes another to promote",
    SCORED: "its weights know nothing of them",
    PERHAPS: "the split that would tell is gone: `make repro` publishes another to promote",
}
UNKNOWN = "unknown"  # the role of a user whose split is gone
BY_ROLE = {"validation": HELD_OUT, "unseen": SCORED, UNKNOWN: PERHAPS}  # of models that do not name the user


@dataclass(frozen=True)
class Exposure:
    """A trained ``model``, its folder or its name in the registry, what it had of the person, and what to do about it.

    ``seeds`` are those of the folder's models that were trained on the person; empty for one that was not, and for a
    registered one.
    """

    model: str
    seen: str
    advice: str
    seeds: str = ""


def exposures(root: Path, dataset: str, user_ids: Collection[str], role: str | None) -> list[Exposure]:
    """Models below ``root`` that were trained, chosen or scored on a user's pairs; ``role``: theirs in the split."""
    found = [*_cells(root, dataset, user_ids, role), *_registered(root, dataset, user_ids, role)]
    return sorted(found, key=lambda exposure: (exposure.seen != TRAINED, exposure.seen, exposure.model))


def packages(root: Path) -> Iterator[Path]:
    """Folders of packed models in MLflow's store below ``root``."""
    return (path.parent for path in walk(root / "mlruns") if path.name == USER_IDS)


def _cells(root: Path, dataset: str, user_ids: Collection[str], role: str | None) -> Iterable[Exposure]:
    trained = defaultdict(list)
    cells = sorted(path.parent for path in (root / "models" / dataset).glob("*/*/*/training.json"))
    for cell in cells:
        for path in sorted(cell.glob(f"seed-*/{USER_IDS}")):
            if knows(path.parent, user_ids):
                trained[cell].append(path.parent.name.removeprefix("seed-"))
    for cell in cells:
        seen = TRAINED if cell in trained else BY_ROLE.get(role or "")
        if seen:
            name = cell.relative_to(root).as_posix()
            yield Exposure(name, seen, ADVICE[seen], ", ".join(trained[cell]))


def _registered(root: Path, dataset: str, user_ids: Collection[str], role: str | None) -> Iterable[Exposure]:
    known = [path for path in packages(root) if knows(path, user_ids)]
    for version in versions(root):
        if version.name.removeprefix("prefactor-") != dataset:
            continue
        seen = TRAINED if _made_of(version, known) else BY_ROLE.get(role or "")
        if seen:
            yield Exposure(str(version), seen, REGISTERED[seen])


def _made_of(version: Version, folders: Collection[Path]) -> bool:
    return any(version.logged in folder.parts for folder in folders)
