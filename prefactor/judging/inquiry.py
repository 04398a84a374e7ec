"""An inquiry: many questions put to one endpoint, patiently, within limits, each paid for once.

What passes by itself is asked again, with longer and longer waits; what is our own fault is not. An endpoint that has
fallen silent is given up, and so is one that is too dear: what it has not answered is missing, and counted, and the run
goes on.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from prefactor.judging.answers import Answers, answer_key
from prefactor.judging.endpoint import Answer, Judge, NoAnswerError, messages
from prefactor.judging.ledger import BudgetParameters, Ledger, Tally
from prefactor.judging.pace import Pace
from prefactor.progress import Progress
from prefactor.seeds import mixed_seed

FULL_JITTER = 2.0**63  # what a mixed seed is a fraction of
STOPPED = "run stopped"


@dataclass(frozen=True)
class InquiryParameters:
    """How patiently an endpoint is asked.

    at_once        questions under way at the same time
    attempts       at one question
    first_wait     seconds before the second attempt, half of them by chance; doubled for each further one
    longest_wait   seconds that a question waits at most; an endpoint that asks for more is given up
    give_up_after  questions in a row without an answer, after which the endpoint is given up; one that is refused for
                   what it holds does not count
    per_minute     requests that may leave in a minute; None for any number
    budget         prices, and the most that may be asked
    """

    at_once: int = 4
    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0
    give_up_after: int = 3
    per_minute: float | None = None
    budget: BudgetParameters = field(default_factory=BudgetParameters)

    def __post_init__(self) -> None:
        for name, most in (("at_once", 64), ("attempts", 100), ("give_up_after", 10**9)):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from 1 to {most}, got {getattr(self, name)}")
        if not 0 < self.first_wait <= self.longest_wait <= 3600:
            raise ValueError(
                "first_wait must be above 0, and longest_wait no shorter and at most 3600 seconds, "
                f"got {self.first_wait} and {self.longest_wait}"
            )
        if self.per_minute is not None and not 0 < self.per_minute < float("inf"):
            raise ValueError(f"per_minute must be above 0, got {self.per_minute}: leave it out for no limit")


@dataclass(frozen=True)
class Reply:
    """What became of a question.

    text    the answer's, empty if the model wrote none; None where there is no answer
    reason  why there is none, in a few words; empty where there is one
    """

    text: str | None
    reason: str = ""


class Inquiry:
    """Asks a judge; budget, pace and patience are of all questions together, however many calls they come in.

    ``folder`` keeps answers across runs, None keeps none. ``now`` and ``sleep`` are the clock, in seconds; without a
    ``sleep`` of the caller's own, whoever waits is woken when the endpoint is given up.
    """

    def __init__(
        self,
        judge: Judge,
        parameters: InquiryParameters,
        folder: Path | None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._judge, self._parameters, self._answers = judge, parameters, Answers(folder)
        self._ledger = Ledger(parameters.budget)
        self._heard: dict[str, Reply] = {}  # by key
        self._over = threading.Event()
        self._sleep = self._over.wait if sleep is None else sleep
        self._pace = Pace(parameters.per_minute, now, self._sleep)
        self._why_over = ""
        self._unanswered = 0  # in a row
        self._lock = threading.Lock()

    @property
    def model(self) -> str:
        """Who is asked."""
        return self._judge.model

    def ask(self, questions: Sequence[str], progress: Progress | None = None) -> list[Reply]:
        """A reply to each question, in their order; the same question is asked once.

        NoAnswerError, with the fix, for what holds for every question until somebody mends it (a wrong key, say), if
        nothing was ever answered.
        """
        keys = [self._key(question) for question in questions]
        different = dict(zip(keys, questions, strict=True))
        waiting = {key: question for key, question in different.items() if not self._known(key, question)}
        missing: dict[str, Reply] = {}
        if progress is not None:
            progress.advance(len(questions) - len(waiting))
        with ThreadPoolExecutor(self._parameters.at_once) as pool:
            tasks = {pool.submit(self._patiently, key, question): key for key, question in waiting.items()}
            try:
                for task in as_completed(tasks):
                    missing[tasks[task]] = task.result()
                    if progress is not None:
                        progress.advance()
            except BaseException:
                self._end(STOPPED)
                raise
        return [self._heard.get(key) or missing[key] for key in keys]

    def tally(self) -> Tally:
        """What all questions so far came to."""
        return self._ledger.tally()

    def _key(self, question: str) -> str:
        return answer_key(self._judge.address, self.model, self._judge.parameters.options, messages(question))

    def _known(self, key: str, question: str) -> bool:
        """Has the question been answered, in this run or an earlier one?"""
        if key not in self._heard and (answer := self._answers.get(key)) is not None:
            self._enter(key, question, answer, kept=True)
        return key in self._heard

    def _patiently(self, key: str, question: str) -> Reply:
        """Ask until there is an answer, or no sense in asking again."""
        for attempt in range(1, self._parameters.attempts + 1):
            if over := self._turn():
                return Reply(None, over)
            try:
                answer = self._judge.answer(question)
            except NoAnswerError as fault:
                if fault.scope == "endpoint" and not self._heard:
                    self._end(STOPPED)  # before another thread asks the next one
                    raise
                self._heed(fault.wait)
                if fault.scope != "moment" or attempt == self._parameters.attempts:
                    return self._missed(fault)
                self._back_off(key, attempt)
            else:
                self._answers.put(key, answer)
                return self._enter(key, question, answer, kept=False)
        raise AssertionError("the last attempt returns")

    def _turn(self) -> str:
        """Wait for a turn. Why there is none any more; else empty."""
        if not self._over.is_set():
            self._pace.turn()
        if not self._over.is_set() and (spent := self._ledger.take()):
            self._end(spent)
        return self._why_over

    def _heed(self, asked: float | None) -> None:
        """Let nobody ask for as long as the endpoint wants; give it up if that is too long."""
        if asked is not None and asked > self._parameters.longest_wait:
            self._end("asked to wait longer than longest_wait")
        elif asked is not None:
            self._pace.hold(asked)

    def _back_off(self, key: str, attempt: int) -> None:
        """Wait before the next attempt, longer each time, partly by chance, so that not all come back at once.

        The chance is a function of question and attempt: no generator for threads to share.
        """
        if not self._over.is_set():
            longest = min(self._parameters.longest_wait, self._parameters.first_wait * 2.0 ** (attempt - 1))
            self._sleep(longest * (0.5 + 0.5 * mixed_seed(attempt, key) / FULL_JITTER))

    def _enter(self, key: str, question: str, answer: Answer, kept: bool) -> Reply:
        self._ledger.enter(question, answer, kept)
        reply = Reply(answer.text or "")
        with self._lock:
            self._heard[key] = reply
            self._unanswered = 0
        return reply

    def _missed(self, fault: NoAnswerError) -> Reply:
        with self._lock:
            self._unanswered += fault.scope != "question"  # an endpoint that refuses one may answer the next
            gone = self._unanswered >= self._parameters.give_up_after
        if gone:
            self._end("endpoint given up")
        return Reply(None, fault.reason)

    def _end(self, why: str) -> None:
        """Ask nothing more; what counts is the first reason."""
        with self._lock:
            self._why_over = self._why_over or why
        self._over.set()
