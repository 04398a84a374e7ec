"""Curves: rare bins stay out, names stand at the ends."""

from prefactor.reporting.curves import Line, coverage, reliability
from prefactor.reporting.figures import Mark
from prefactor.reporting.style import Style

MARK = Mark("VRF", "default", Style("vermillion"))


def test_a_bin_that_holds_next_to_nothing_is_not_drawn() -> None:
    bins = ((0.55, 0.7, 0.99), (0.56, 0.7, 0.1))
    whole = reliability([Line(MARK, *bins, (0.5, 0.3, 0.2))], "a", "what it shows")
    rare = reliability([Line(MARK, *bins, (0.5, 0.499, 0.001))], "a", "what it shows")
    assert ">20</text>" in whole and ">20</text>" not in rare  # the axis would reach down to it
    assert ">VRF default</text>" in rare


def test_coverage_names_every_curve() -> None:
    other = Mark("BT", "default", Style("grey"))
    drawn = coverage([Line(mark, (0.5, 1.0), (0.8, 0.7)) for mark in (MARK, other)], "a", "what it shows")
    assert ">VRF default</text>" in drawn and ">BT default</text>" in drawn and "kept, %" in drawn
