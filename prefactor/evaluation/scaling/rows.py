"""A diagnosis's figures as rows of the results."""

from collections.abc import Mapping

import pandas as pd

from prefactor.evaluation.results import ALL_SEEDS, in_schema, setting_text

SHARED = ["metric", "value", "ci_low", "ci_high", "low_items", "high_items", "resampled", "n_users", "n_items"]


def scaling_rows(
    figures: pd.DataFrame, identity: Mapping[str, str], models: Mapping[str, Mapping[str, str]], shots: int | None
) -> pd.DataFrame:
    """Rows of unseen users who are known by ``shots`` pairs; ``setting`` holds N and the law, or what ``law`` names.

    ``models`` says of each model its ``method``, ``variant`` and ``run``; any other name, as of the oracle, is a method
    that nobody trained. Several training seeds are one figure. ``n_pairs`` is null: nobody compares two.
    """
    named = pd.DataFrame([_named(model, models) for model in figures["model"]], index=figures.index)
    setting = [_setting(n, law) for n, law in zip(figures["n"], figures["law"], strict=True)]
    same = {**identity, "split": "unseen", "seed": ALL_SEEDS}
    rows = figures[SHARED].assign(**named, setting=setting, shots=pd.array([shots] * len(figures), "Int64"), **same)
    return in_schema(rows)


def _named(model: str, models: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    return models.get(model, {"method": model, "variant": "", "run": ""})


def _setting(n: object, law: str) -> str:
    return setting_text({**({} if pd.isna(n) else {"n": n}), **({"law": law} if law else {})})
