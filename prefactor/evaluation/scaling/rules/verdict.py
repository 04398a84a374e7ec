"""Whether any rule beats plain argmax, in words."""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from prefactor.evaluation.intervals import ENDS
from prefactor.evaluation.scaling.rules.rule import ARGMAX
from prefactor.evaluation.scaling.rules.search import DIFFERENCE, GAIN

ROUNDING = 1e-6  # of what plain argmax gains: a smaller difference is that of sums in another order


def verdict(rules: pd.DataFrame, model: str) -> str:
    """A sentence about a model's rules, each with the parameter that validation users chose.

    A rule beats plain argmax at N if its difference is above 0 by the wider of its intervals, widened further for as
    many rules as were tried (Bonferroni). How much it is worth is said as a share of what plain argmax gains.
    """
    found = judged(rules, model)
    if found.empty:
        return f"{model}: no rule but plain argmax could be tried."
    tried, sure = found["rule"].nunique(), found[found["low"] > ROUNDING * found["plain"].abs()]
    if sure.empty:
        best = found.loc[found["value"].idxmax()]
        return f"{model}: none of {tried} rules beats plain argmax; the largest difference is {_words(best)}."
    each = [_of_sizes(rows) for _, rows in sure.groupby("rule", sort=False)]
    return f"{model}: {len(each)} of {tried} rules beat plain argmax: {'; '.join(each)}."


def judged(rules: pd.DataFrame, model: str) -> pd.DataFrame:
    """The chosen rules' differences at N > 1, with ``low`` and ``high``: the wider interval, for so many rules.

    ``plain`` is what plain argmax gains at that N.
    """
    mine = rules[(rules["model"] == model) & rules["chosen"] & (rules["n"] > 1)]
    gain = mine[(mine["rule"] == ARGMAX.name) & (mine["metric"] == GAIN)].set_index("n")["value"]
    found = mine[(mine["rule"] != ARGMAX.name) & (mine["metric"] == DIFFERENCE)].copy()
    low, high = found[["ci_low", "low_items"]].min(axis=1), found[["ci_high", "high_items"]].max(axis=1)
    many = ndtri(1 - ENDS[0] / max(found["rule"].nunique(), 1)) / ndtri(ENDS[1])
    found["low"] = found["value"] - many * (found["value"] - low)
    found["high"] = found["value"] + many * (high - found["value"])
    return found.assign(plain=found["n"].map(gain))


def _of_sizes(rows: pd.DataFrame) -> str:
    """A rule at the N where it is surest, and at which others it is sure."""
    surest = rows.loc[(rows["low"] / rows["plain"]).idxmax()]
    others = [str(n) for n in sorted(rows["n"]) if n != surest["n"]]
    return _words(surest) + (f" (also at N = {', '.join(others)})" if others else "")


def _words(row: pd.Series) -> str:
    parameter = "" if np.isnan(row["parameter"]) else f" at {row['parameter']:g}"
    interval = f"{row['value']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
    share = f", {row['value'] / row['plain']:+.1%} of the gain" if row["plain"] > 0 else ""
    return f"{row['rule']}{parameter}, {interval} at N = {row['n']}{share}"
