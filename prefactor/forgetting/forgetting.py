"""Forgetting a user: found, listed, removed, and looked for again."""

import difflib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from prefactor.errors import InputError
from prefactor.forgetting.alone import alone
from prefactor.forgetting.exposure import Exposure
from prefactor.forgetting.forgotten import FILE, add, read_forgotten
from prefactor.forgetting.plan import Plan, leftovers, planned
from prefactor.forgetting.removal import Removal
from prefactor.forgetting.workspace import Workspace, workspaces
from prefactor.parameters import load_parameters, nearest
from prefactor.pseudonyms import Pseudonyms

MOST_COMPARED = 20_000  # ids that an unknown one is held against
PURGE = "after `dvc repro` and `dvc push` run `dvc gc --workspace --cloud`"
STORE = "MLFLOW_TRACKING_URI"


@dataclass(frozen=True)
class Report:
    """What forgetting a user did, or would do.

    ``removals`` and ``exposures`` (which models had seen them) are by workspace. ``inputs``: files that may still hold
    them, which are their owner's. ``left``: files that mention them and are not the pipeline's to change.
    ``elsewhere``: places out of reach. ``listed``: the list of forgotten users; ``before``: were they on it already.
    """

    removals: tuple[tuple[Path, Removal], ...]
    exposures: tuple[tuple[Path, Exposure], ...]
    inputs: tuple[Path, ...]
    left: tuple[Path, ...]
    elsewhere: tuple[str, ...]
    listed: Path
    before: bool


def forget(
    root: Path,
    user_id: str,
    dataset: str | None = None,
    key_variable: str | None = None,
    dry_run: bool = False,
) -> Report:
    """Remove a user from what the pipeline below ``root`` and its studies keep, and keep them out of any rebuild.

    ``dataset``: of one dataset alone. ``key_variable``: the environment variable with the key of the pseudonyms that
    they are known by; the id itself is looked for too, in what is older than these. ``dry_run``: only look. Killed at
    any moment, the next call goes on. A user who is forgotten already and nowhere is fine; raises InputError for one
    who is nowhere and was never forgotten, and while something else writes in the project.
    """
    if not user_id.strip():
        raise InputError("the user's id is empty: name the user to be forgotten")
    root = root.resolve()
    user_ids = [user_id]
    if key_variable is not None:
        user_ids.append(Pseudonyms.from_variable(key_variable).of(user_id))
    with ExitStack() as held:
        places = workspaces(root)
        for place in places:
            held.enter_context(alone(place.root))
        plans = [planned(place, user_ids, dataset) for place in places]
        before = any(read_forgotten(root).holds(each, dataset) for each in user_ids)
        if all(plan.empty for plan in plans) and not before:
            raise _unknown(places, user_id, dataset)
        left = [path for plan in plans for path in plan.left]
        if not dry_run:
            left = _carry_out(root, plans, user_ids, dataset)
    return _report(root, plans, left, before)


def _carry_out(root: Path, plans: Sequence[Plan], user_ids: Sequence[str], dataset: str | None) -> list[Path]:
    """Remember what to look for, list the user, remove what was found; what is left after all."""
    for plan in plans:
        if not plan.empty:
            plan.journal.write()
    listed = {path.resolve().parent for path in (plan.workspace.root / FILE for plan in plans) if path.exists()}
    for folder in {root, *listed}:
        add(folder, _to_list(plans, user_ids), dataset)
    for plan in plans:
        for removal in plan.removals:
            removal.do()
    left = [path for plan in plans for path in leftovers(plan, user_ids, dataset)]
    for plan in plans if not left else ():
        plan.journal.delete()
    return left


def _to_list(plans: Sequence[Plan], user_ids: Sequence[str]) -> set[str]:
    """The ids that tables know the user by; the last one is the pseudonym, where there are any."""
    return {user_ids[-1]}.union(*(plan.known for plan in plans))


def _report(root: Path, plans: Sequence[Plan], left: Sequence[Path], before: bool) -> Report:
    inputs = [plan.workspace.inputs().get(name) for plan in plans for name in plan.journal.findings]
    return Report(
        removals=tuple((plan.workspace.root, removal) for plan in plans for removal in plan.removals),
        exposures=tuple((plan.workspace.root, each) for plan in plans for each in plan.journal.exposures),
        inputs=tuple(dict.fromkeys(path for path in inputs if path is not None)),
        left=tuple(left),
        elsewhere=tuple(_elsewhere(root)),
        listed=(root / FILE).resolve(),
        before=before,
    )


def _unknown(places: Sequence[Workspace], user_id: str, dataset: str | None) -> InputError:
    """No such user: the nearest one, and what else may be the matter."""
    users, datasets = [], set()
    for place in places:
        for path in sorted((place.root / "data" / "prepared").glob("*/users.parquet")):
            datasets.add(path.parent.name)
            if dataset in (None, path.parent.name):
                users += pq.read_table(path, columns=["user_id"])["user_id"].to_pylist()
    if dataset is not None and dataset not in datasets:
        return InputError(f"there is no dataset {dataset!r}{nearest(dataset, datasets, 'datasets')}")
    alike = [name for name in users if abs(len(name) - len(user_id)) <= 2][:MOST_COMPARED]
    close = difflib.get_close_matches(user_id, alike, n=1, cutoff=0.6)
    variable = _key_variable(places)
    hint = f"; if the id is the real one, add --pseudonym-key-variable {variable}" if variable else ""
    where = f"dataset {dataset}" if dataset else f"any of {len(datasets)} datasets"
    return InputError(f"no user {user_id!r} in {where}, nor in what is kept of them{nearest(user_id, close)}{hint}")


def _key_variable(places: Sequence[Workspace]) -> str | None:
    """One that params.yaml names for some dataset."""
    for place in places:
        path = place.root / "params.yaml"
        for variable in (load_parameters(path).get("pseudonyms") or {}).values() if path.exists() else ():
            return str(variable)
    return None


def _elsewhere(root: Path) -> list[str]:
    """Places that may have copies and that nothing here can reach."""
    found = []
    settings = [path for path in (root / ".dvc" / name for name in ("config", "config.local")) if path.is_file()]
    if any("remote" in path.read_text(encoding="utf-8") for path in settings):
        found.append(f"DVC's remote: it has what was pushed; {PURGE}")
    store = os.environ.get(STORE, "")
    if store and str(root) not in store:
        found.append(f"the store that {STORE} names: it is not the project's, and its models may know the user")
    return found
