"""Published files: the task is told by what is there, and a person is a question with a profile."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from prefactor.datasets.lamp.published import find_published
from prefactor.datasets.lamp.tasks import HEADLINES, REVIEWS, TITLES
from prefactor.errors import InputError
from tests.datasets.lamp.small import ITEMS, PEOPLE, files


@pytest.mark.parametrize(("name", "task"), [("LaMP_4", HEADLINES), ("LaMP_5", TITLES), ("LongLaMP", REVIEWS)])
def test_people_of_each_task(name: str, task: object) -> None:
    found = find_published(files() / name)
    people = list(found.people())
    assert found.task is task and len(people) == PEOPLE == len({person.id for person in people})
    # Of the sample's first people: an item twice, one without an answer, no profile at all.
    assert [len(person.items) for person in people[:4]] == [ITEMS + 1, ITEMS - 1, 0, ITEMS]
    assert all(item.prompt.strip() and item.gold.strip() for person in people for item in person.items)
    assert found.rows(PEOPLE) == ([PEOPLE + 1] if task is REVIEWS else [PEOPLE] * 2), "a reviewer is there twice"


def test_rows_may_be_json_lines(tmp_path: Path) -> None:
    folder = files() / "LongLaMP"
    rows = pq.read_table(next(folder.rglob("*.parquet"))).to_pylist()
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert list(find_published(tmp_path).people()) == list(find_published(folder).people())


def test_one_folder_of_one_task_and_split_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has the split 'dev' more than once, in .*LaMP_4, .*LaMP_5: name one"):
        find_published(files())
    with pytest.raises(InputError, match=r"holds no published question: put dev_questions.json and"):
        find_published(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        find_published(tmp_path / "nowhere")
    shutil.copytree(files() / "LaMP_4", tmp_path / "both")
    for kind in ("questions", "outputs"):
        shutil.copy(tmp_path / "both" / f"dev_{kind}.json", tmp_path / "both" / f"train_{kind}.json")
    with pytest.raises(InputError, match="has the splits dev, train: name one as split"):
        find_published(tmp_path / "both")
    with pytest.raises(InputError, match="has no split 'trian'; did you mean 'train'"):
        find_published(tmp_path / "both", "trian")
    assert find_published(tmp_path / "both", "train").split == "train"
    (tmp_path / "both" / "train_outputs.json").unlink()
    with pytest.raises(InputError, match=r"has no train_outputs.json beside it: put it there, or name a split whose"):
        find_published(tmp_path / "both", "train")


Change = Callable[[list[dict[str, Any]], dict[str, Any]], None]


def _twice(questions: list[dict[str, Any]], outputs: dict[str, Any]) -> None:
    questions[3]["id"] = questions[1]["id"]


def _unanswered(questions: list[dict[str, Any]], outputs: dict[str, Any]) -> None:
    del outputs["golds"][2]


def _blank(questions: list[dict[str, Any]], outputs: dict[str, Any]) -> None:
    outputs["golds"][1]["output"] = " "


def _separated(questions: list[dict[str, Any]], outputs: dict[str, Any]) -> None:
    questions[1]["profile"][2]["text"] = "a\x1fb"


def _other_field(questions: list[dict[str, Any]], outputs: dict[str, Any]) -> None:
    questions[0]["profile"][0] = {"id": "0", "abstract": "secret", "title": "secret"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_twice, "record 4: the id was there before: keep one"),
        (_unanswered, "record 3: dev_outputs.json has no output for its id: take both from one release"),
        (_blank, "record 2: the output is empty: fill it in or remove the record"),
        (_separated, "record 2: the control character U\\+001F in a text: remove the character"),
        (_other_field, "record 1: there is no field 'profile.0.text', but id, abstract, title: add it"),
    ],
)
def test_faults_are_named_with_their_record(tmp_path: Path, change: Change, message: str) -> None:
    folder = tmp_path / "LaMP_4"
    shutil.copytree(files() / "LaMP_4", folder)
    questions, outputs = (json.loads((folder / f"dev_{kind}.json").read_text()) for kind in ("questions", "outputs"))
    change(questions, outputs)
    (folder / "dev_questions.json").write_text(json.dumps(questions))
    (folder / "dev_outputs.json").write_text(json.dumps(outputs))
    with pytest.raises(InputError, match=message) as error:
        list(find_published(folder).people())
    assert "secret" not in str(error.value)


def test_other_tasks_are_refused(tmp_path: Path) -> None:
    shutil.copytree(files() / "LaMP_4", tmp_path / "LaMP_3")
    path = tmp_path / "LaMP_3" / "dev_outputs.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "task": "LaMP_3"}))
    with pytest.raises(InputError, match="field 'task' is 'LaMP_3': only LaMP_4 and LaMP_5 are read"):
        find_published(tmp_path / "LaMP_3")
