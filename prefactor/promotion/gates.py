"""The gates of a promotion, each from what was measured; comparisons need a champion to compare with."""

import numpy as np
import pandas as pd

from prefactor.promotion.difference import Difference
from prefactor.promotion.gate import Gate, judged, not_asked, unmeasured
from prefactor.promotion.parameters import AccuracyGate, CalibrationGate, LatencyGate, SlicesGate

HELD_OUT, ACCURACY, CALIBRATION = "users held out", "unseen accuracy", "calibration"
LATENCY, SLICES = "latency", "slices"
SCORED = (ACCURACY, CALIBRATION, LATENCY, SLICES)
NOT_ASKED, FIRST = "not asked for", "there is no champion to compare with"


def held_out_gate(users: int, overlap: int, left_out: int) -> Gate:
    """Nobody who is evaluated was trained on: of so many users, an ``overlap``, of whom some were ``left_out``."""
    if left_out:
        found = f"{left_out:,} of {users:,} users to be evaluated are known to a model and were left out"
        return judged(HELD_OUT, left_out < users, found, float(overlap - left_out), 0.0)
    found = f"{overlap:,} of {users:,} users to be evaluated are among those that a model was trained on"
    return judged(HELD_OUT, not overlap, found, float(overlap), 0.0)


def accuracy_gate(asked: AccuracyGate | None, first: bool, found: Difference | None) -> Gate:
    """The low end of the difference on unseen users is not below the tolerance."""
    if asked is None or first:
        return not_asked(ACCURACY, FIRST if asked else NOT_ASKED)
    if found is None:
        return unmeasured(ACCURACY, "fewer than two users have evaluation pairs")
    mean = found.interval
    text = (
        f"{mean.value:+.2%} [{mean.low:+.2%}, {mean.high:+.2%}] over {found.resampled}, "
        f"{found.users:,} users, {found.pairs:,} pairs; {-asked.tolerance:.2%} is allowed"
    )
    return judged(ACCURACY, mean.low >= -asked.tolerance, text, mean.low, -asked.tolerance)


def calibration_gate(asked: CalibrationGate | None, champion: float | None, challenger: float) -> Gate:
    """The expected calibration error is small, and not much above the champion's."""
    if asked is None:
        return not_asked(CALIBRATION, NOT_ASKED)
    if not np.isfinite(challenger):
        return unmeasured(CALIBRATION, "nobody has evaluation pairs")
    bound = asked.at_most if champion is None else min(asked.at_most, champion + asked.worse_by)
    before = "" if champion is None else f", the champion's {champion:.4f}"
    text = f"ECE {challenger:.4f}{before}; {bound:.4f} is allowed"
    return judged(CALIBRATION, challenger <= bound, text, challenger, bound)


def latency_gate(asked: LatencyGate | None, first: bool, seconds: np.ndarray | None) -> Gate:
    """The challenger's p95 is at most so many times the champion's; ``seconds`` (2, R) of both, in that order."""
    if asked is None or first:
        return not_asked(LATENCY, FIRST if asked else NOT_ASKED)
    if seconds is None:
        return unmeasured(LATENCY, "no prompt has two responses")
    before, now = np.quantile(seconds, 0.95, axis=1)
    ratio = float(now / before)
    text = (
        f"p95 of a ranking {now * 1e3:,.1f} ms, {ratio:.2f} times the champion's {before * 1e3:,.1f} ms, "
        f"{seconds.shape[1]} requests; {asked.factor:g} times are allowed"
    )
    return judged(LATENCY, ratio <= asked.factor, text, ratio, asked.factor)


def slices_gate(asked: SlicesGate | None, first: bool, table: pd.DataFrame) -> Gate:
    """No slice is worse off with confidence."""
    if asked is None or first:
        return not_asked(SLICES, FIRST if asked else NOT_ASKED)
    if table.empty:
        return unmeasured(SLICES, f"no group has {asked.smallest} users, and nobody is known by fewer pairs")
    harmed, least = table[table["harmed"]], table.loc[table["at_most"].idxmin()]
    names = f": {'; '.join(harmed['slice'])}" if len(harmed) else ""
    lowest = f"the lowest bound is {least['at_most']:+.2%}, of {least['slice']}"
    allowed = f"; {-asked.tolerance:.2%} is allowed" if asked.tolerance else ""
    text = f"{len(harmed)} of {len(table)} slices harmed{names}; {lowest}{allowed}"
    return judged(SLICES, harmed.empty, text, float(least["at_most"]), -asked.tolerance)
