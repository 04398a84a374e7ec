"""Does selection find the true attributes of a user, where they are known? Precision at k, beside chance."""

from collections.abc import Mapping

import pandas as pd

from prefactor.evaluation.generation.cells import CELL, GROUP, USER, result_rows_of
from prefactor.evaluation.generation.columns import require

PRECISION, CHANCE, ABOVE = "precision_at_k", "precision_at_k_chance", "precision_at_k_above_chance"


def precision_rows(precisions: pd.DataFrame, identity: Mapping[str, str]) -> pd.DataFrame:
    """Result rows PRECISION, CHANCE and ABOVE, their paired difference, by method, setting ``k=<k>``.

    ``precisions``: user_id, method, k, ``precision`` of the k attributes selected, and ``chance``, that of k drawn at
    random, one row for each. Shares in [0, 1].
    """
    require(precisions, [USER, "method", "k", "precision", "chance"], "precisions")
    own, blind = precisions["precision"].astype("float64"), precisions["chance"].astype("float64")
    named = precisions.assign(**{GROUP: None}, setting="k=" + precisions["k"].astype("int64").astype(str))
    values = {PRECISION: own, CHANCE: blind.where(own.notna()), ABOVE: own - blind}
    cells = [named.assign(metric=metric, value=value)[CELL] for metric, value in values.items()]
    return result_rows_of(pd.concat(cells, ignore_index=True), identity)
