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
from prefactor.forgetting.steps import is_remade, outdated, steps
from prefactor.forgetting.workspace import Workspace


@dataclass(frozen=True)
class Plan:
    """What was found of a person in a workspace, by dataset, and the steps that remove it, in order.

    ``known``: the ids that prepared tables know them by. ``left``: files that mention them and are not to be changed.
    """

    workspace: Workspace
    journal: Journal
    removals: tuple[Removal, ...]
    known: frozenset[str]
    left: tuple[Path, ...]

    @property
    def empty(self) -> bool:
        """Nothing of the person is here."""
        return not (self.journal.findings or self.removals or self.left)


def planned(workspace: Workspace, user_ids: Sequence[str], dataset: str | None) -> Plan:
    """Look for a user, known by some ids, in one dataset of a workspace or in all. Raises InputError for broken files.

    A forgetting that was killed is gone on with: what it had found is looked for again.
    """
    look = Look.at(workspace, user_ids, dataset)
    shares = {name: share_of(workspace.root / layout.prepared(name), user_ids) for name in sorted(look.wanted)}
    rewritten = {name: share.removal for name, share in shares.items() if share.removal}
    journal = Journal.read(workspace.root, user_ids[0]).joined(in_tables(look, shares), ())
    hits = look.search(look.sought(journal.findings))
    journal = journal.joined({name: Finding(look.plain) for name in hits if name is not None}, ())
    models = [
        exposure
        for name, finding in journal.findings.items()
        for exposure in exposures(workspace.root, name, user_ids, finding.role)
    ]
    ordered = [*steps(look, journal.findings, hits, rewritten), *outdated(look, journal.findings, rewritten)]
    known = frozenset().union(*(share.own.users for share in shares.values()))
    left = [path for path in hits.get(None, ()) if not is_remade(workspace, path)]
    journal = journal.joined({}, tuple(models))
    return Plan(workspace, journal, (*ordered, *rewritten.values()), known, tuple(left))


def leftovers(plan: Plan, user_ids: Sequence[str], dataset: str | None) -> list[Path]:
    """Files that mention the person after all, whoever wrote them."""
    look = Look.at(plan.workspace, user_ids, dataset)
    sought = look.sought(plan.journal.findings)
    found = [path for paths in look.search(sought).values() for path in paths]
    return [*found, *(look.cache.mentioning(sought) if look.cache else ())]
