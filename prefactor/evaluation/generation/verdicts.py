"""Whose text is better for a user, a method's or the base model's: from gold utility, or as a judge answered.

A verdict is 1 where the method's text wins, 0 where it loses, 1/2 for a tie, NaN where nobody knows.
"""

import numpy as np
import pandas as pd

from prefactor.errors import InputError
from prefactor.evaluation.generation.cells import GROUP, USER
from prefactor.evaluation.generation.columns import require, require_once

BASE = "base"  # the method that all others are held against
LEAST = 1e-9  # two utilities that differ by no more are level
WIN, TIE, LOSS = 1.0, 0.5, 0.0
ANSWERS = [USER, GROUP, "method", "verdict", "missing", "malformed"]
KEY = [USER, GROUP, "method", "setting"]
TEXTS = [USER, GROUP, "method", "response", "utility"]


def verdicts_by_utility(texts: pd.DataFrame, base: str = BASE) -> pd.DataFrame:
    """A row for each text that is not the base's: KEY, verdict, missing, malformed (False), and its gain.

    ``texts`` have TEXTS, and may have ``setting`` and ``scale``, the standard deviation of the user's utility over a
    pool of responses. Equal texts, and utilities that differ by LEAST at most, are level. ``raw_gain`` is the utility
    above the base's; with ``scale`` there is ``gain`` instead, in its units. A text without utility, or without a
    base's text of the same (user, prompt) that has one, is missing.
    """
    texts = with_setting(texts, TEXTS, "texts")
    plain = texts.loc[texts["method"] == base, [USER, GROUP, "response", "utility"]]
    require_once(plain, [USER, GROUP], f"the texts of {base}")
    other = plain.rename(columns={"response": "base_response", "utility": "base_utility"})
    both = texts[texts["method"] != base].merge(other, on=[USER, GROUP], how="left")
    gain = _gain(both)
    verdict = pd.Series(np.select([gain.isna(), gain.abs() <= LEAST, gain > 0], [np.nan, TIE, WIN], LOSS), both.index)
    found = both[KEY].assign(verdict=verdict, missing=verdict.isna(), malformed=False)
    if "scale" not in both:
        return found.assign(raw_gain=gain)
    return found.assign(gain=gain / both["scale"].where(both["scale"] > 0))


def verdicts_by_judge(judgements: pd.DataFrame) -> pd.DataFrame:
    """A judge's answers, with columns ANSWERS and perhaps ``setting``, as KEY, verdict, missing, malformed.

    A verdict that is none is malformed if it says so, else missing. InputError for other values than 1, 1/2, 0, NaN.
    """
    answers = with_setting(judgements, ANSWERS, "judgements")
    verdict, malformed = answers["verdict"].astype("float64"), answers["malformed"].astype(bool)
    strange = verdict[~verdict.isin([WIN, TIE, LOSS]) & verdict.notna()]
    if len(strange):
        raise InputError(f"a verdict is 1, 0.5, 0 or missing, got {strange.iloc[0]:g}: judge these texts again")
    contrary = verdict.notna() & (malformed | answers["missing"].astype(bool))
    if contrary.any():
        raise InputError(
            f"{int(contrary.sum())} judgement(s) are missing or malformed, yet have a verdict: judge again"
        )
    return answers[KEY].assign(verdict=verdict, missing=verdict.isna() & ~malformed, malformed=malformed)


def verdict_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether the first utility is above the second, elementwise and broadcast: 1, 1/2 within LEAST, 0."""
    gain = first - second
    return np.where(np.abs(gain) <= LEAST, TIE, (gain > 0).astype(np.float64))


def with_setting(table: pd.DataFrame, columns: list[str], name: str) -> pd.DataFrame:
    """The table with a column ``setting``, empty where there was none. InputError for lacking columns, doubled keys."""
    require(table, columns, name)
    settings = table["setting"].fillna("") if "setting" in table else ""
    named = table.assign(setting=settings).reset_index(drop=True)
    require_once(named, KEY, name)
    return named


def _gain(both: pd.DataFrame) -> pd.Series:
    """Utility above the base's; 0 for the very same text, whether or not anybody knows its utility."""
    gain = both["utility"].astype("float64") - both["base_utility"].astype("float64")
    return gain.mask(both["response"] == both["base_response"], 0.0)
