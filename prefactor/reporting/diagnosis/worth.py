"""What N is worth paying for: what each further candidate brings, held against its cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.estimates import Estimate
from prefactor.reporting.printed import Standing, standing

TAIL = 0.1  # without a cost: a further candidate is worth it that brings at least so much of what the second brought


class Reason(Enum):
    """Why an N is the one, or why there is none."""

    PAYS = "pays"
    NO_GAIN = "no gain is shown at any N"
    HARMS = "more candidates are shown to harm"
    TOO_DEAR = "no N is shown to be worth its cost"
    OPEN = "cannot be told: the gain there is not shown to be above 0"


@dataclass(frozen=True)
class Worth:
    """The N worth paying for (None: cannot be told), and why; ``last``: it is the largest that was measured."""

    n: int | None
    reason: Reason
    last: bool = False


def worth(measured: Measured, model: str, cost: float | None = None) -> Worth:
    """With a ``cost`` of a candidate, in spreads: the N of the greatest gain less the cost of all but the first.

    Without: the N after which a further candidate brings less than TAIL of what the second brought.
    """
    gains = measured.gains(model)
    shown = {standing(own, 0.0) for n, own in gains.items() if n > 1}
    if Standing.ABOVE not in shown:
        return Worth(1, Reason.HARMS if Standing.BELOW in shown else Reason.NO_GAIN)
    return _without_cost(gains, measured.steps(model)) if cost is None else _at_cost(gains, cost)


def worth_text(found: Worth) -> str:
    """``8``, ``32 or more``, ``1 (no gain is shown at any N)``, or why it cannot be told."""
    if found.reason is Reason.PAYS:
        return f"{found.n} or more" if found.last else str(found.n)
    return found.reason.value if found.n is None else f"{found.n} ({found.reason.value})"


def _without_cost(gains: Mapping[int, Estimate], brought: Mapping[int, Estimate]) -> Worth:
    before = dict(zip([*gains][1:], gains, strict=False))
    second = next(iter(brought.values())).value
    n = next((before[n] for n, own in brought.items() if own.value < TAIL * second), max(gains))
    if second <= 0 or standing(gains[n], 0.0) is not Standing.ABOVE:
        return Worth(None, Reason.OPEN)
    return Worth(n, Reason.PAYS, last=n == max(gains))


def _at_cost(gains: Mapping[int, Estimate], cost: float) -> Worth:
    n = max(gains, key=lambda n: (gains[n].value - cost * (n - 1), -n))
    if n == 1 or standing(gains[n], cost * (n - 1)) is not Standing.ABOVE:
        return Worth(1, Reason.TOO_DEAR)
    return Worth(n, Reason.PAYS, last=n == max(gains))
