"""Gates at their bounds, without a champion, and without anything measured."""

import numpy as np
import pandas as pd
import pytest

from prefactor.evaluation.intervals import Interval
from prefactor.promotion.difference import Difference
from prefactor.promotion.gate import Verdict
from prefactor.promotion.gates import accuracy_gate, calibration_gate, held_out_gate, latency_gate, slices_gate
from prefactor.promotion.parameters import AccuracyGate, CalibrationGate, LatencyGate, SlicesGate
from prefactor.promotion.slices import COLUMNS


def found(low: float) -> Difference:
    return Difference(Interval(low + 0.01, low, low + 0.02), "users", ((0.005, 9),), 10, 60)


@pytest.mark.parametrize(("low", "verdict"), [(-0.0099, "passed"), (-0.01, "passed"), (-0.0101, "failed")])
def test_accuracy_is_held_against_the_low_end(low, verdict):
    gate = accuracy_gate(AccuracyGate(0.01), False, found(low))
    assert gate.verdict == verdict and (gate.value, gate.bound) == (low, -0.01)
    assert "10 users, 60 pairs" in gate.found and gate.stops == (verdict == "failed")


@pytest.mark.parametrize(
    ("champion", "challenger", "verdict", "bound"),
    [
        (0.02, 0.03, "passed", 0.03),
        (0.02, 0.031, "failed", 0.03),
        (0.09, 0.099, "passed", 0.1),
        (None, 0.11, "failed", 0.1),
    ],
)
def test_calibration_has_two_bounds(champion, challenger, verdict, bound):
    gate = calibration_gate(CalibrationGate(at_most=0.1, worse_by=0.01), champion, challenger)
    assert gate.verdict == verdict and gate.bound == pytest.approx(bound)


def test_latency_is_a_ratio_of_p95():
    seconds = np.tile(np.linspace(0.01, 0.02, 100), (2, 1))
    assert latency_gate(LatencyGate(factor=1.5), False, seconds * [[1], [1.4]]).verdict == "passed"
    slow = latency_gate(LatencyGate(factor=1.5), False, seconds * [[1], [1.6]])
    assert slow.verdict == "failed" and slow.value == pytest.approx(1.6)


def test_a_harmed_slice_is_named():
    rows = pd.DataFrame(
        [{"slice": "age: 9", "at_most": -0.01, "harmed": True}, {"slice": "b", "at_most": 0.1, "harmed": False}]
    )
    gate = slices_gate(SlicesGate(), False, rows)
    assert gate.verdict == "failed" and "1 of 2 slices harmed: age: 9" in gate.found
    assert slices_gate(SlicesGate(), False, rows[1:]).verdict == "passed"


def test_what_was_asked_for_and_not_measured_stops_and_what_was_not_asked_for_does_not():
    nothing = [
        accuracy_gate(AccuracyGate(), False, None),
        calibration_gate(CalibrationGate(), None, float("nan")),
        latency_gate(LatencyGate(), False, None),
        slices_gate(SlicesGate(), False, pd.DataFrame(columns=COLUMNS)),
    ]
    assert all(gate.verdict is Verdict.NOT_MEASURED and gate.stops for gate in nothing)
    unasked = [
        accuracy_gate(None, False, found(-1)),
        accuracy_gate(AccuracyGate(), True, None),
        calibration_gate(None, 0.1, 0.9),
        latency_gate(None, False, None),
        latency_gate(LatencyGate(), True, None),
        slices_gate(None, False, pd.DataFrame(columns=COLUMNS)),
        slices_gate(SlicesGate(), True, pd.DataFrame(columns=COLUMNS)),
    ]
    assert all(gate.verdict is Verdict.NOT_MEASURED and not gate.stops for gate in unasked)


@pytest.mark.parametrize(
    ("overlap", "left_out", "verdict"), [(0, 0, "passed"), (3, 0, "failed"), (3, 3, "passed"), (10, 10, "failed")]
)
def test_nobody_who_is_evaluated_was_trained_on(overlap, left_out, verdict):
    assert held_out_gate(10, overlap, left_out).verdict == verdict
