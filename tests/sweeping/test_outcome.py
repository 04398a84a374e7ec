"""Outcomes: kept and read as they are; the best first."""

from pathlib import Path

import pytest

from prefactor.errors import InputError
from prefactor.sweeping.outcome import Outcome, Point, State, complete, ranked, read_outcomes, write_outcome
from prefactor.sweeping.users import Users

CURVE = (Point(0, 1, 0, "model", 0.5, 0.7), Point(0, 2, 0, "model", 0.6, None))

USERS = Users((0.5, 0.7), (0.6, 0.9, 0.4), 2, 40)


def of(number: int, score: float) -> Outcome:
    return complete(number, {}, {"0": {"mean": score}})


def test_outcomes_are_kept_as_they_are_and_once(tmp_path: Path) -> None:
    found = [
        Outcome(3, State.PRUNED, {"model.bases": None}, curve=CURVE, seconds=2.5, reason="others did better"),
        complete(12, {"training.learning_rate": 1e-5}, {"0": {"mean": 0.6}, "1": {"mean": 0.7}}, [USERS, USERS]),
    ]
    for outcome in (*reversed(found), found[0]):
        write_outcome(tmp_path, outcome)
    assert read_outcomes(tmp_path) == found
    assert found[1].users == USERS and (found[1].low, found[1].high) == (USERS.interval.low, USERS.interval.high)
    assert found[1].score == pytest.approx(0.65) and found[1].spread == pytest.approx(0.0707, abs=1e-4)


def test_a_damaged_outcome_is_named(tmp_path: Path) -> None:
    write_outcome(tmp_path, of(0, 0.5))
    (tmp_path / "trials" / "00000.json").write_text('{"numb')
    with pytest.raises(
        InputError, match=r"00000\.json is not valid JSON.*delete it, and the sweep's study gives it back"
    ):
        read_outcomes(tmp_path)


def test_the_best_comes_first_then_what_was_pruned_and_what_failed() -> None:
    short, long = (Outcome(number, State.PRUNED, curve=CURVE[:length]) for number, length in ((0, 1), (1, 2)))
    failed = Outcome(2, State.FAILED, reason="out of memory")
    order = [of(5, 0.9), of(3, 0.8), of(4, 0.8), long, short, failed]
    assert ranked([short, failed, of(4, 0.8), long, of(3, 0.8), of(5, 0.9)]) == order
