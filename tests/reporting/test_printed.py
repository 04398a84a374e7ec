"""What an interval lets one say: the wider one decides, and without one nothing is claimed."""

import math

import pytest

from prefactor.reporting.estimates import PERCENT, POINTS, Estimate
from prefactor.reporting.name import Name
from prefactor.reporting.printed import (
    TOLD_APART,
    Standing,
    beside,
    cell,
    clauses,
    listed,
    sentence,
    standing,
    words,
)

NARROW, WIDE = Estimate(0.6, 0.55, 0.65), Estimate(0.6, 0.55, 0.65, low_items=0.48, high_items=0.72)


@pytest.mark.parametrize(
    ("estimate", "where"),
    [
        (NARROW, Standing.ABOVE),
        (WIDE, Standing.OPEN),
        (Estimate(0.6), Standing.OPEN),
        (Estimate(math.nan), Standing.OPEN),
        (Estimate(0.4, 0.35, 0.45), Standing.BELOW),
        (Estimate(0.5, 0.5, 0.5), Standing.OPEN),
    ],
)
def test_the_wider_interval_decides(estimate: Estimate, where: Standing) -> None:
    assert standing(estimate, 0.5) is where


@pytest.mark.parametrize(
    ("own", "where"),
    [
        (Estimate(0.8, 0.73, 0.9), Standing.ABOVE),
        (Estimate(0.8, 0.70, 0.9), Standing.OPEN),
        (Estimate(0.8, 0.73, 0.9, low_items=0.7, high_items=0.95), Standing.OPEN),
        (Estimate(0.4, 0.35, 0.47), Standing.BELOW),
        (Estimate(0.8), Standing.OPEN),
    ],
)
def test_two_are_told_apart_where_their_wider_intervals_do_not_meet(own: Estimate, where: Standing) -> None:
    assert beside(own, WIDE) is where and beside(own, Estimate(0.6)) is Standing.OPEN


def test_sentences_name_everybody_with_the_interval_that_decides() -> None:
    found = {Name("Drift", ""): WIDE, Name("EXACT", ""): NARROW, Name("ARGS", "by VRF"): NARROW}
    said = sentence(clauses(found, 0.5, "half", PERCENT)).replace("\N{NO-BREAK SPACE}", " ")
    assert said == (
        "EXACT (60.0 % [55.0 – 65.0]) and ARGS (by VRF) (60.0 % [55.0 – 65.0]) above half; "
        "Drift (60.0 % [48.0 – 72.0]) not told from half."
    )
    assert clauses(found, 0.5, "half", told=TOLD_APART) == ["EXACT and ARGS (by VRF) above half"]
    assert clauses({}, 0.5, "half") == [] and listed(["a", "b", "c"]) == "a, b and c"


def test_cells_have_both_intervals() -> None:
    found = cell(WIDE, PERCENT)
    assert (found.text, found.interval, found.shared) == ("60.0", "55.0 – 65.0", "48.0 – 72.0")
    assert cell(None, PERCENT).text == cell(Estimate(math.nan), PERCENT).text == "–"
    assert words(Estimate(-0.012, -0.03, 0.01), POINTS) == "−1.2 points [−3.0 to +1.0]"
