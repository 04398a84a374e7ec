"""A diagnosis's figures of users who are known by different numbers of pairs, in one table."""

from collections.abc import Mapping

import pandas as pd

from prefactor.evaluation.results import ALL_SEEDS, in_schema, setting_text

SHARED = [
    *("metric", "value", "ci_low", "ci_high", "low_items", "high_items"),
    *("resampled", "n_users", "n_items", "shots"),
]


def with_shots(figures: Mapping[int | None, pd.DataFrame]) -> pd.DataFrame:
    """Figures by known pairs of a user, all of them where it is None: column ``shots`` says how many."""
    shown = [part.assign(shots=pd.array([shots] * len(part), "Int64")) for shots, part in figures.items()]
    return pd.concat(shown, ignore_index=True)


def scaling_rows(
    figures: pd.DataFrame, identity: Mapping[str, str], models: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """Figures of unseen users, ``with_shots``, as rows of the results; ``setting`` holds N and the law, or what ``law``
    names.

    ``models`` says of each model its ``method``, ``variant`` and ``run``; any other name, as of the oracle, is a method
    that nobody trained. Several training seeds are one figure. ``n_pairs`` is null: nobody compares two.
    """
    named = pd.DataFrame([_named(model, models) for model in figures["model"]], index=figures.index)
    setting = [_setting(n, law) for n, law in zip(figures["n"], figures["law"], strict=True)]
    same = {**identity, "split": "unseen", "seed": ALL_SEEDS}
    return in_schema(figures[SHARED].assign(**named, setting=setting, **same))


def _named(model: str, models: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    return models.get(model, {"method": model, "variant": "", "run": ""})


def _setting(n: object, law: str) -> str:
    return setting_text({**({} if pd.isna(n) else {"n": n}), **({"law": law} if law else {})})
