"""Verdicts of a judge model on pairs of responses, and what they came to: nothing that was not said is counted."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from prefactor.judging.inquiry import Inquiry, Reply
from prefactor.judging.question import Contest, HistoryParameters, Question
from prefactor.progress import Progress

FIRST, SECOND, TIE = "A", "B", "tie"  # what a judge may answer
THOUGHT = r"<think>.*?</think>"
MARKUP = " \t\r\n*_`#.,:;!\"'()[]\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"  # around an answer
VERDICTS = ["verdict", "letter", "swapped", "same", "malformed", "missing", "reason", "shown"]


@dataclass(frozen=True)
class Verdicts:
    """A judge's verdicts on N contests.

    ``table`` has a row for each, in their order:

    verdict    1 the first response is better, 0 the second, 0.5 a tie; NaN where that is not known
    letter     the answer: A, B or tie; empty if there was none of these
    swapped    was the second response shown as A
    same       are both responses the same text: a tie that nobody was asked about
    malformed  was there an answer that is none of the three
    missing    was there no answer
    reason     why there was none
    shown      pairs of the user's history that the judge read

    ``summary``, ready for JSON: ``model``, ``questions``, ``first``, ``second``, ``ties``, ``same`` (of the ties),
    ``malformed``, ``missing``, ``reasons`` (reason -> count), ``position`` (``n`` answers that were A or B, of whatever
    texts, and the ``share`` that were A: 0.5 for a judge whom order does not sway, None of no answer), and
    ``inquiry``, the figures of ``Tally``, of all that was asked through the same inquiry.
    """

    table: pd.DataFrame
    summary: dict[str, Any]


def compare(
    contests: Sequence[Contest],
    inquiry: Inquiry,
    history: HistoryParameters,
    seed: int,
    progress: Progress | None = None,
) -> Verdicts:
    """Ask which response fits each user better; ``seed`` decides which one is shown first.

    Equal responses are a tie and not asked about. What cannot be asked is missing and does not stop the run.
    """
    questions = [Question.of(contest, history, seed) for contest in contests]
    same = [contest.first.strip() == contest.second.strip() for contest in contests]
    replies = iter(inquiry.ask([one.text for one, equal in zip(questions, same, strict=True) if not equal], progress))
    rows = [_row(one, None if equal else next(replies)) for one, equal in zip(questions, same, strict=True)]
    table = pd.DataFrame(rows, columns=VERDICTS).astype({"verdict": "float64", "shown": "int32"})
    return Verdicts(table, {"model": inquiry.model, **_counts(table), "inquiry": asdict(inquiry.tally())})


def letter_of(answer: str) -> str:
    """A, B or tie if the answer is that alone, whatever its case and the marks around it; else empty.

    What a model says it thought before is left out. An answer that says more is not searched for a letter.
    """
    plain = re.sub(THOUGHT, "", answer, flags=re.DOTALL | re.IGNORECASE).strip(MARKUP).lower()
    return {letter.lower(): letter for letter in (FIRST, SECOND, TIE)}.get(plain, "")


def _row(question: Question, reply: Reply | None) -> dict[str, Any]:
    """``reply`` is None where both responses are the same."""
    letter = "" if reply is None or reply.text is None else letter_of(reply.text)
    verdict = {FIRST: 1.0 - question.swapped, SECOND: 0.0 + question.swapped, TIE: 0.5}.get(letter, math.nan)
    missing = reply is not None and reply.text is None
    return {
        "verdict": 0.5 if reply is None else verdict,
        "letter": letter,
        "swapped": question.swapped,
        "same": reply is None,
        "malformed": reply is not None and not missing and not letter,
        "missing": missing,
        "reason": "" if reply is None else reply.reason,
        "shown": question.shown,
    }


def _counts(table: pd.DataFrame) -> dict[str, Any]:
    decided = table["letter"].isin([FIRST, SECOND])
    n, first = int(decided.sum()), int((table["letter"] == FIRST).sum())
    return {
        "questions": len(table),
        "first": int((table["verdict"] == 1).sum()),
        "second": int((table["verdict"] == 0).sum()),
        "ties": int((table["verdict"] == 0.5).sum()),
        **{name: int(table[name].sum()) for name in ("same", "malformed", "missing")},
        "reasons": dict(sorted(Counter(reason for reason in table["reason"] if reason).items())),
        "position": {"share": first / n if n else None, "n": n},
    }
