"""How open the next token is, before and after steering (Drift, section 5: 0.27 bits become 0.63)."""

import json
from collections.abc import Mapping

import pandas as pd

from prefactor.evaluation.generation.cells import CELL, GROUP, USER, result_rows_of
from prefactor.evaluation.generation.columns import require

BEFORE, AFTER, CHANGE = "entropy_before", "entropy_after", "entropy_change"  # bits a token


def entropy_rows(entropies: pd.DataFrame, identity: Mapping[str, str]) -> pd.DataFrame:
    """Result rows BEFORE, AFTER and CHANGE, the paired difference, by method: means over users.

    Columns: user_id, method, ``before`` and ``after`` in bits a token, one row a text or a user; perhaps group_id, with
    which intervals are over users and prompts too, and setting.
    """
    require(entropies, [USER, "method", "before", "after"], "entropies")
    filled = {name: "" if name == "setting" else None for name in (GROUP, "setting") if name not in entropies}
    table = entropies.assign(**filled)
    values = {BEFORE: table["before"], AFTER: table["after"], CHANGE: table["after"] - table["before"]}
    cells = [table.assign(metric=metric, value=value.astype("float64"))[CELL] for metric, value in values.items()]
    return result_rows_of(pd.concat(cells, ignore_index=True), identity)


def entropies_of(texts: pd.DataFrame) -> pd.DataFrame:
    """The table for ``entropy_rows`` of generated texts: those whose ``about``, a JSON object, tells of both.

    Of a text without tokens there is nothing to tell.
    """
    require(texts, [USER, GROUP, "method", "tokens", "about"], "texts")
    about = [json.loads(text) for text in texts["about"]]
    found = texts.assign(before=[one.get(BEFORE) for one in about], after=[one.get(AFTER) for one in about])
    known = found["before"].notna() & found["after"].notna() & (found["tokens"] > 0)
    return found.loc[known, [USER, GROUP, "method", "before", "after"]].reset_index(drop=True)
