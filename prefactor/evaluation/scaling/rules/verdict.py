"""Whether any rule beats plain argmax."""

import pandas as pd
from scipy.special import ndtri

from prefactor.evaluation.intervals import ENDS
from prefactor.evaluation.scaling.rules.rule import ARGMAX
from prefactor.evaluation.scaling.rules.search import DIFFERENCE, GAIN

ROUNDING = 1e-6  # of what plain argmax gains: a smaller difference is that of sums in another order


def judged(rules: pd.DataFrame, model: str) -> pd.DataFrame:
    """Of a model's rules but plain argmax, at N > 1 and the parameters that validation users chose, the differences.

    low, high  the wider of a difference's intervals, widened further for as many rules as were tried (Bonferroni)
    plain      what plain argmax gains at that N
    beats      whether the difference is above 0 by that interval
    """
    mine = rules[(rules["model"] == model) & rules["chosen"] & (rules["n"] > 1)]
    gain = mine[(mine["rule"] == ARGMAX.name) & (mine["metric"] == GAIN)].set_index("n")["value"]
    found = mine[(mine["rule"] != ARGMAX.name) & (mine["metric"] == DIFFERENCE)].copy()
    low, high = found[["ci_low", "low_items"]].min(axis=1), found[["ci_high", "high_items"]].max(axis=1)
    many = ndtri(1 - ENDS[0] / max(found["rule"].nunique(), 1)) / ndtri(ENDS[1])
    found["low"] = found["value"] - many * (found["value"] - low)
    found["high"] = found["value"] + many * (high - found["value"])
    found["plain"] = found["n"].map(gain)
    return found.assign(beats=found["low"] > ROUNDING * found["plain"].abs())
