"""Figures: labels can be read, colours follow the theme, text is text."""

import re
from itertools import pairwise

import matplotlib as mpl
from hypothesis import given
from hypothesis import strategies as st

from prefactor.reporting.estimates import PERCENT, Estimate
from prefactor.reporting.figures import Curve, Mark, _spread, few_shot, forest, limits_of
from prefactor.reporting.style import Style

MARKS = [Mark("VRF", "default", Style("vermillion"), Estimate(0.7, 0.68, 0.72), (0.69, 0.71))]


@given(st.lists(st.floats(0, 100), max_size=12).map(sorted), st.floats(0.1, 5))
def test_labels_keep_their_distance_and_their_order(places: list[float], gap: float) -> None:
    spread = _spread(places, gap)
    assert len(spread) == len(places)
    assert all(after - before >= gap - 1e-6 for before, after in pairwise(spread))
    if all(after - before >= gap for before, after in pairwise(places)):
        assert spread == places


def test_colours_are_variables_with_the_paper_colour_behind() -> None:
    svg = forest(MARKS, PERCENT, (0.5, 0.8), 0.5, "a", "what it shows")
    assert "var(--vermillion, #d55e00)" in svg and "var(--ink, " in svg
    assert re.findall(r"(?<!, )#[0-9a-f]{6}", svg.replace("#000000", "")) == []


def test_the_same_figure_has_the_same_bytes_whatever_the_global_settings() -> None:
    first = forest(MARKS, PERCENT, (0.5, 0.8), 0.5, "a", "what it shows")
    with mpl.rc_context({"svg.hashsalt": "other", "svg.fonttype": "path"}):
        assert forest(MARKS, PERCENT, (0.5, 0.8), 0.5, "a", "what it shows") == first
    assert ">VRF</text>" in first and 'aria-label="what it shows"' in first


def test_a_far_ceiling_does_not_squeeze_the_curves() -> None:
    curve = Curve(MARKS[0], (1, 5), (Estimate(0.6, 0.58, 0.62), Estimate(0.7, 0.68, 0.72)))
    near, far = (Mark("Oracle", name, None, Estimate(at)) for name, at in (("near", 0.74), ("far", 0.99)))
    svg = few_shot([curve], [near, far], "a", "what it shows")
    assert "Oracle near" in svg and "Oracle far" not in svg


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.2)), min_size=1, max_size=5))
def test_limits_hold_every_interval(values: list[tuple[float, float]]) -> None:
    estimates = [Estimate(value, value - half, value + half) for value, half in values]
    low, high = limits_of(estimates, PERCENT, include=[0.5])
    assert all(low < item.low and item.high < high for item in estimates) and low < 0.5 < high


def test_a_name_is_text_and_neither_markup_nor_mathematics() -> None:
    svg = forest([Mark("$\\frac{$", "</svg>&", None, Estimate(0.7))], PERCENT, (0.5, 0.8), 0.5, "a", "what it shows")
    assert ">$\\frac{$</text>" in svg and ">&lt;/svg&gt;&amp;</text>" in svg
