"""A trial as plain text: what would be dropped and why, what the gates say, and what a split would leave unused."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prefactor.datasets.rows import examples
from prefactor.inspection.trial import SPLIT, TABLES, Failure, Reason, Trial, Verdict
from prefactor.reporting.facts import number
from prefactor.splitting.layout import ROLES

WHY = {
    "duplicate_pairs": "the same choice of the same user again",
    "lone_responses": "one response in a set is not a pair",
    "tied_scores": "highest and lowest score are the same",
    "below_minimum_margin": "highest and lowest score are too close",
    "duplicate_ratings": "the same score of the same response again",
    "users_without_pairs": "nothing of theirs is left",
    "contradictory_pairs": "the opposite of an earlier choice of the same user",
    "conflicting_ratings": "different scores of the same response: their mean counts",
    "negative_margins": "the chosen response has the lower score",
}
LEFT_OUT = {"dropped": "too few pairs for every part", "unused": "beyond the shares asked for"}
UNUSED = {
    "dropped_users": "of users with too few pairs for every part",
    "unused_users": "of users beyond the shares asked for",
    "across_pools": "their texts are in different pools",
    "spare": "beyond what their user's parts ask for",
}


def found(trial: Trial, docs: Path | None) -> str:
    """All that a trial says; ``docs`` is where its Data Docs are, None if nobody wanted them."""
    read = ", ".join(f"{number(count)} {what}" for what, count in trial.read.items())
    what = f"{trial.name}: {read} make {number(trial.pairs)} pairs of {number(trial.users)} users"
    parts = [
        [what],
        ["Dropped", *(_reasons(trial.dropped) or ["  Nothing."])],
        ["Kept and noted", *(_reasons(trial.noted) or ["  Nothing."])],
        ["Gate of the tables", *_verdict(trial.tables, TABLES, docs)],
        ["Split", *_split(trial)],
    ]
    if trial.split is not None:
        parts.append(["Gate of the split", *_verdict(trial.split, SPLIT, docs)])
    return "\n\n".join("\n".join(lines) for lines in parts)


def _reasons(reasons: tuple[Reason, ...]) -> list[str]:
    width = max((len(number(reason.count)) for reason in reasons), default=0)
    return [f"  {number(reason.count):>{width}} {_reason(reason)}" for reason in reasons]


def _reason(reason: Reason) -> str:
    why = f" ({WHY[reason.name]})" if reason.name in WHY else ""
    places = f": {examples([*reason.places], reason.count)}" if reason.places else ""
    return f"{reason.name.replace('_', ' ')}{why}{places}"


def _verdict(verdict: Verdict, gate: str, docs: Path | None) -> Iterator[str]:
    if not verdict.failures:
        yield f"  passed all {verdict.expectations} checks"
    else:
        yield f"  not passed: {len(verdict.failures)} of {verdict.expectations} checks"
    for failure in verdict.failures:
        yield from _failure(failure, docs)
    if docs is not None:
        yield f"  see {docs / gate / 'index.html'}"
    elif verdict.failures:
        yield "  with --docs FOLDER all rows that failed are written there"


def _failure(failure: Failure, docs: Path | None) -> Iterator[str]:
    observed = f", observed {failure.observed}" if failure.observed else ""
    yield f"  {failure.suite}: {failure.expectation}: {number(failure.rows)} row(s){observed}"
    if docs is not None:
        yield f"    rows: {docs / failure.file}"
    elif failure.ids:
        yield f"    first: {examples([*failure.ids], failure.rows)}"
    yield f"    fix: {failure.fix}"


def _split(trial: Trial) -> Iterator[str]:
    if trial.manifest is not None:
        yield from _divided(trial.manifest)
    elif trial.refusal:
        yield f"  refused: {trial.refusal}"
        if not trial.asked:
            yield "  that was the default split, which needs more users or pairs; one of your own may do with these"
    else:
        yield "  not tried: the tables come first"


def _divided(manifest: Mapping[str, Any]) -> Iterator[str]:
    users, pairs = manifest["users"], manifest["pairs"]
    yield f"  rule {manifest['rule']}, seed {manifest['seed']}"
    yield f"  users: {', '.join(f'{number(users[role])} {role}' for role in ROLES)}"
    for reason, why in LEFT_OUT.items():
        if users[reason]:
            yield f"  {number(users[reason])} users {reason}: {why}"
    for reason, count in pairs["unused"].items():
        if count:
            yield f"  {number(count)} pairs unused: {UNUSED.get(reason, reason.replace('_', ' '))}"
    if not any(pairs["unused"].values()):
        yield "  all pairs are used"
