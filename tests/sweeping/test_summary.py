"""What a sweep found, in words and rows, and its page."""

from pathlib import Path

import pytest

from prefactor.sweeping.outcome import Outcome, State, complete
from prefactor.sweeping.page import write_page
from prefactor.sweeping.summary import Summary
from prefactor.sweeping.users import Users
from tests.sweeping.tiny import make_data, settings

BEST = {"training.learning_rate": 0.01, "model.basis.form": "<mlp>"}
OUTCOMES = [
    complete(0, {}, {"0": {"mean": 0.8}, "1": {"mean": 0.82}}),
    Outcome(1, State.FAILED, {"training.learning_rate": 1e4}, reason="the loss is nan at step 10 of seed 0"),
    complete(
        2, {"training.learning_rate": 0.01, "model.basis.form": "<mlp>"}, {"0": {"mean": 0.9}, "1": {"mean": 0.94}}
    ),
    Outcome(3, State.PRUNED, {"training.learning_rate": 0.1}, reason="others did better"),
]


def test_the_best_is_told_with_what_it_is_held_against() -> None:
    summary = Summary("first", OUTCOMES)
    said = "Trial 2 is best, 92.00 %: training.learning_rate 0.01, model.basis.form <mlp>."
    worth = "The best of 2 noisy scores is an optimistic one: evaluation pairs tell what it is worth."
    assert summary.verdict == f"{said} The variant as it stood: 81.00 %. {worth}"
    assert summary.counts == "2 complete, 1 pruned, 1 failed of 4 that ended"
    assert summary.curve() == [(0, pytest.approx(0.81)), (2, pytest.approx(0.92))]


def test_scores_have_users_pairs_seeds_and_intervals_and_the_best_is_held_against_what_stood_user_by_user() -> None:
    seen, held_out = (0.6, 0.8), (0.7, 0.9, 0.8)
    before = complete(0, {}, {"0": {"mean": 0.77}}, [Users(seen, held_out, 2, 1600)])
    better = Users(tuple(one + 0.05 for one in seen), tuple(one + 0.05 for one in held_out), 2, 1600)
    summary = Summary("first", [before, complete(1, {"a": 1}, {"0": {"mean": 0.82}}, [better])])
    assert (
        "82.00 % (" in summary.verdict and "95 % interval over users; 5 users, 1,600 pairs, 1 seed)" in summary.verdict
    )
    assert "User by user: +5.00 points, 95 % interval +5.00 to +5.00." in summary.verdict
    best, _ = summary.rows()
    assert (best["users"], best["pairs"]) == ("5", "1,600")
    low, high = (float(end) for end in best["95 % interval"].removesuffix(" %").split(" to "))
    assert 65 <= low < 81.67 < high <= 95


def test_without_a_better_one_that_is_said() -> None:
    assert "beats the variant as it stood, 81.00 %" in Summary("first", OUTCOMES[:2]).verdict
    assert Summary("first", OUTCOMES[1:2]).verdict == "No trial has a score."
    assert Summary("first", []).counts == "no trial has ended"


def test_rows_are_ranked_with_seeds_spread_seconds_and_reasons() -> None:
    rows = Summary("first", OUTCOMES).rows()
    assert [row["trial"] for row in rows] == ["2", "0", "3", "1"]
    assert rows[0]["by seed"] == "0: 90.00 %, 1: 94.00 %" and rows[0]["spread"] == "2.83"
    assert rows[3]["reason"] == OUTCOMES[1].reason and rows[3]["score"] == ""


def test_the_page_has_it_all_and_is_the_same_again(tmp_path: Path) -> None:
    wanted = settings(make_data(tmp_path))
    page = write_page(tmp_path, wanted, OUTCOMES).read_text()
    assert Summary(tmp_path.name, OUTCOMES).counts in page and "<svg" in page
    assert "an optimistic one" in page and "95 % interval" in page
    assert "&lt;mlp&gt;" in page and "<mlp>" not in page
    assert write_page(tmp_path, wanted, OUTCOMES).read_text() == page
    assert "<svg" not in write_page(tmp_path, wanted, OUTCOMES[:1]).read_text()
