"""Sample of LaMP and LongLaMP: the published fields, people with habits, and the cases that readers stumble over."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prefactor.datasets.lamp.published import find_published
from prefactor.datasets.samples import write_sample
from prefactor.datasets.samples.lamp import LampSample
from tests.datasets.lamp.small import PEOPLE, TASKS, files


@pytest.mark.parametrize(
    ("task", "fields"), [("LaMP_4", {"id", "text", "title"}), ("LaMP_5", {"id", "abstract", "title"})]
)
def test_questions_and_outputs_have_the_published_fields(task: str, fields: set[str]) -> None:
    questions, outputs = (
        json.loads((files() / task / f"dev_{kind}.json").read_text()) for kind in ("questions", "outputs")
    )
    assert outputs["task"] == task and len(questions) == len(outputs["golds"]) == PEOPLE
    assert [one["id"] for one in questions] == [one["id"] for one in outputs["golds"]]
    assert all(set(one) == {"id", "input", "profile"} for one in questions)
    assert all(set(item) == fields for one in questions for item in one["profile"])


def test_reviews_have_the_published_fields() -> None:
    (path,) = (files() / "LongLaMP" / "product_review_user").glob("*.parquet")
    rows = pq.read_table(path).to_pylist()
    assert all(set(row) == {"reviewerId", "input", "output", "profile"} for row in rows)
    items = [item for row in rows for item in row["profile"]]
    assert all(set(item) == {"overall", "summary", "description", "reviewText"} for item in items)


@pytest.mark.parametrize("task", TASKS)
def test_ids_are_unique_whatever_the_files_say_and_an_answer_is_there_twice(task: str) -> None:
    people = list(find_published(files() / task).people())
    assert all(len({item.id for item in one.items}) == len(one.items) for one in people)
    assert task == "LongLaMP" or [item.id for item in people[6].items][:3] == ["1", "1~1", "3"]
    assert people[7].items[0].gold == f"{people[7].gold.upper()}!"


@pytest.mark.parametrize("task", TASKS)
def test_nothing_is_awkward_on_request(tmp_path: Path, task: str) -> None:
    write_sample("lamp", tmp_path / "plain", LampSample(people=6, items=5, awkward=False))
    people = list(find_published(tmp_path / "plain" / task).people())
    assert [len(one.items) for one in people] == [5] * 6
    assert max(len(item.prompt) for one in people for item in one.items) < 1000


def test_people_have_habits(tmp_path: Path) -> None:
    write_sample("lamp", tmp_path / "plain", LampSample(people=30, items=6, awkward=False))
    people = list(find_published(tmp_path / "plain" / "LaMP_4").people())
    openings = [{item.gold.split()[0] for item in one.items} for one in people]
    assert len({frozenset(one) for one in openings if len(one) == 1}) >= 3, "some begin all headlines alike"
