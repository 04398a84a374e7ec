"""Gold utility of tables of texts, and the unit that gains in it are given in."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from prefactor.judging.gold import GoldUtility


def with_utility(texts: pd.DataFrame, gold: GoldUtility | None) -> pd.DataFrame:
    """Texts of (user_id, group_id) with their ``utility``; NaN where nobody knows it."""
    if gold is None:
        return texts.assign(utility=np.nan)
    columns = (texts[name].tolist() for name in ("user_id", "group_id", "response"))
    return texts.assign(utility=gold.utilities(*columns))


def spreads(user_ids: Sequence[str], pool: pd.DataFrame, gold: GoldUtility) -> pd.Series:
    """By user, the standard deviation of utility over the texts of a pool; 1 where all are alike."""
    every = with_utility(for_everyone(user_ids, pool), gold)
    spread = every.groupby("user_id")["utility"].std()
    return spread.where(spread > 0, 1.0)


def for_everyone(user_ids: Sequence[str], candidates: pd.DataFrame) -> pd.DataFrame:
    """Every user with every candidate."""
    return pd.DataFrame({"user_id": list(user_ids)}).merge(candidates, how="cross")
