"""Sample of LaMP and LongLaMP: people with habits of their own, what they wrote, and a question that is new.

A folder for each task, with the files of one split: ``LaMP_4`` and ``LaMP_5`` as JSON, LongLaMP's reviews as parquet.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.atomic import write_json
from prefactor.datasets.lamp.tasks import HEADLINES, REVIEWS, TITLES, Article, Paper, Review, Task
from prefactor.datasets.published import MARK
from prefactor.datasets.samples.writing import UNICODE, lengthened
from prefactor.datasets.stylebench.grammar import compose
from prefactor.datasets.stylebench.phrases import capitalised
from prefactor.datasets.stylebench.recipe import Recipe, draw_recipes
from prefactor.datasets.stylebench.topics import TOPICS, Subject
from prefactor.seeds import mixed_seed

SUBJECTS = tuple(subject for topic in TOPICS for subject in topic.subjects)
HEADS = (  # a journalist has one of these habits
    "How to {task}",
    "{Task}: what you need to know",
    "Why you should {advice}",
    "I tried to {task}. Here is what I learned",
    "Want to {task}? Start with this",
    "{Count} things to know before you {task}",
)
NAMES = (  # and a researcher one of these
    "On how to {task}: a field study",
    "Does it help to {advice}? Evidence from {count} households",
    "{Task}: a review",
    "Towards a better way to {task}",
    "How people {task}, and what they get wrong",
    "A note on why to {advice}",
)
VERDICTS = ("Sent it back", "Less than I hoped for", "Good enough", "Does what it says", "Could not be happier")
COUNTS = ("two", "three", "four", "five", "six", "seven")
ITEM = pa.struct([(name, pa.string()) for name in ("overall", "summary", "description", "reviewText")])
ROWS = pa.schema([*((name, pa.string()) for name in ("reviewerId", "input", "output")), ("profile", pa.list_(ITEM))])


@dataclass(frozen=True)
class LampSample:
    """Its size: ``people`` of each task, with so many ``items`` in a profile; ``awkward``: with the cases that
    readers stumble over, among the first people."""

    people: int = 24
    items: int = 12
    awkward: bool = True
    seed: int = 0


PUBLISHED = LampSample(people=1500, items=100)


def write(parameters: LampSample, folder: Path) -> None:
    """Write the files of the three tasks."""
    if parameters.people < 1 or parameters.items < 1:
        raise ValueError(f"people and items must be at least 1, got {parameters.people} and {parameters.items}")
    for task in (HEADLINES, TITLES):
        _write_questions(parameters, task, folder / task.name)
    _write_rows(parameters, folder / "LongLaMP" / "product_review_user")


@dataclass(frozen=True)
class _Author:
    """Somebody's habits: which of the forms they use, and the style of their reviews."""

    habit: int
    recipe: Recipe
    mood: int


def _write_questions(parameters: LampSample, task: Task, folder: Path) -> None:
    folder.mkdir(parents=True)
    golds = []
    with (folder / "dev_questions.json").open("w", encoding="utf-8") as file:
        for number, (prompt, gold, profile) in enumerate(_people(parameters, task)):
            golds.append({"id": f"{number}0", "output": gold})
            record = {"id": f"{number}0", "input": prompt, "profile": profile}
            file.write(("[" if not number else ",\n") + json.dumps(record, ensure_ascii=False))
        file.write("]\n")
    write_json(folder / "dev_outputs.json", {"task": task.name, "golds": golds})
    write_json(folder / MARK, {"sample": "lamp"})


def _write_rows(parameters: LampSample, folder: Path) -> None:
    folder.mkdir(parents=True)
    rows = [
        {"reviewerId": f"R{number:05d}", "input": prompt, "output": gold, "profile": profile}
        for number, (prompt, gold, profile) in enumerate(_people(parameters, REVIEWS))
    ]
    if parameters.awkward:  # a reviewer twice
        rows.append(rows[0])
    pq.write_table(pa.Table.from_pylist(rows, ROWS), folder / "test-00000-of-00001.parquet")
    write_json(folder / MARK, {"sample": "lamp"})


def _people(parameters: LampSample, task: Task) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Question, answer and profile of each person."""
    for number in range(parameters.people):
        rng = np.random.default_rng(mixed_seed(parameters.seed, "samples", task.name, number))
        author = _Author(int(rng.integers(len(HEADS))), draw_recipes(1, rng)[0], int(rng.integers(2)))
        new, *known = (_item(task, author, place, rng) for place in range(parameters.items + 1))
        profile = [vars(item) for item in known]
        prompt, gold = task.prompt(new), task.gold(new)
        if parameters.awkward:
            prompt, gold, profile = _awkward(number, prompt, gold, profile)
        yield prompt, gold, profile


def _item(task: Task, author: _Author, place: int, rng: np.random.Generator) -> Article | Paper | Review:
    subject = SUBJECTS[int(rng.integers(len(SUBJECTS)))]
    advice = [subject.advice[row] for row in rng.permutation(len(subject.advice))[:3]]
    if task is HEADLINES:
        return Article(str(place), _article(subject, advice), _titled(HEADS[author.habit], subject, advice, rng))
    if task is TITLES:
        return Paper(str(place), _abstract(subject, advice), _titled(NAMES[author.habit], subject, advice, rng))
    stars = int(rng.integers(1, 4)) + 2 * author.mood
    return Review(f"{stars}.0", VERDICTS[stars - 1], _product(subject, advice), compose(subject, author.recipe, rng))


def _titled(form: str, subject: Subject, advice: list[tuple[str, str]], rng: np.random.Generator) -> str:
    words = {"task": _yours(subject.task), "advice": advice[0][0], "count": COUNTS[int(rng.integers(len(COUNTS)))]}
    return form.format(**words, **{name.capitalize(): capitalised(text) for name, text in words.items()})


def _yours(task: str) -> str:
    """A task that is not the writer's own."""
    return task.replace(" my ", " your ")


def _article(subject: Subject, advice: list[tuple[str, str]]) -> str:
    told = " ".join(f"It pays to {what}: {why}." for what, why in advice)
    return f"Many people would like to {_yours(subject.task)}. {told} For example, {subject.examples[0]}."


def _abstract(subject: Subject, advice: list[tuple[str, str]]) -> str:
    (first, why), (second, _), *_ = advice
    found = f"We find that those who {first} do best, since {why}; to {second} helps as well."
    return f"We study what it takes to {_yours(subject.task)}. {subject.technical[0]} {found}"


def _product(subject: Subject, advice: list[tuple[str, str]]) -> str:
    return f"A kit to {_yours(subject.task)}, with a booklet on how to {advice[0][0]} and how to {advice[1][0]}."


def _awkward(
    number: int, prompt: str, gold: str, profile: list[dict[str, Any]]
) -> tuple[str, str, list[dict[str, Any]]]:
    """What real files have: an item twice, one without an answer, no profile, unicode, a very long text, an item under
    another's id, one with the question's answer."""
    answer, text = ("reviewText", "description") if "reviewText" in profile[0] else ("title", [*profile[0]][1])
    first = {name: profile[0][name] for name in ("id",) if name in profile[0]}
    changes: dict[int, list[dict[str, Any]]] = {
        0: [*profile, profile[0]],
        1: [{**profile[0], answer: " "}, *profile[1:]],
        2: [],
        3: [{**profile[0], answer: f"{UNICODE} {profile[0][answer]}"}, *profile[1:]],
        4: [{**profile[0], text: lengthened(profile[0][text])}, *profile[1:]],
        6: [profile[0], *({**item, **first} for item in profile[1:2]), *profile[2:]],
        7: [{**profile[0], answer: f"{gold.upper()}!"}, *profile[1:]],
    }
    return prompt, "日本語" if number == 5 else gold, changes.get(number, profile)
