"""What a sweep found, as text and rows: for its page, the Prefect page and whoever started it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefactor.sweeping.outcome import Outcome, State, ranked
from prefactor.sweeping.winner import YARDSTICK, winner


@dataclass(frozen=True)
class Summary:
    """The outcomes of a sweep, in sentences and rows."""

    name: str
    outcomes: Sequence[Outcome]

    @property
    def best(self) -> Outcome | None:
        """The winner by validation."""
        return winner(self.outcomes)

    @property
    def yardstick(self) -> Outcome | None:
        """The trial of the variant as it stood, if that has ended."""
        return next((outcome for outcome in self.outcomes if outcome.number == YARDSTICK), None)

    @property
    def counts(self) -> str:
        """How many trials ended how."""
        found = Counter(outcome.state for outcome in self.outcomes)
        said = [f"{found[state]} {state}" for state in State if found[state]]
        return f"{', '.join(said)} of {len(self.outcomes)} that ended" if said else "no trial has ended"

    @property
    def verdict(self) -> str:
        """Who won, and by how much."""
        best, before = self.best, self.yardstick
        if best is None or best.score is None:
            return "No trial has a score."
        if best.number == YARDSTICK:
            return f"Nothing that was tried beats the variant as it stood, {_with_interval(best)}."
        said = f"Trial {best.number} is best, {_with_interval(best)}: {said_changes(best.changes)}."
        return f"{said} The variant as it stood: {_of_yardstick(before)}.{self._gain} {self._optimism}"

    @property
    def _gain(self) -> str:
        """The best against the variant as it stood, user by user, where both are known."""
        best, before = self.best, self.yardstick
        if best is None or before is None or best.users is None or before.users is None:
            return ""
        gain = best.users.gain_over(before.users)
        if gain is None:
            return ""
        points = [f"{100 * end:+.2f}" for end in (gain.value, gain.low, gain.high)]
        return f" User by user: {points[0]} points, 95 % interval {points[1]} to {points[2]}."

    @property
    def _optimism(self) -> str:
        scored = sum(outcome.score is not None for outcome in self.outcomes)
        return f"The best of {scored} noisy scores is an optimistic one: evaluation pairs tell what it is worth."

    def rows(self) -> list[dict[str, str]]:
        """A row per trial, the best first."""
        return [_row(place, outcome) for place, outcome in enumerate(ranked(self.outcomes), 1)]

    def curve(self) -> list[tuple[int, float]]:
        """The best score so far after each trial that raised it: trials ended, score. Trials count by their number."""
        found: list[tuple[int, float]] = []
        for outcome in sorted(self.outcomes, key=lambda each: each.number):
            if outcome.score is not None and (not found or outcome.score > found[-1][1]):
                found.append((outcome.number, outcome.score))
        return found


def percent(share: float) -> str:
    """A share as read: 94.12 %."""
    return f"{100 * share:.2f} %"


def said_changes(changes: Mapping[str, Any]) -> str:
    """What a trial changes, in one line."""
    return ", ".join(f"{key} {said_value(value)}" for key, value in changes.items()) or "the variant as it stood"


def said_value(value: Any) -> str:
    """A value as in params.yaml, numbers to four digits."""
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value).strip('"')


def _of_yardstick(outcome: Outcome | None) -> str:
    if outcome is None:
        return "not known yet"
    return _with_interval(outcome) if outcome.score is not None else f"{outcome.state}, {outcome.reason}"


def _with_interval(outcome: Outcome) -> str:
    """A score with what it was measured on, as far as that was kept."""
    said = percent(outcome.score or 0.0)
    if outcome.users is None:
        return said
    seeds = f"{len(outcome.seeds)} seed{'s' if len(outcome.seeds) > 1 else ''}"
    about = f"{outcome.users.number:,} users, {outcome.users.pairs:,} pairs, {seeds}"
    return f"{said} ({_interval(outcome)}: 95 % interval over users; {about})"


def _interval(outcome: Outcome) -> str:
    if outcome.low is None or outcome.high is None:
        return ""
    return f"{100 * outcome.low:.2f} to {percent(outcome.high)}"


def _row(place: int, outcome: Outcome) -> dict[str, str]:
    per_seed = [f"{seed}: {percent(scores['mean'])}" for seed, scores in outcome.seeds.items()]
    return {
        "place": str(place),
        "trial": str(outcome.number),
        "state": str(outcome.state),
        "score": percent(outcome.score) if outcome.score is not None else "",
        "95 % interval": _interval(outcome),
        "users": f"{outcome.users.number:,}" if outcome.users else "",
        "pairs": f"{outcome.users.pairs:,}" if outcome.users else "",
        "by seed": ", ".join(per_seed),
        "spread": f"{100 * outcome.spread:.2f}" if outcome.spread is not None else "",
        "seconds": f"{outcome.seconds:.1f}",
        "changes": said_changes(outcome.changes),
        "reason": outcome.reason,
    }
