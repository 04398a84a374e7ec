"""An inquiry against a real endpoint with every fault: patient where that helps, within its limits, never stuck."""

import logging
import threading
from pathlib import Path

import pytest

from prefactor.errors import InputError
from prefactor.judging.endpoint import Judge, JudgeParameters, NoAnswerError
from prefactor.judging.inquiry import Inquiry, InquiryParameters, Reply
from prefactor.judging.ledger import BudgetParameters
from prefactor.parameters import build
from prefactor.progress import Progress
from tests.judging.clock import Clock
from tests.stub_judge import Fault, Stub, completion, stub_judge

KEY = "sk-very-secret"
QUESTIONS = [f"question {number}" for number in range(12)]
WHOLE = completion("A", {"prompt_tokens": 10, "completion_tokens": 2})
PASSING = {
    "time-out": Fault(silent=True),
    "too many": Fault(429),
    "too many, come back": Fault(429, {"Retry-After": "7"}),
    "server error": Fault(500),
    "unavailable": Fault(503, {"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT"}),
    "cut at once": Fault(cut=True),
    "cut after the headers": Fault(held_back=50),
    "half a body": Fault(body=WHOLE[:30], held_back=len(WHOLE) - 30),
    "not JSON": Fault(body=b"<html>gateway</html>"),
    "no choices": Fault(body=b'{"choices": []}'),
    "another shape": Fault(body=b'{"error": "overloaded"}'),
}


def inquiry(
    stub: Stub, clock: Clock | None = None, folder: Path | None = None, timeout: float = 10, **settings: object
) -> Inquiry:
    """One question at a time unless told otherwise."""
    parameters = JudgeParameters(stub.url, "small", timeout=timeout)
    patience = InquiryParameters(**{"at_once": 1, **settings})
    times = {} if clock is None else {"now": clock.now, "sleep": clock.sleep}
    return Inquiry(Judge(parameters, "generation.judge"), patience, folder, **times)


def echo(question: str) -> bytes:
    return completion(f"answer to {question}")


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_passes_by_itself_is_asked_again(stub: Stub, clock: Clock, fault: Fault) -> None:
    stub.faults.append(fault)
    stub.reply = echo
    asked = inquiry(stub, clock, timeout=0.5 if fault.silent else 10)
    assert asked.ask(["?"]) == [Reply("answer to ?")] and stub.questions == ["?", "?"]
    assert asked.tally().requests == 2 and asked.tally().answers == 1
    assert clock.slept and 0.5 <= clock.slept[0] <= 1
    if fault.headers.get("Retry-After") == "7":
        assert clock.time - 1000 >= 7


def test_waits_grow_twofold_up_to_the_longest_with_chance_in_the_upper_half(stub: Stub, clock: Clock) -> None:
    stub.status = 500
    asked = inquiry(stub, clock, attempts=7, first_wait=1, longest_wait=10, give_up_after=100)
    assert asked.ask(["?", "!"]) == [Reply(None, "HTTP status 500")] * 2
    assert len(clock.slept) == 12 and len(set(clock.slept)) == 12
    for slept, longest in zip(clock.slept, [1, 2, 4, 8, 10, 10] * 2, strict=True):
        assert longest / 2 <= slept <= longest


@pytest.mark.parametrize("status", [400, 413, 414, 422])
def test_questions_that_are_refused_are_not_asked_again_and_all_others_are(
    stub: Stub, clock: Clock, status: int
) -> None:
    stub.faults.extend([Fault(status)] * 11)
    refused = [Reply(None, f"HTTP status {status}")] * 11
    assert inquiry(stub, clock, give_up_after=1).ask(QUESTIONS) == [*refused, Reply("Warm & brief")]
    assert stub.questions == QUESTIONS and not clock.slept


def test_a_refused_question_neither_counts_among_failures_in_a_row_nor_ends_the_row(stub: Stub, clock: Clock) -> None:
    stub.faults.extend([Fault(500), Fault(400), Fault(400), Fault(500)])
    replies = inquiry(stub, clock, attempts=1, give_up_after=2).ask(QUESTIONS[:5])
    refused = [f"HTTP status {status}" for status in (500, 400, 400, 500)]
    assert [reply.reason for reply in replies] == [*refused, "endpoint given up"]


def test_after_an_answer_an_endpoint_that_turns_us_away_is_given_up(stub: Stub) -> None:
    asked = inquiry(stub, give_up_after=2)
    asked.ask(["?"])
    stub.status = 401
    reasons = [reply.reason for reply in asked.ask(QUESTIONS)]
    assert reasons == ["HTTP status 401"] * 2 + ["endpoint given up"] * 10


@pytest.mark.parametrize("status", [302, 401, 403, 404])
def test_what_nobody_but_us_can_mend_stops_an_inquiry_that_never_had_an_answer(stub: Stub, status: int) -> None:
    stub.status = status
    with pytest.raises(NoAnswerError, match=f"HTTP status {status}.*generation.judge: null asks none"):
        inquiry(stub).ask(QUESTIONS)
    assert len(stub.asked) == 1


def test_after_an_answer_a_refusal_is_of_its_question(stub: Stub, tmp_path: Path) -> None:
    asked = inquiry(stub, folder=tmp_path)
    asked.ask(["?"])
    stub.faults.append(Fault(403))
    assert asked.ask(["!", "."]) == [Reply(None, "HTTP status 403"), Reply("Warm & brief")]
    stub.faults.append(Fault(403))
    assert inquiry(stub, folder=tmp_path).ask(["?", "!"])[1].reason == "HTTP status 403"  # a kept answer counts


def test_a_longer_pause_than_one_waits_for_ends_the_inquiry_before_anyone_asks_too_early(
    stub: Stub, clock: Clock
) -> None:
    stub.status, stub.headers = 429, {"Retry-After": "61"}
    replies = inquiry(stub, clock, longest_wait=60).ask(QUESTIONS)
    assert {reply.reason for reply in replies} == {"asked to wait longer than longest_wait"}
    assert len(stub.asked) == 1 and not clock.slept


def test_a_pause_holds_all_who_ask(stub: Stub, clock: Clock) -> None:
    stub.faults.append(Fault(429, {"Retry-After": "30"}))
    asked = inquiry(stub, clock, at_once=4)
    assert all(reply.text for reply in asked.ask(QUESTIONS))
    assert clock.time - 1000 >= 30


@pytest.mark.parametrize("fault", [Fault(silent=True), Fault(cut=True), Fault(500), Fault(body=b"?")])
@pytest.mark.parametrize("at_once", [1, 4])
def test_an_endpoint_that_never_answers_does_not_stop_the_run(
    stub: Stub, clock: Clock, fault: Fault, at_once: int
) -> None:
    stub.faults.extend([fault] * 1000)
    asked = inquiry(stub, clock, timeout=0.1 if fault.silent else 10, attempts=2, give_up_after=2, at_once=at_once)
    replies = asked.ask(QUESTIONS)
    assert len(replies) == 12 and all(reply.text is None and reply.reason for reply in replies)
    assert sum(reply.reason == "endpoint given up" for reply in replies) >= 12 - 2 - at_once
    assert len(stub.asked) <= 2 * (1 + at_once)
    before = len(stub.asked)
    assert {reply.reason for reply in asked.ask(["another"])} == {"endpoint given up"} and len(stub.asked) == before


def test_nobody_sleeps_on_when_the_endpoint_is_given_up(stub: Stub) -> None:
    """With the real clock: waits of an hour end with the inquiry."""
    asked = inquiry(stub, at_once=2, first_wait=3600, longest_wait=3600, give_up_after=1)
    asked.ask(["."])
    stub.faults.extend([Fault(500), Fault(403)])
    assert {reply.reason for reply in asked.ask(["?", "!"])} == {"HTTP status 403", "endpoint given up"}


def test_failures_that_are_not_in_a_row_are_forgiven(stub: Stub, clock: Clock) -> None:
    for number in range(12):
        stub.faults.append(Fault(500) if number % 3 else Fault(body=WHOLE))
    replies = inquiry(stub, clock, attempts=1, give_up_after=3).ask(QUESTIONS)
    assert [reply.text for reply in replies] == ["A", None, None] * 4


def test_replies_are_in_the_order_of_questions_however_many_are_asked_at_once(stub: Stub) -> None:
    gate = threading.Barrier(3)  # opens when three are there: they are asked at once

    def reply(question: str) -> bytes:
        gate.wait(10)
        return echo(question)

    stub.reply = reply
    replies = inquiry(stub, at_once=3).ask(QUESTIONS)
    assert [reply.text for reply in replies] == [f"answer to {question}" for question in QUESTIONS]
    assert stub.most == 3


def test_no_more_leave_in_a_minute_than_allowed_retries_included(stub: Stub, clock: Clock) -> None:
    stub.faults.append(Fault(500))
    inquiry(stub, clock, at_once=3, per_minute=6, first_wait=0.001).ask(QUESTIONS)
    assert len(stub.asked) == 13 and clock.time - 1000 >= 120


def test_a_budget_of_requests_is_kept_and_the_rest_is_missing(stub: Stub, clock: Clock) -> None:
    stub.faults.append(Fault(500))
    asked = inquiry(stub, clock, at_once=4, budget=BudgetParameters(most_requests=5))
    replies = asked.ask(QUESTIONS)
    assert sum(reply.text is not None for reply in replies) == 4 and len(stub.asked) == 5
    assert {reply.reason for reply in replies if reply.text is None} == {"most_requests reached"}


def test_a_budget_of_money_is_kept_over_runs(stub: Stub, tmp_path: Path) -> None:
    stub.body = completion("A", {"prompt_tokens": 400_000, "completion_tokens": 100_000})
    budget = BudgetParameters(input_price=1, output_price=6, most_cost=3.5)
    asked = inquiry(stub, folder=tmp_path, budget=budget)
    assert sum(reply.text is not None for reply in asked.ask(QUESTIONS)) == 4
    assert asked.tally().cost == pytest.approx(4) == pytest.approx(asked.tally().spent)
    again = inquiry(stub, folder=tmp_path, budget=budget)
    replies = again.ask(QUESTIONS)
    assert [reply.text for reply in replies] == ["A"] * 4 + [None] * 8 and replies[4].reason == "most_cost reached"
    tally = again.tally()
    assert (tally.requests, tally.kept, tally.spent) == (0, 4, 0) and tally.cost == pytest.approx(4)


def test_a_second_run_asks_nothing(stub: Stub, tmp_path: Path) -> None:
    stub.reply = lambda question: completion(f"answer to {question}", {"prompt_tokens": 10, "completion_tokens": 2})
    first, second = (inquiry(stub, folder=tmp_path, at_once=4) for _ in range(2))
    replies = first.ask(QUESTIONS)
    assert len(stub.asked) == 12
    stub.faults.extend([Fault(401)] * 20)
    assert second.ask(QUESTIONS) == replies and len(stub.asked) == 12
    before, after = first.tally(), second.tally()
    assert (before.requests, before.kept, after.requests, after.kept) == (12, 0, 0, 12)
    assert before.answers == after.answers == 12 and before.prompt_tokens == after.prompt_tokens == 120


def test_another_server_that_calls_its_model_the_same_is_asked_anew(stub: Stub, tmp_path: Path) -> None:
    inquiry(stub, folder=tmp_path).ask(["?"])
    with stub_judge() as other:
        other.reply = echo
        assert inquiry(other, folder=tmp_path).ask(["?"]) == [Reply("answer to ?")]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert not any("127.0.0.1" in f"{path.relative_to(tmp_path)} {path.read_text()}" for path in files)
    assert inquiry(stub, folder=tmp_path).ask(["?"]) == [Reply("Warm & brief")] and len(stub.asked) == 1


def test_a_killed_run_goes_on_where_it_was(stub: Stub, tmp_path: Path) -> None:
    killed = threading.Event()

    def reply(question: str) -> bytes:
        assert question != QUESTIONS[7] or killed.wait(10)
        return echo(question)

    class Killed(Progress):
        def advance(self, count: int = 1, note: str = "", tokens: int = 0) -> None:
            super().advance(count, note, tokens)
            if self.done == 5:
                killed.set()
                raise KeyboardInterrupt

    stub.reply = reply
    with pytest.raises(KeyboardInterrupt):
        inquiry(stub, folder=tmp_path).ask(QUESTIONS, Killed("judge", 12, "questions"))
    assert 5 <= len(stub.asked) < 12
    replies = inquiry(stub, folder=tmp_path).ask(QUESTIONS)
    assert [reply.text for reply in replies] == [f"answer to {question}" for question in QUESTIONS]
    assert sorted(stub.questions) == sorted(QUESTIONS)  # each once


def test_a_failure_is_not_kept(stub: Stub, tmp_path: Path) -> None:
    stub.faults.extend([Fault(400), Fault(body=b"no completion")])
    assert all(reply.text is None for reply in inquiry(stub, folder=tmp_path, attempts=1).ask(["?", "!"]))
    assert all(reply.text for reply in inquiry(stub, folder=tmp_path).ask(["?", "!"]))


def test_the_same_question_is_asked_once(stub: Stub) -> None:
    asked = inquiry(stub, at_once=4)
    assert asked.ask(["?"] * 20) == [Reply("Warm & brief")] * 20
    assert asked.ask(["?", "!"]) == [Reply("Warm & brief")] * 2 and len(stub.asked) == 2
    assert asked.tally().answers == 2
    assert asked.ask([]) == []


def test_every_question_is_progress(stub: Stub, tmp_path: Path) -> None:
    inquiry(stub, folder=tmp_path).ask(QUESTIONS[:3])
    shown = Progress("judge", 12, "questions")
    inquiry(stub, folder=tmp_path).ask(QUESTIONS, shown)
    assert shown.done == 12


def test_a_model_that_writes_nothing_has_answered(stub: Stub) -> None:
    for text in (None, ""):
        stub.say(text)
        assert inquiry(stub).ask([f"{text}?"]) == [Reply("")]


def test_the_key_is_sent_and_in_no_file_reply_log_or_error(
    stub: Stub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    stub.faults.extend([Fault(500, body=KEY.encode()), Fault(400, {"X-Key": KEY}, KEY.encode())])
    judge = Judge(JudgeParameters(stub.url, "small", key_variable="MY_KEY"), "generation.judge")
    asked = Inquiry(judge, InquiryParameters(at_once=1, first_wait=0.001), tmp_path)
    replies = asked.ask(QUESTIONS)
    assert all(headers["Authorization"] == f"Bearer {KEY}" for _, headers, _ in stub.asked)
    stub.status, stub.body = 401, KEY.encode()
    with pytest.raises(NoAnswerError) as found:
        Inquiry(judge, InquiryParameters(), None).ask(["?"])
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 11 and not any(KEY.encode() in path.read_bytes() for path in files)
    assert not any(b"question" in path.read_bytes() or stub.url.encode() in path.read_bytes() for path in files)
    said = [str(found.value), repr(found.value), repr(replies), repr(judge), repr(asked.tally()), caplog.text]
    assert not any(KEY in text for text in [*said, *capfd.readouterr()])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"attempts": 0}, "attempts must be from 1"),
        ({"at_once": 1000}, "at_once must be from 1 to 64"),
        ({"give_up_after": 0}, "give_up_after must be from 1"),
        ({"first_wait": 0}, "first_wait must be above 0"),
        ({"first_wait": 90}, "longest_wait no shorter"),
        ({"per_minute": 0}, "per_minute must be above 0"),
        ({"budget": {"most_cost": 3}}, "most_cost needs input_price"),
        ({"budget": {"price": 3}}, "unknown key 'price'"),
        ({"retries": 3}, "unknown key 'retries'"),
    ],
)
def test_wrong_parameters_are_named(wrong: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build(InquiryParameters, wrong, "generation.inquiry")
