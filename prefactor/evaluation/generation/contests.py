"""Texts put to a judge model: each against the base model's for the same user and prompt, with the user's history."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from prefactor.decoding.parameters import JudgeModel
from prefactor.decoding.people import People
from prefactor.evaluation.generation.verdicts import ANSWERS, BASE, verdicts_by_judge
from prefactor.judging.endpoint import Judge
from prefactor.judging.inquiry import Inquiry
from prefactor.judging.pairwise import compare
from prefactor.judging.question import Contest, Example
from prefactor.progress import progress


@dataclass(frozen=True)
class Heard:
    """A judge model's ``verdicts`` as ``verdicts_by_judge`` has them, and the ``summary`` of ``judging.pairwise``."""

    verdicts: pd.DataFrame
    summary: dict[str, Any]

    @property
    def judge(self) -> str:
        """The model's name."""
        return str(self.summary["model"])


def hear(judge: JudgeModel, texts: pd.DataFrame, people: People, seed: int, folder: Path) -> Heard:
    """What the judge says of all texts; its answers are kept in ``folder``."""
    inquiry = Inquiry(Judge(judge.endpoint, "generation.judge.endpoint"), judge.inquiry, folder)
    others, held = texts[texts["method"] != BASE].reset_index(drop=True), contests(texts, people)
    with progress("judging", len(held), "texts") as shown:
        found = compare(held, inquiry, judge.history, seed, shown)
    answers = others.assign(**{name: found.table[name].to_numpy() for name in ("verdict", "missing", "malformed")})
    return Heard(verdicts_by_judge(answers[ANSWERS]), found.summary)


def contests(texts: pd.DataFrame, people: People) -> list[Contest]:
    """Every text but the base's own, against that."""
    plain = texts[texts["method"] == BASE].set_index(["user_id", "group_id"])["response"]
    history = dict(zip(people.user_ids, histories(people), strict=True))
    return [
        Contest(row.prompt, row.response, plain[row.user_id, row.group_id], history[row.user_id])
        for row in texts[texts["method"] != BASE].itertuples()
    ]


def histories(people: People) -> list[Sequence[Example]]:
    """Each user's known pairs in words."""
    known, texts = people.known, people.texts
    found: list[list[Example]] = [[] for _ in people.user_ids]
    sides = (known.responses.text[rows].tolist() for rows in (known.chosen, known.rejected))
    for user, chosen, rejected in zip(known.segment.tolist(), *sides, strict=True):
        found[user].append(Example(texts.prompts[chosen], texts.responses[chosen], texts.responses[rejected]))
    return list(found)
