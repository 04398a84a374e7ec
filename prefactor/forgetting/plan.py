"""What of a person is where in a workspace, and the steps that remove it; nothing is changed by planning."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prefactor import layout
from prefactor.forgetting.exposure import exposures
from prefactor.forgetting.journal import Finding, Journal
from prefactor.forgetting.look import Look, in_tables
from prefactor.forgetting.prepared import share_of
from prefactor.forgetting.removal import Removal
from prefactor.forgetting.steps import outdated, steps
from prefactor.forgetting.workspace import Workspace, is_output


@dataclass(frozen=True)
class Plan:
    """What was found of a person in a workspace, by dataset, and the steps that remove it, in order.

    ``known``: the ids that prepared tables know them by. ``left``: what may mention them and is not to be changed.
    ``datasets``: all that there are.
    """

    workspace: Workspace
    journal: Journal
    removals: tuple[Removal, ...]
    known: frozenset[str]
    left: tuple[Path, ...]
    datasets: frozenset[str]

    @property
    def empty(self) -> bool:
        """Nothing of the person is here."""
        return not (self.journal.findings or self.removals or self.left)


def planned(workspace: Workspace, user_ids: Sequence[str], dataset: str | None) -> Plan:
    """Look for a user, known by some ids, the given one first, in one dataset of a workspace or in all.

    Raises InputError for broken files.
    A forgetting that was killed is gone on with: what it had found is looked for again.
    """
    look = Look.at(workspace, user_ids, dataset)
    shares = {name: share_of(workspace.root / layout.prepared(name), user_ids) for name in sorted(look.wanted)}
    rewritten = {name: share.removal for name, share in shares.items() if share.removal}
    journal = Journal.read(workspace.root, user_ids[0], dataset).joined(in_tables(look, shares), ())
    hits = look.search(look.sought(journal.findings))
    journal = journal.joined({name: Finding(look.plain) for name in hits if name is not None}, ())
    models = [
        exposure
        for name, finding in journal.findings.items()
        for exposure in exposures(workspace.root, name, user_ids, finding.role)
    ]
    found = (look, journal.findings, hits, rewritten)
    ordered = [*steps(*found), *outdated(*found)]
    known = frozenset().union(*(share.own.users for share in shares.values()))
    left = [path for path in hits.get(None, ()) if not is_output(workspace.relative(path))]
    ordered = [*ordered, *rewritten.values()]
    stray = {removal.place for removal in ordered if _is_file(removal, look) and look.strays(removal.place)}
    removals = tuple(removal for removal in ordered if removal.place not in stray)
    journal = journal.joined({}, tuple(models))
    return Plan(workspace, journal, removals, known, (*left, *sorted(stray)), look.wanted | set(workspace.datasets))


def _is_file(removal: Removal, look: Look) -> bool:
    """Of the workspace, not of DVC's cache."""
    return look.cache is None or removal.place != look.cache.folder


def leftovers(plan: Plan, user_ids: Sequence[str], dataset: str | None) -> list[Path]:
    """Files that mention the person after all, whoever wrote them."""
    look = Look.at(plan.workspace, user_ids, dataset)
    sought = look.sought(plan.journal.findings)
    found = [path for paths in look.search(sought).values() for path in paths]
    found += look.cache.mentioning(sought) if look.cache else ()
    return list(dict.fromkeys([*found, *(path for path in plan.left if path.exists())]))
