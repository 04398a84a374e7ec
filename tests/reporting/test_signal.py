"""The sentences on a personal signal follow the numbers."""

import json
from pathlib import Path
from typing import Any

import pytest

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


@pytest.mark.parametrize(("gain", "low", "shots", "said"), [(0.4, 0.3, 20, 1), (0.3, 0.2, 20, 0), (0.4, 0.3, 45, 0)])
def test_a_trained_method_that_gains_far_more_makes_it_a_lower_bound(
    found: dict[str, Any], gain: float, low: float, shots: int, said: int
) -> None:
    """More than twice the panel's gain of 15.9 points, clear of zero, from no more than half of the 51 pairs."""
    rows = {Key(Contender("vrf", "default"), DIFFERENCE, "unseen", shots): Estimate(gain, low, gain + 0.1)}
    told = bound(found, Section("d", "global", "b", rows, {}))
    assert len(told) == said
    assert not said or told[0].startswith("VRF gains +40.0 points over BT from 20 pairs of unseen users")
    everybodys = {Key(Contender("surface", "default"), DIFFERENCE, "unseen", 1): Estimate(0.9, 0.8, 1.0)}
    assert bound(found, Section("d", "global", "b", everybodys, {})) == ()
