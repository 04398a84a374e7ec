"""Forgetting somebody in a whole project: nothing left, nothing of others lost, whenever it is stopped."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml

from prefactor import layout
from prefactor.backbones import open_states
from prefactor.errors import InputError
from prefactor.forgetting.belongings import Belongings, without
from prefactor.forgetting.forgetting import forget
from prefactor.forgetting.forgotten import read_forgotten
from prefactor.forgetting.plan import planned
from prefactor.forgetting.workspace import JOURNAL, workspaces
from prefactor.methods.storage import load_model, load_users
from prefactor.pseudonyms import Pseudonyms
from tests.forgetting.project import CELL, PEOPLE, found_in, seen
from tests.forgetting.talks import talks

KEY, VARIABLE = "correct horse battery staple", "PREFACTOR_TEST_PSEUDONYM_KEY"


def contents(root: Path) -> dict[str, str]:
    """Every file and a hash of it."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def belongings(user: str) -> Belongings:
    return without(talks(PEOPLE), {user})[1]


def names_of(user: str) -> set[str]:
    own = belongings(user)
    return {user} | own.pairs | own.texts | own.groups | own.prompts | own.conversations


def assert_forgotten(root: Path, user: str) -> None:
    """Nothing of the user is below ``root``, and what others had is what it was."""
    assert not found_in(root, names_of(user))
    left, own = without(talks(PEOPLE), {user})
    for name in ("talks", "tunes"):
        folder = root / layout.prepared(name)
        for table in ("pairs", "users", "texts", "candidates", "prompts"):
            found = pq.read_table(folder / f"{table}.parquet").to_pylist()
            assert found == getattr(left, table).to_pylist(), (name, table)
        assert json.loads((folder / "source.json").read_text())["dropped"]["forgotten_users"] == 1
    assert not any(path.name.startswith(JOURNAL) for path in (root / "data").iterdir())
    cache = open_states(root / layout.states("talks", "tiny"))
    assert len(cache) == len(talks(PEOPLE).texts) - len(own.texts)


@pytest.mark.parametrize("role", ["seen", "validation", "unseen"])
def test_nothing_of_them_is_left_and_nothing_of_others_is_lost(root: Path, role: str) -> None:
    user = seen(root, role)[0]
    before = {name: load_users(root / "models" / CELL / name) for name in ("seed-0", "seed-1")}
    weights = load_model(root / "models" / CELL / "seed-0").state_dict()["logits"]
    others = [key for key in talks(PEOPLE).texts["text_id"].to_pylist() if key not in belongings(user).texts]
    states = open_states(root / layout.states("talks", "tiny")).gather(others)
    assert found_in(root, {user})
    report = forget(root, user, everywhere=True)
    assert_forgotten(root, user)
    assert np.array_equal(open_states(root / layout.states("talks", "tiny")).gather(others), states)
    for name, (ids, state) in before.items():
        kept = [row for row, each in enumerate(ids) if each != user]
        now, left = load_users(root / "models" / CELL / name)
        assert now == [ids[row] for row in kept] and torch.equal(left["weight"], state["weight"][kept])
        assert torch.equal(load_model(root / "models" / CELL / name).state_dict()["logits"], weights[kept])
    assert not report.left and report.inputs == (root / "inputs/talks.jsonl", root / "inputs/tunes.jsonl")
    assert all(path.exists() and user in path.read_text() for path in report.inputs)


def test_what_shows_people_without_ids_goes_and_figures_over_all_stay(root: Path) -> None:
    forget(root, seen(root)[0], everywhere=True)
    for gone in ("data/split/talks", "reports/evaluation/talks", "reports/portrait/talks", "reports/index.html"):
        assert not (root / gone).exists(), gone
    lore, bt = (root / "models" / "bases" / "talks" / "tiny" / method / "default" for method in ("lore", "bt"))
    assert not lore.exists() and bt.exists(), "one has a row of weights for every user"
    run = root / "mlruns/artifacts/prefactor-talks/1/artifacts/evaluation"
    assert sorted(path.name for path in run.iterdir()) == ["results.parquet", "users.parquet"]
    assert pq.read_table(run / "users.parquet").num_rows == len(PEOPLE) - 1, "outcomes number users by their place"
    assert (root / "reports/signal/talks/tiny/result.json").exists()


def test_models_that_had_seen_them_are_named(root: Path) -> None:
    (cell,) = (each for _, each in forget(root, seen(root)[0], everywhere=True).exposures)
    assert cell.model == f"models/{CELL}" and cell.seeds == "0, 1" and "trained on their pairs" in cell.seen


@pytest.mark.parametrize(("role", "said"), [("validation", "chosen and calibrated"), ("unseen", "not trained")])
def test_models_that_only_met_them_are_told_apart(root: Path, role: str, said: str) -> None:
    (cell,) = (each for _, each in forget(root, seen(root, role)[0], everywhere=True).exposures)
    assert said in cell.seen and not cell.seeds


def test_a_second_user_is_traced_without_the_split_that_went_with_the_first(root: Path) -> None:
    trained, held_out = seen(root)[:2], seen(root, "validation")[0]
    forget(root, trained[0], everywhere=True)
    assert "trained" in forget(root, trained[1], everywhere=True).exposures[0][1].seen
    assert "perhaps" in forget(root, held_out, everywhere=True).exposures[0][1].seen
    assert not found_in(root, {trained[0], trained[1], held_out})


@pytest.mark.parametrize("stop", range(0, 22, 3))
def test_stopped_after_any_step_the_next_call_finishes(root: Path, stop: int) -> None:
    user = seen(root)[1]
    plan = planned(workspaces(root)[0], [user], None)
    assert len(plan.removals) <= 22
    plan.journal.write()
    for removal in plan.removals[:stop]:
        removal.do()
    report = forget(root, user, everywhere=True)
    assert_forgotten(root, user)
    assert not (root / "data/split/talks").exists() and not (root / "reports/portrait/talks").exists()
    assert [each.seen for _, each in report.exposures] == ["trained on their pairs"]


def test_a_dry_run_says_the_same_and_changes_nothing(root: Path) -> None:
    before = contents(root)
    dry = forget(root, seen(root)[0], everywhere=True, dry_run=True)
    assert contents(root) == before
    done = forget(root, seen(root, "seen")[0], everywhere=True)
    assert [(removal.place, removal.what) for _, removal in dry.removals] == [
        (removal.place, removal.what) for _, removal in done.removals
    ]


def test_the_list_keeps_no_id_and_a_second_forgetting_finds_nothing(root: Path) -> None:
    user = "user-0000001"
    forget(root, user, everywhere=True)
    assert read_forgotten(root).holds(user, "talks") and user not in (root / "forgotten.json").read_text()
    before = contents(root)
    again = forget(root, user, everywhere=True)
    assert again.before and not again.removals and not again.left and contents(root) == before


def test_of_one_dataset_alone(root: Path) -> None:
    before = contents(root)
    report = forget(root, "7", dataset="tunes")
    after = contents(root)
    assert all(after[name] == before[name] for name in before if "talks" in name)
    tunes = pq.read_table(root / layout.prepared("tunes") / "users.parquet")["user_id"].to_pylist()
    assert "7" not in tunes and len(tunes) == len(PEOPLE) - 1
    forgotten = read_forgotten(root)
    assert forgotten.holds("7", "tunes") and not forgotten.holds("7", "talks")
    assert report.inputs == (root / "inputs/tunes.jsonl",)


def test_pseudonymised_data_are_found_by_the_real_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    names = Pseudonyms(KEY.encode())
    (tmp_path / "params.yaml").write_text(
        json.dumps({"datasets": {"talks": {"input": "x"}}, "pseudonyms": {"talks": VARIABLE}})
    )
    names.applied(talks()).save(tmp_path / layout.prepared("talks"))
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(InputError, match=f"{VARIABLE}, which is not set"):
        forget(tmp_path, "anna")
    monkeypatch.setenv(VARIABLE, KEY)
    forget(tmp_path, "anna")
    assert not found_in(tmp_path, {names.of("anna")})
    forgotten = read_forgotten(tmp_path)
    assert forgotten.holds(names.of("anna"), "talks") and not forgotten.holds("anna", "talks"), "no guessable digest"


@pytest.mark.parametrize(
    ("user", "dataset", "said"),
    [
        ("user-0000002", None, "in any of 2 datasets.*did you mean 'user-0000001'"),
        ("annb", "talks", "in dataset talks.*did you mean 'anna'"),
        ("anna", "talk", "no dataset 'talk'; did you mean 'talks'"),
        (" ", None, "id is empty"),
    ],
)
def test_who_is_nowhere_is_an_error(root: Path, user: str, dataset: str | None, said: str) -> None:
    before = contents(root)
    with pytest.raises(InputError, match=said):
        forget(root, user, dataset)
    assert contents(root) == before


def test_studies_are_searched_and_share_the_list(root: Path) -> None:
    study = root / "studies" / "mine"
    talks().save(study / layout.prepared("other"))
    (study / "forgotten.json").symlink_to(Path("..", "..", "forgotten.json"))
    report = forget(root, "anna", everywhere=True)
    assert {place for place, _ in report.removals} == {root, study}
    assert "anna" not in pq.read_table(study / layout.prepared("other") / "users.parquet")["user_id"].to_pylist()
    assert (study / "forgotten.json").is_symlink() and read_forgotten(study).holds("anna", "other")
    assert not list((study / "data").glob(f"{JOURNAL}*"))


def test_what_is_not_the_pipelines_to_change_is_reported_until_it_is_gone(root: Path, notes: Path) -> None:
    assert forget(root, "anna", everywhere=True).left == (notes,)
    assert notes.exists() and list((root / "data").glob(f"{JOURNAL}*")), "what to look for is kept"
    notes.unlink()
    assert forget(root, "anna", everywhere=True).left == ()
    assert_forgotten(root, "anna")


def test_texts_of_prepared_tables_keep_their_schema(root: Path) -> None:
    path = root / layout.prepared("talks") / "texts.parquet"
    before = pq.read_schema(path)
    forget(root, "anna", everywhere=True)
    assert pq.read_schema(path).equals(before)


def test_files_that_the_pipeline_does_not_make_are_reported_and_stay(root: Path) -> None:
    """Beside its outputs lie notes, raw data, and a study's input."""
    study = root / "studies" / "mine"
    talks().save(study / layout.prepared("other"))
    survey = root / "data" / "raw" / "survey.jsonl"
    notes = [root / "models" / "README.md", root / "models" / "talks" / "notes.txt", root / "data" / "raw" / "more.txt"]
    for path in (survey, *notes):
        path.parent.mkdir(exist_ok=True)
        path.write_text("user_id: 'anna'")
    datasets = {"other": {"input": "../../data/raw/survey.jsonl"}}
    (study / "params.yaml").write_text(json.dumps({"datasets": datasets}))
    report = forget(root, "anna", everywhere=True)
    assert set(report.left) == set(notes) and all(path.exists() for path in (survey, *notes))
    assert survey in {path.resolve() for path in report.inputs}
    assert report.journals and all(path.stat().st_mode & 0o777 == 0o600 for path in report.journals)


@pytest.mark.parametrize("place", ["data/prepared/talks", "data/split/talks", "models/talks", "reports/evaluation"])
def test_what_a_link_leads_to_outside_the_project_is_reported_and_stays(root: Path, tmp_path: Path, place: str) -> None:
    outside = tmp_path / "outside"
    (root / place).rename(outside)
    (root / place).symlink_to(outside)
    before = contents(outside)
    user = seen(root)[0]
    report = forget(root, user, everywhere=True)
    assert contents(outside) == before and (root / place).is_symlink()
    assert report.left and all(path.resolve().is_relative_to(outside) for path in report.left)


def test_a_linked_folder_in_the_project_is_rewritten_where_it_is(root: Path) -> None:
    real = root / "big" / "talks"
    real.parent.mkdir()
    (root / layout.prepared("talks")).rename(real)
    (root / layout.prepared("talks")).symlink_to(real)
    forget(root, "anna", everywhere=True)
    assert_forgotten(root, "anna")
    assert (root / layout.prepared("talks")).is_symlink()
    assert "anna" not in pq.read_table(real / "users.parquet")["user_id"].to_pylist()


def test_an_id_in_several_datasets_needs_one_or_all_to_be_named(root: Path) -> None:
    before = contents(root)
    with pytest.raises(InputError, match=r"in the datasets talks, tunes.*--dataset.*--everywhere"):
        forget(root, "7")
    assert contents(root) == before
    forget(root, "7", "tunes")
    assert forget(root, "7").removals, "now it is in one alone"
    forgotten = read_forgotten(root)
    assert forgotten.holds("7", "talks") and not forgotten.holds("7", None)
    listed = (root / "forgotten.json").read_text()
    with pytest.raises(InputError, match="no dataset 'ghost'"):
        forget(root, "7", "ghost")
    assert forget(root, "7").before and (root / "forgotten.json").read_text() == listed


def test_who_is_in_no_dataset_but_in_a_log_is_not_said_to_be_left_out(root: Path, notes: Path) -> None:
    notes.write_text("user_id 'mary'")
    before = contents(root)
    with pytest.raises(InputError, match=r"no dataset has 'mary', but .*flow.log"):
        forget(root, "mary")
    assert contents(root) == before


def test_a_dataset_of_the_hub_has_no_input_but_a_cache_out_of_reach(root: Path) -> None:
    values = yaml.safe_load((root / "params.yaml").read_text())
    values["datasets"]["talks"] |= {"options": {"hub": "somebody/talks"}}
    (root / "params.yaml").write_text(yaml.safe_dump(values))
    report = forget(root, "anna", everywhere=True)
    assert report.inputs == (root / "inputs/tunes.jsonl",)
    assert any("somebody/talks" in place for place in report.elsewhere)
