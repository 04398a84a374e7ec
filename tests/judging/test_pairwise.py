"""Verdicts: what the judge said and nothing else, whichever response it saw first; figures that add up."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from prefactor.judging.endpoint import Judge, JudgeParameters
from prefactor.judging.inquiry import Inquiry, InquiryParameters
from prefactor.judging.ledger import BudgetParameters
from prefactor.judging.pairwise import VERDICTS, Verdicts, compare, letter_of
from prefactor.judging.question import Contest, Example, HistoryParameters
from tests.stub_judge import Fault, Stub, completion

GOOD, BAD = "A warm answer.", "A cold answer."
USAGE = {"prompt_tokens": 100, "completion_tokens": 1}
ESSAY = "Both have their merits. Response A is warm; response B is not. So A, I think, or B. " * 20


def contests(count: int = 40) -> list[Contest]:
    """The first one is the better one in even rows."""
    history = [Example("Why?", GOOD, BAD)]
    pairs = [(GOOD, BAD) if row % 2 == 0 else (BAD, GOOD) for row in range(count)]
    return [Contest(f"Prompt {row}", first, second, history) for row, (first, second) in enumerate(pairs)]


def knowing(question: str) -> bytes:
    """A judge who knows which response is the good one."""
    shown = question.split("response A ---\n")[1].startswith(GOOD)
    return completion("A" if shown else "B", USAGE)


def judged(stub: Stub, asked: Sequence[Contest], folder: Path | None = None, **settings: Any) -> Verdicts:
    parameters = InquiryParameters(**{"at_once": 4, "first_wait": 0.001, **settings})
    inquiry = Inquiry(Judge(JudgeParameters(stub.url, "small"), "generation.judge"), parameters, folder)
    return compare(asked, inquiry, HistoryParameters(), seed=3)


def test_the_better_one_wins_wherever_it_is_shown(stub: Stub) -> None:
    stub.reply = knowing
    found = judged(stub, contests(), budget=BudgetParameters(input_price=2, output_price=50))
    assert list(found.table) == VERDICTS
    assert found.table["verdict"].tolist() == [1.0, 0.0] * 20
    assert 5 < found.table["swapped"].sum() < 35 and (found.table["shown"] == 1).all()
    summary = found.summary
    assert (summary["questions"], summary["first"], summary["second"], summary["model"]) == (40, 20, 20, "small")
    assert summary["position"]["n"] == 40 and 0.1 < summary["position"]["share"] < 0.9
    inquiry = summary["inquiry"]
    assert (inquiry["prompt_tokens"], inquiry["completion_tokens"], inquiry["untold"]) == (4000, 40, 0)
    assert inquiry["cost"] == pytest.approx((4000 * 2 + 40 * 50) / 1e6)
    json.dumps(summary, allow_nan=False)


def test_a_judge_who_takes_whatever_comes_first_is_found_out(stub: Stub) -> None:
    stub.body = completion("A")
    found = judged(stub, contests())
    assert found.summary["position"] == {"share": 1.0, "n": 40}
    assert found.table["verdict"].tolist() == [1.0 - swapped for swapped in found.table["swapped"]]


def test_a_tie_is_half_and_says_nothing_of_position(stub: Stub) -> None:
    stub.body = completion("tie")
    found = judged(stub, contests(4))
    assert found.table["verdict"].tolist() == [0.5] * 4 and found.summary["ties"] == 4
    assert found.summary["position"] == {"share": None, "n": 0}


@pytest.mark.parametrize("text", ["", "neither", "A or B", ESSAY, "Response A", "<think>A", "C", None, "AB", "1"])
def test_a_malformed_answer_is_counted_and_not_guessed(stub: Stub, text: str | None) -> None:
    stub.body = completion(text, USAGE)
    found = judged(stub, contests(3))
    assert found.table["verdict"].isna().all() and found.table["malformed"].all() and not found.table["missing"].any()
    assert found.summary["malformed"] == 3 and found.summary["missing"] == 0
    assert len(stub.asked) == 3 and found.summary["inquiry"]["completion_tokens"] == 3  # not asked again, and paid for


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        *((said, "A") for said in ("A", "a", " A.\n", "**A**", '"A"', "(A)", "<think>B is\nworse</think>\n\nA")),
        *((said, "tie") for said in ("tie", "Tie.", "`TIE`")),
        *((said, "B") for said in ("B", "[b]")),
        *((said, "") for said in ("A B", "A.B", "Answer: A", "B, because it is warm", "</think>A", "ties", "А")),
    ],
)
def test_letters_are_read_and_nothing_is_searched_for_them(answer: str, letter: str) -> None:
    assert letter_of(answer) == letter


def test_equal_responses_are_a_tie_that_nobody_is_asked_about(stub: Stub) -> None:
    stub.reply = knowing
    mixed = [Contest("Prompt", GOOD, GOOD + "\n"), *contests(2), Contest("Prompt", "", "")]
    found = judged(stub, mixed)
    assert found.table["verdict"].tolist() == [0.5, 1.0, 0.0, 0.5] and len(stub.asked) == 2
    assert found.table["same"].tolist() == [True, False, False, True] and found.summary["same"] == 2


def test_every_question_is_in_one_count(stub: Stub) -> None:
    stub.faults.extend([Fault(400), Fault(body=completion(ESSAY)), Fault(body=completion("tie")), Fault(413)])
    stub.reply = knowing
    found = judged(stub, [*contests(10), Contest("Prompt", "x", "x")], at_once=1)
    summary, table = found.summary, found.table
    counted = sum(summary[name] for name in ("first", "second", "ties", "malformed", "missing"))
    assert counted == summary["questions"] == len(table) == 11
    assert (summary["missing"], summary["malformed"], summary["ties"], summary["same"]) == (2, 1, 2, 1)
    assert summary["reasons"] == {"HTTP status 400": 1, "HTTP status 413": 1}
    assert table["verdict"].isna().tolist() == (table["missing"] | table["malformed"]).tolist()
    assert (table["reason"] != "").tolist() == table["missing"].tolist()


def test_a_judge_who_never_answers_leaves_a_table_of_missing_verdicts(stub: Stub) -> None:
    stub.status = 503
    found = judged(stub, contests(), attempts=2, give_up_after=2)
    assert found.table["missing"].all() and found.table["verdict"].isna().all()
    assert found.summary["missing"] == 40 == sum(found.summary["reasons"].values())
    assert set(found.summary["reasons"]) == {"HTTP status 503", "endpoint given up"}


def test_a_rerun_asks_nothing_and_further_contests_change_no_verdict(stub: Stub, tmp_path: Path) -> None:
    stub.reply = knowing
    first = judged(stub, contests(10), tmp_path)
    again = judged(stub, contests(10), tmp_path)
    assert len(stub.asked) == 10 and again.table.equals(first.table)
    more = judged(stub, contests(14)[::-1], tmp_path)
    assert len(stub.asked) == 14 and more.table[::-1].reset_index(drop=True)[:10].equals(first.table)
    assert not any(re.search(rb"warm|Prompt", path.read_bytes()) for path in tmp_path.rglob("*.json"))


def test_nothing_to_compare_is_an_empty_table(stub: Stub) -> None:
    found = judged(stub, [])
    assert len(found.table) == 0 and list(found.table) == VERDICTS and found.summary["questions"] == 0
    assert math.isnan(found.table["verdict"].mean()) and not stub.asked
