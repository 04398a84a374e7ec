"""Texts that a language model wrote, rated by reward models and by a gold judge: as any other pool of candidates."""

import pandas as pd

from prefactor.evaluation.generation.candidates import REWARD, SPREAD
from prefactor.evaluation.scaling.pool import STD

COLUMNS = {"user_id": "user", "group_id": "query", "utility": "gold"}


def generated_pool(rated: pd.DataFrame) -> pd.DataFrame:
    """A table as ``evaluation.generation.rated`` makes it to one of scored candidates; no text is in it.

    A candidate is named by its prompt and sample, and so is the same for all users.
    """
    names = {REWARD: "", SPREAD: STD}
    scores = {
        str(column): f"{new}{str(column).removeprefix(old)}"
        for column in rated.columns
        for old, new in names.items()
        if str(column).startswith(old)
    }
    named = rated.assign(candidate=rated["group_id"].astype(str) + "-" + rated["sample"].astype(str))
    return named.rename(columns={**COLUMNS, **scores})[["user", "query", "candidate", "gold", *scores.values()]]
