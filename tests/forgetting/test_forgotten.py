"""The list of forgotten users: no id in it, obeyed by stage prepare, shared by the studies."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from prefactor.errors import InputError
from prefactor.forgetting.forgotten import FILE, Entry, Forgotten, add, digest, read_forgotten
from prefactor.pseudonyms import Pseudonyms
from stages.prepare import prepare
from stages.study import share_forgotten
from tests.forgetting.talks import USERS, talks
from tests.stages.conftest import write_own_file

ROOT = Path(__file__).resolve().parents[2]
KEY, VARIABLE = "correct horse battery staple", "PREFACTOR_TEST_PSEUDONYM_KEY"


def test_what_is_added_is_read_back_once_and_as_a_digest(tmp_path: Path) -> None:
    for _ in range(2):
        add(tmp_path, ["anna", "7"], None)
        add(tmp_path, ["71"], "talks")
    entries = {Entry(digest("anna")), Entry(digest("7")), Entry(digest("71"), "talks")}
    assert read_forgotten(tmp_path) == Forgotten(frozenset(entries))
    text = (tmp_path / FILE).read_text()
    assert "anna" not in text and len(json.loads(text)) == 3


def test_nobody_is_forgotten_without_a_list(tmp_path: Path) -> None:
    table = talks()
    assert read_forgotten(tmp_path).applied(table, "talks") is table


def test_a_user_is_forgotten_in_one_dataset_or_in_all(tmp_path: Path) -> None:
    add(tmp_path, ["anna"], None)
    add(tmp_path, ["71"], "talks")
    forgotten = read_forgotten(tmp_path)
    assert forgotten.among(USERS, "talks") == ["71", "anna"] and forgotten.among(USERS, "other") == ["anna"]
    assert forgotten.holds("anna", "other") and forgotten.holds("71", "talks") and not forgotten.holds("71", None)


def test_applied_drops_them_and_counts_them(tmp_path: Path) -> None:
    add(tmp_path, ["anna", "7"], None)
    left = read_forgotten(tmp_path).applied(talks(), "talks")
    assert left.users["user_id"].to_pylist() == [user for user in USERS if user not in ("anna", "7")]
    assert left.source["dropped"] == {"ties": 2, "forgotten_users": 2}


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"digest": 3}]', '[{"digets": "00"}]', "[", '[{"dataset": "a"}]'])
def test_a_damaged_list_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InputError, match=FILE):
        read_forgotten(tmp_path)


def test_a_study_writes_through_its_link_to_the_projects_list(tmp_path: Path) -> None:
    study = tmp_path / "studies" / "mine"
    study.mkdir(parents=True)
    (tmp_path / FILE).write_text("[]\n")
    for _ in range(2):
        share_forgotten(study)
    assert add(study, ["anna"], None) == tmp_path / FILE
    assert (study / FILE).is_symlink() and read_forgotten(tmp_path).holds("anna", "talks")


@pytest.mark.parametrize("name", sorted(path.parent.name for path in (ROOT / "studies").glob("*/study.yaml")))
def test_every_study_shares_the_projects_list(name: str) -> None:
    assert (ROOT / "studies" / name / FILE).resolve() == ROOT / FILE and (ROOT / FILE).is_file()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of four raters' preferences, prepared in a project of its own."""
    write_own_file(tmp_path / "mine.jsonl", users=4, prompts=2)
    write_parameters(tmp_path, None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, KEY)
    return tmp_path


def write_parameters(folder: Path, pseudonyms: dict[str, str]) -> None:
    section = {"source": "files", "input": "mine.jsonl", "options": {"columns": {"user_id": "rater"}}, "split": {}}
    values = {"datasets": {"mine": section}, "pseudonyms": pseudonyms}
    (folder / "params.yaml").write_text(yaml.safe_dump(values))


def prepared(folder: Path) -> tuple[list[str], dict]:
    """The users and source.json that stage prepare writes."""
    prepare("mine")
    where = folder / "data" / "prepared" / "mine"
    return pq.read_table(where / "users.parquet")["user_id"].to_pylist(), json.loads(
        (where / "source.json").read_text()
    )


def test_stage_prepare_obeys_the_list(project: Path) -> None:
    users, before = prepared(project)
    add(project, ["rater 1"], None)
    left, source = prepared(project)
    assert left == [user for user in users if user != "rater 1"]
    assert source == {**before, "dropped": {**before["dropped"], "forgotten_users": 1}}


def test_who_was_forgotten_under_an_id_stays_so_under_a_pseudonym(project: Path) -> None:
    add(project, ["rater 1"], None)
    add(project, [Pseudonyms(KEY.encode()).of("rater 2")], "mine")
    write_parameters(project, {"mine": VARIABLE})
    users, source = prepared(project)
    assert users == [Pseudonyms(KEY.encode()).of(name) for name in ("rater 0", "rater 3")]
    assert source["dropped"]["forgotten_users"] == 2 and source["pseudonyms"] is True


def test_a_dataset_of_forgotten_users_alone_is_an_error(project: Path) -> None:
    add(project, [f"rater {number}" for number in range(4)], "mine")
    with pytest.raises(InputError, match=r"datasets.mine: no pair is left"):
        prepare("mine")
    assert not (project / "data").exists()
