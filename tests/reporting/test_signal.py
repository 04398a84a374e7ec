"""The sentences on a personal signal follow the numbers."""

import json
from pathlib import Path
from typing import Any

import pytest

from prefactor.evaluation.signal import headline
from prefactor.reporting.estimates import Estimate
from prefactor.reporting.signal import bound, sentences
from prefactor.reporting.tables import DIFFERENCE, Contender, Key, Section


@pytest.fixture
def found(finished_run: Path) -> dict[str, Any]:
    return json.loads((finished_run / "reports/signal/stylebench/minilm/result.json").read_text())


@pytest.mark.parametrize(("p", "said"), [(0.005, "none reaches"), (0.01, "1 reaches"), (0.3, "59 reach the")])
def test_the_answer_counts_the_deals(found: dict[str, Any], p: float, said: str) -> None:
    answer = sentences({**found, "p_value": p})[0]
    assert said in answer
    assert answer.startswith("There is a personal signal" if p <= 0.05 else "No personal signal is shown")


def test_what_is_not_known_is_not_promised(found: dict[str, Any]) -> None:
    unknown = {"pairs_for_reliability": {"0.5": None, "0.8": None}, "users_for_power": None}
    last = sentences({**found, **unknown})[2]
    assert "no number of pairs" in last and "no number of users" in last


def test_losses_carry_a_minus(found: dict[str, Any]) -> None:
    assert "\N{MINUS SIGN}0.0080 to +0.0040" in sentences(found)[1]


def test_what_all_pairs_would_gain_is_said_only_of_a_signal(found: dict[str, Any]) -> None:
    assert "From all of them it would be about +0.2061 nats and +23.1 points." in sentences(found)[1]
    assert "From all" not in sentences({**found, "p_value": 0.3})[1]
    assert "From all" not in sentences({**found, "gain_of_all": {"log_loss": None, "accuracy": None}})[1]


def gaining(**gains: dict[int, Estimate]) -> Section:
    """Methods' differences from BT on unseen users by number of pairs."""
    rows = {
        Key(Contender(method, "default"), DIFFERENCE, "unseen", shots): own
        for method, points in gains.items()
        for shots, own in points.items()
    }
    return Section("d", "global", "b", rows, {})


@pytest.mark.parametrize(("gain", "low", "shots", "said"), [(0.4, 0.3, 20, 1), (0.3, 0.2, 20, 0), (0.4, 0.3, 45, 0)])
def test_a_trained_method_that_gains_far_more_makes_it_a_lower_bound(
    found: dict[str, Any], gain: float, low: float, shots: int, said: int
) -> None:
    """More than twice the panel's gain of 15.9 points, clear of zero, from no more than half of the 51 pairs."""
    told = bound(found, gaining(vrf={shots: Estimate(gain, low, gain + 0.1)}), {})
    assert len(told) == said
    assert not said or told[0].startswith(
        "VRF gains +40.0 points, +30.0 to +50.0, over the trained BT from 20 pairs of unseen users: the gain here"
    )
    assert bound(found, gaining(surface={1: Estimate(0.9, 0.8, 1.0)}), {}) == ()


def test_a_lower_bound_clears_the_wider_interval(found: dict[str, Any]) -> None:
    wide = Estimate(0.4, 0.3, 0.5, low_items=-0.1, high_items=0.9)
    assert bound(found, gaining(vrf={20: wide}), {}) == ()


def test_the_lower_bound_is_that_of_the_method_that_validated_best(found: dict[str, Any]) -> None:
    """Not the largest of many, unless nothing else is left to go by: then how many is said."""
    clear, larger, nothing = Estimate(0.4, 0.3, 0.5), Estimate(0.6, 0.5, 0.7), Estimate(0.01, -0.01, 0.03)
    section = gaining(vrf={9: larger, 20: clear}, lore={20: larger}, pal={20: nothing})
    vrf, lore, pal = (Contender(method, "default") for method in ("vrf", "lore", "pal"))
    assert bound(found, section, {vrf: 0.8, lore: 0.7})[0].startswith(
        "VRF, which validated best, gains +40.0 points, +30.0 to +50.0, over the trained BT from 20 pairs"
    )
    assert bound(found, section, {vrf: 0.7, pal: 0.8}) == ()
    assert bound(found, section, {})[0].startswith("LoRe, which of 3 methods gains most, gains +60.0 points")


def test_gains_are_over_a_linear_bt(found: dict[str, Any]) -> None:
    linear = "over one linear reward for all (a linear BT)"
    assert linear in sentences(found)[1]
    assert f"gain {linear} +0.1414" in headline({**found, "dataset": "d", "backbone": "b"})
