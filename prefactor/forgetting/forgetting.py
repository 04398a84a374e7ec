"""Forgetting a user: found, listed, removed, and looked for again."""

import difflib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from prefactor.errors import InputError
from prefactor.forgetting.aliases import Aliases
from prefactor.forgetting.alone import alone
from prefactor.forgetting.exposure import Exposure
from prefactor.forgetting.forgotten import FILE, add, digest, read_forgotten
from prefactor.forgetting.online import Kept, erase, kept, stores
from prefactor.forgetting.plan import Plan, leftovers, planned
from prefactor.forgetting.removal import Removal
from prefactor.forgetting.workspace import Workspace, workspaces
from prefactor.parameters import nearest

MOST_COMPARED = 20_000  # ids that an unknown one is held against
PURGE = "after `dvc repro` and `dvc push` run `dvc gc --workspace --cloud`"
HUB = (
    "Hugging Face's cache (HF_HOME), which holds the dataset {}: it may still hold the user; other projects use it too"
)
JUDGE = "the endpoint of {}.judge: it was sent texts, and whoever runs it may have kept them"
JUDGED = ("generation", "portrait")  # sections of params.yaml that may name a judge
STORE = "MLFLOW_TRACKING_URI"


@dataclass(frozen=True)
class Report:
    """What forgetting a user did, or would do.

    ``removals`` and ``exposures`` (which models had seen them) are by workspace. ``inputs``: files that may still hold
    them, which are their owner's. ``left``: files that mention them and are not the pipeline's to change.
    ``elsewhere``: places out of reach. ``listed``: the list of forgotten users; ``before``: were they on it already, or
    forgotten by a user store; ``kept_out``: are they on it now. ``online``: what user stores had of them.
    ``journals``: records of what to look for, with ids, which are kept until nothing is left.
    """

    removals: tuple[tuple[Path, Removal], ...]
    exposures: tuple[tuple[Path, Exposure], ...]
    inputs: tuple[Path, ...]
    left: tuple[Path, ...]
    elsewhere: tuple[str, ...]
    listed: Path
    before: bool
    kept_out: bool
    online: tuple[Kept, ...]
    journals: tuple[Path, ...]


@dataclass(frozen=True)
class _Found:
    """What there is of a person: in the workspaces, and in user stores."""

    plans: Sequence[Plan]
    online: Sequence[Kept]

    @property
    def nowhere(self) -> bool:
        """Nothing at all."""
        return all(plan.empty for plan in self.plans) and all(each.pairs is None for each in self.online)

    @property
    def datasets(self) -> frozenset[str]:
        """All that there are."""
        return frozenset().union(*(plan.datasets for plan in self.plans), (each.dataset for each in self.online)) - {""}


def forget(
    root: Path,
    user_id: str,
    dataset: str | None = None,
    everywhere: bool = False,
    dry_run: bool = False,
    named: Sequence[str] = (),
) -> Report:
    """Remove a user from what the pipeline below ``root`` and its studies keep, and keep them out of any rebuild.

    ``dataset``: of one dataset alone. The same id may be somebody else in another: where several have it, one must be
    named or ``everywhere`` asked for. Datasets with pseudonyms are searched for these and for the id itself, which
    older versions have. ``named``: addresses of user stores beside the project's own, which are searched whatever the
    dataset. ``dry_run``: only look. Killed at any moment, the next call goes on. A user who is forgotten already and
    nowhere is fine; raises InputError for one who is nowhere and was never forgotten, for a dataset that there is not,
    for a pseudonyms' key that is not set, for a user store that does not answer, and while something else writes in
    the project.
    """
    if not user_id.strip():
        raise InputError("the user's id is empty: name the user to be forgotten")
    if dataset is not None and everywhere:
        raise InputError(f"either of dataset {dataset} or everywhere: leave one of the two out")
    root = root.resolve()
    with ExitStack() as held:
        places = workspaces(root)
        for place in places:
            held.enter_context(alone(place.root))
        aliases = Aliases.of(user_id, places, dataset)
        online = [kept(store, aliases.sought) for store in stores(places, named)]
        found = _Found([planned(place, aliases.sought, dataset) for place in places], online)
        _check_dataset(places, dataset, found.datasets)
        asked = dataset if dataset is not None or everywhere else _only(found, user_id)
        found = _Found(found.plans, [each for each in online if _is_asked(each, root, aliases, asked, everywhere)])
        listed = _is_listed(root, aliases, asked, everywhere)
        before = listed or any(each.forgotten for each in found.online)
        if found.nowhere and not before:
            raise _unknown(places, user_id, dataset, len(found.online))
        if not (listed or asked is not None or everywhere):
            _check_listable(found, user_id)
        left = [path for plan in found.plans for path in plan.left]
        if not dry_run:
            left = _carry_out(root, found, aliases, asked, everywhere)
        kept_out = _is_listed(root, aliases, asked, everywhere)
    return _report(root, found, left, before, kept_out)


def _only(found: _Found, user_id: str) -> str | None:
    """The one dataset that has the user, or whose store has; None if none has. Raises InputError if several have."""
    held = {each.dataset for each in found.online if each.pairs is not None and each.dataset}
    names = sorted({name for plan in found.plans for name in plan.journal.findings} | held)
    if len(names) > 1:
        raise InputError(
            f"{user_id!r} is in the datasets {', '.join(names)}, and may be different people there: name one with "
            "--dataset, or forget them in all with --everywhere"
        )
    return names[0] if names else None


def _is_asked(each: Kept, root: Path, aliases: Aliases, dataset: str | None, everywhere: bool) -> bool:
    """Is a user store to lose the user: one that was named, or of a dataset that they are, or were, forgotten in."""
    if dataset is not None or everywhere or each.store.named:
        return everywhere or each.store.named or each.dataset == dataset
    return any(read_forgotten(root).holds(name, each.dataset) for name in aliases.sought)


def _is_listed(root: Path, aliases: Aliases, dataset: str | None, everywhere: bool) -> bool:
    """Is a user forgotten in a dataset; in any for None, unless it is asked for ``everywhere``."""
    forgotten = read_forgotten(root)
    if dataset is not None or everywhere:
        return any(forgotten.holds(name, dataset) for name in aliases.sought)
    return not {entry.digest for entry in forgotten.entries}.isdisjoint(map(digest, aliases.sought))


def _check_dataset(places: Sequence[Workspace], dataset: str | None, datasets: frozenset[str]) -> None:
    """Raises InputError for one that there is not."""
    if dataset is not None and dataset not in datasets:
        datasets |= _prepared(places).keys()
        raise InputError(f"there is no dataset {dataset!r}{nearest(dataset, datasets, 'datasets')}")


def _check_listable(found: _Found, user_id: str) -> None:
    """Raises InputError if files mention the user, and there is no dataset to leave them out of."""
    if not all(plan.empty for plan in found.plans):
        left = ", ".join(str(path) for plan in found.plans for path in plan.left)
        raise InputError(f"no dataset has {user_id!r}, but {left} mention them: name the dataset, or use --everywhere")


def _carry_out(root: Path, found: _Found, aliases: Aliases, dataset: str | None, everywhere: bool) -> list[Path]:
    """Remember what to look for, list the user, remove what was found; what is left after all."""
    plans = found.plans
    for plan in plans:
        if not plan.empty:
            plan.journal.write()
    listed = {path.resolve().parent for path in (plan.workspace.root / FILE for plan in plans) if path.exists()}
    names = aliases.listed.union(*(plan.known for plan in plans))
    for folder in {root, *listed} if dataset is not None or everywhere else ():
        add(folder, names, dataset)
    for each in found.online:  # of those that had nothing too: a call that broke off may have left pages in a log
        erase(each.store, aliases.sought)
    for plan in plans:
        for removal in plan.removals:
            removal.do()
    left = [path for plan in plans for path in leftovers(plan, aliases.sought, dataset)]
    for plan in plans if not left else ():
        plan.journal.delete()
    return left


def _report(root: Path, found: _Found, left: Sequence[Path], before: bool, kept_out: bool) -> Report:
    plans = found.plans
    met = [(plan.workspace, name) for plan in plans for name in plan.journal.findings]
    inputs = [place.inputs().get(name) for place, name in met if _hub(place, name) is None]
    hubs = dict.fromkeys(hub for hub in (_hub(place, name) for place, name in met) if hub is not None)
    judges = dict.fromkeys(section for place, _ in met for section in _judges(place))
    return Report(
        removals=tuple((plan.workspace.root, removal) for plan in plans for removal in plan.removals),
        exposures=tuple((plan.workspace.root, each) for plan in plans for each in plan.journal.exposures),
        inputs=tuple(dict.fromkeys(path for path in inputs if path is not None)),
        left=tuple(left),
        elsewhere=(*map(HUB.format, hubs), *map(JUDGE.format, judges), *_elsewhere(root)),
        listed=(root / FILE).resolve(),
        before=before,
        kept_out=kept_out,
        online=tuple(found.online),
        journals=tuple(plan.journal.path for plan in plans if plan.journal.path.exists()),
    )


def _hub(place: Workspace, dataset: str) -> str | None:
    """The Hugging Face id that a dataset is loaded from; its input is a file of code then."""
    options = (place.datasets.get(dataset) or {}).get("options") or {}
    return options.get("hub")


def _judges(place: Workspace) -> list[str]:
    """Sections that name a judge model behind an endpoint."""
    return [section for section in JUDGED if (place.parameters.get(section) or {}).get("judge")]


def _prepared(places: Sequence[Workspace]) -> dict[str, list[Path]]:
    """Dataset -> its tables of users."""
    found: dict[str, list[Path]] = {}
    for place in places:
        for path in sorted((place.root / "data" / "prepared").glob("*/users.parquet")):
            found.setdefault(path.parent.name, []).append(path)
    return found


def _unknown(places: Sequence[Workspace], user_id: str, dataset: str | None, online: int) -> InputError:
    """No such user: the nearest one, and what else may be the matter."""
    datasets = _prepared(places)
    tables = [path for name, paths in datasets.items() if dataset in (None, name) for path in paths]
    users = [name for path in tables for name in pq.read_table(path, columns=["user_id"])["user_id"].to_pylist()]
    alike = [name for name in users if abs(len(name) - len(user_id)) <= 2][:MOST_COMPARED]
    close = difflib.get_close_matches(user_id, alike, n=1, cutoff=0.6)
    where = f"dataset {dataset}" if dataset else f"any of {len(datasets)} datasets"
    beside = f", nor in {online} user store(s)" if online else ""
    return InputError(f"no user {user_id!r} in {where}, nor in what is kept of them{beside}{nearest(user_id, close)}")


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
