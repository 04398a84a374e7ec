"""The sentences on a personal signal follow the numbers."""

import json
from pathlib import Path
from typing import Any

import pytest

from prefactor.reporting.signal import sentences


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
