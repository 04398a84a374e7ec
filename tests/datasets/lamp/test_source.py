"""The source: a person's best text against their worst for each query, and whole sets with what they are worth."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prefactor.datasets import load
from prefactor.datasets.lamp.candidates import MADE, QUESTION
from prefactor.errors import InputError
from prefactor.preferences import Preferences, content_id
from tests.datasets.lamp.small import PEOPLE, TASKS, candidates, files, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(files() / "LaMP_4", tmp_path / "LaMP_4"))


def read(folder: Path, **options: object) -> Preferences:
    return load("lamp", options, folder, "here")


@pytest.mark.parametrize("task", TASKS)
def test_best_against_worst_of_every_query(tmp_path: Path, task: str) -> None:
    shutil.copytree(files() / task, tmp_path / task)
    rows = candidates(tmp_path / task)
    write(rows, tmp_path / task)
    found = read(tmp_path / task)
    words = {row["text_id"]: row["response"] for row in found.texts.to_pylist()}  # type: ignore[union-attr]
    gold = {content_id(row["user_id"], row["query_id"]): row["response"] for row in reversed(rows)}
    gold |= {content_id(row["user_id"], row["query_id"]): row["response"] for row in rows if row["rougeL"] == 1}
    worth = {(row["group_id"], row["text_id"]): row["gold"] for row in found.candidates.to_pylist()}  # type: ignore[union-attr]
    for pair in found.pairs.to_pylist():
        assert words[pair["chosen"]] == gold[pair["group_id"]] and words[pair["rejected"]] == "Nothing like it"
        chosen, rejected = (worth[pair["group_id"], pair[side]] for side in ("chosen", "rejected"))
        assert pair["margin"] == pytest.approx(chosen - rejected)
    assert len(found.users) <= PEOPLE and found.source["scorers"] == ["gold"]
    found.save(tmp_path / "prepared")


def test_sets_say_how_often_a_text_was_written_and_whether_the_question_was_asked(folder: Path) -> None:
    rows = candidates(folder)
    write(rows, folder)
    sets = read(folder).candidates
    assert sets is not None and sets.column_names == ["group_id", "text_id", "gold", "times", "kind"]
    table = sets.to_pandas()
    assert (table.groupby("group_id")["times"].sum() == 4).all() and set(table["times"]) == {1, 2}
    questions = {content_id(row["user_id"], row["query_id"]) for row in rows if row["kind"] == QUESTION}
    asked = table[table["group_id"].isin(questions)]
    assert set(asked["kind"]) == {QUESTION} and set(table.drop(asked.index)["kind"]) == {"profile"}


def test_what_is_worth_the_same_or_blank_is_counted(folder: Path) -> None:
    rows = candidates(folder)
    rows[0]["response"] = " \n"
    tied = [row for row in rows if row["user_id"] == rows[-1]["user_id"]]
    for row in tied:
        row["gold_utility"] = 0.5
    write(rows, folder)
    found = read(folder)
    assert found.source["dropped"]["blank_responses"] == 2, "half of a gold answer of one word is blank"
    # One gold answer of the sample has no word that ROUGE counts: its texts are worth the same, too.
    assert found.source["dropped"]["tied_scores"] == len(tied) // 4 + 1
    assert rows[-1]["user_id"] not in found.users["user_id"].to_pylist()
    assert read(folder, utility="rouge1").source["dropped"]["tied_scores"] == 1


def test_questions_whose_texts_are_worth_the_same_are_counted_by_themselves(folder: Path) -> None:
    rows = candidates(folder)
    users = list(dict.fromkeys(row["user_id"] for row in rows))
    for row in rows:
        if row["kind"] == QUESTION and row["user_id"] in users[:3]:
            row["gold_utility"] = 0.5
    write(rows, folder)
    found = read(folder)
    counts = found.source["rows"]
    # One gold answer of the sample has no word that ROUGE counts.
    assert counts["questions"] == PEOPLE and counts["questions_with_pairs"] == PEOPLE - 3 - 1
    assert found.candidates is not None
    sets = found.candidates.to_pandas()
    kept = set(sets.loc[sets["kind"] == QUESTION, "group_id"])
    assert len(kept) == counts["questions_with_pairs"]
    assert set(sets["group_id"]) == set(found.pairs["group_id"].to_pylist()), "else nothing said whose a set is"


def test_a_dataset_has_one_policy(folder: Path) -> None:
    rows = candidates(folder, ("base", "retrieved"))
    write(rows, folder)
    with pytest.raises(InputError, match="has texts of the policies base, retrieved: name one as policy"):
        read(folder)
    with pytest.raises(InputError, match="no text of the policy 'retreived'; did you mean 'retrieved'"):
        read(folder, policy="retreived")
    assert read(folder, policy="retrieved").source["policy"] == "retrieved"


def test_candidates_of_other_files_are_refused(folder: Path) -> None:
    path = write(candidates(folder), folder)
    made = pq.read_table(path).replace_schema_metadata({MADE: b'{"questions_sha256": "0", "split": "dev"}'})
    pq.write_table(made, path)
    with pytest.raises(InputError, match="was written for other files than those of split 'dev'"):
        read(folder)
    rows = candidates(folder)
    rows[5]["user_id"] = "secret"
    rows[5]["query_id"] = "another"
    write(rows, folder)
    with pytest.raises(InputError, match=r"1 people are not in the files of split 'dev' in .* text 6 of") as error:
        read(folder)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("gold_utility", float("nan"), "row 3: gold_utility is nan, but must be a finite number"),
        ("gold_utility", None, "row 3: gold_utility is None, but must be a finite number"),
        ("response", None, "row 3: response is None, but must be text"),
        ("user_id", " ", r"row 3: user_id is empty: fill it in \(1 such rows\)"),
        ("kind", "asked", "row 3: kind is neither 'profile' nor 'question'"),
        ("prompt", "a\x1fb", r"row 3: the control character U\+001F in prompt"),
        ("prompt", "Another prompt", "row 3: its prompt differs from that of other rows of its query"),
    ],
)
def test_faults_of_candidates_are_named_with_their_row(folder: Path, column: str, value: object, message: str) -> None:
    rows = candidates(folder)
    rows[2][column] = value
    write(rows, folder)
    with pytest.raises(InputError, match=message):
        read(folder)


def test_missing_files_and_columns_say_what_to_do(folder: Path) -> None:
    with pytest.raises(InputError, match="does not exist: write it with `prefactor policy-candidates"):
        read(folder)
    write([{name: row[name] for name in row if name != "kind"} for row in candidates(folder)], folder)
    with pytest.raises(InputError, match="has no column 'kind', but user_id, query_id, policy"):
        read(folder)
    with pytest.raises(InputError, match="must name a file in the dataset's folder"):
        read(folder, candidates="../candidates.parquet")
    with pytest.raises(InputError, match=r"minimum_margin is -1.0, but must be 0 or more"):
        read(folder, minimum_margin=-1)


def test_nothing_to_compare_is_an_error(folder: Path) -> None:
    write([{**row, "gold_utility": 0.0} for row in candidates(folder)], folder)
    with pytest.raises(InputError, match=r"no pair is left of \d+ texts \(tied_scores: \d+, .*\): write more texts"):
        read(folder)
