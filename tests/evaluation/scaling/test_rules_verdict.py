"""The verdict on rules: the wider interval decides, widened for as many rules as were tried."""

import math

import pandas as pd
import pytest
from scipy.special import ndtri

from prefactor.evaluation.scaling.rules.rule import ARGMAX
from prefactor.evaluation.scaling.rules.search import DIFFERENCE, GAIN
from prefactor.evaluation.scaling.rules.verdict import ROUNDING, judged

SIZES = (1, 2, 4)


def rows(rule: str, value: float, half: float = 0.1, shared: float = math.nan, chosen: bool = True) -> pd.DataFrame:
    """What a rule gains over plain argmax, which gains 1, at every N; ``half`` and ``shared``: of its two intervals."""
    ends = {"ci_low": value - half, "ci_high": value + half, "low_items": value - shared, "high_items": value + shared}
    at = {"rule": rule, "model": "own", "parameter": 0.5, "chosen": chosen, "n": pd.array(SIZES, "Int64")}
    of = {GAIN: {"value": 1.0 + value}, DIFFERENCE: {"value": value, **ends}}
    return pd.concat([pd.DataFrame({**at, "metric": metric, **values}) for metric, values in of.items()])


def verdict(*rules: pd.DataFrame) -> pd.DataFrame:
    return judged(pd.concat([rows(ARGMAX.name, 0.0, 0.0), *rules], ignore_index=True), "own")


def test_a_rule_beats_argmax_where_the_wider_interval_is_above_zero() -> None:
    found = verdict(rows("sure", 0.3, 0.1, 0.1), rows("wide", 0.3, 0.1, 0.4), rows("worse", -0.3))
    assert found.groupby("rule")["beats"].agg(["min", "max"]).T.to_dict("list") == {
        "sure": [True, True],
        "wide": [False, False],
        "worse": [False, False],
    }
    assert set(found["n"]) == {2, 4} and (found["plain"] == 1.0).all()


@pytest.mark.parametrize("tried", [1, 2, 8])
def test_intervals_are_widened_for_every_rule_that_was_tried(tried: int) -> None:
    found = verdict(*(rows(f"rule {number}", 0.3) for number in range(tried)))
    half = 0.1 * ndtri(1 - 0.025 / tried) / ndtri(0.975)
    assert (found["high"] - found["value"]).tolist() == pytest.approx([half] * 2 * tried)
    assert (found["value"] - found["low"]).tolist() == pytest.approx([half] * 2 * tried)


def test_rounding_is_no_gain() -> None:
    assert not verdict(rows("same", 0.5 * ROUNDING, 0.0))["beats"].any()
    assert verdict(rows("better", 2 * ROUNDING, 0.0))["beats"].all()


def test_other_parameters_other_models_and_argmax_itself_are_not_judged() -> None:
    assert verdict(rows("not chosen", 0.3, chosen=False), rows("theirs", 0.3).assign(model="theirs")).empty
