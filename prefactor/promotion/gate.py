"""A gate: one thing that a challenger must show, what was measured of it, and what that means."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a gate said."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Gate:
    """``value`` is the number that was held against ``bound``, both None where there is none; ``found`` in words.

    ``asked``: should it have been measured. A gate that was asked for and could not be measured stops a promotion.
    """

    name: str
    verdict: Verdict
    found: str
    value: float | None = None
    bound: float | None = None
    asked: bool = True

    @property
    def stops(self) -> bool:
        """Does it keep the challenger from being served."""
        return self.verdict is Verdict.FAILED or (self.verdict is Verdict.NOT_MEASURED and self.asked)

    def row(self) -> dict[str, object]:
        """As a table and as JSON have it."""
        return {
            "gate": self.name,
            "verdict": self.verdict.value,
            "stops": self.stops,
            "found": self.found,
            "value": self.value,
            "bound": self.bound,
        }


def judged(name: str, passed: bool, found: str, value: float | None = None, bound: float | None = None) -> Gate:
    """A gate that was measured."""
    return Gate(name, Verdict.PASSED if passed else Verdict.FAILED, found, value, bound)


def not_asked(name: str, why: str) -> Gate:
    """A gate that nobody asked for, or that has nothing to be held against."""
    return Gate(name, Verdict.NOT_MEASURED, why, asked=False)


def unmeasured(name: str, why: str) -> Gate:
    """A gate that was asked for, and that could not be measured."""
    return Gate(name, Verdict.NOT_MEASURED, why)
