"""From names to a workshop; each that is unknown, and whatever is not there, is named with its fix."""

import shutil
from pathlib import Path

import pytest
import yaml

from prefactor import layout
from prefactor.decoding.one_user import workshop_of
from prefactor.errors import InputError
from prefactor.pseudonyms import Pseudonyms
from tests.decoding.projects import DATASET, MODEL, VALUES, fresh_copy, tiny_project, user_of

KEY = "a key of more than sixteen characters"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return fresh_copy(tmp_path / "project")


def change(project: Path, **sections: object) -> Path:
    """Its parameters with other sections."""
    path = project / "params.yaml"
    path.write_text(yaml.safe_dump({**VALUES, **sections}))
    return path


def test_what_is_not_named_is_the_first_of_generation_else_of_the_run(project):
    found = workshop_of(project / "params.yaml", "someone")
    assert (found.dataset, found.name, found.root) == (DATASET, MODEL, project)
    shutil.copytree(project / layout.LANGUAGE_MODELS / MODEL, project / layout.LANGUAGE_MODELS / "other")
    named = {**VALUES["generation"], "models": ["other"], "datasets": [DATASET]}
    assert workshop_of(change(project, generation=named), "someone").name == "other"
    assert workshop_of(project / "params.yaml", "someone", model=MODEL).name == MODEL


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"dataset": "stylebnch"}, "unknown dataset 'stylebnch'; did you mean 'stylebench'"),
        ({"model": "tinny"}, "unknown backbone 'tinny'; did you mean 'tiny'"),
        ({"model": "other"}, "other is not there: with 'other' in run.backbones, run `dvc repro language-model`"),
    ],
)
def test_unknown_names(named, said):
    with pytest.raises(InputError) as error:
        workshop_of(tiny_project() / "params.yaml", "someone", **named)
    assert said in str(error.value)


@pytest.mark.parametrize(("made", "stage"), [(layout.split, "split"), (layout.prepared, "prepare")])
def test_data_that_are_not_there(project, made, stage):
    shutil.rmtree(project / made(DATASET))
    with pytest.raises(InputError, match=f"is not there: run `dvc repro {stage}`"):
        workshop_of(project / "params.yaml", "someone")
    with pytest.raises(InputError, match=r"nowhere\.yaml does not exist"):
        workshop_of(project / "nowhere.yaml", "someone")


def test_users_with_pseudonyms_are_found_by_the_id_in_the_data(project, monkeypatch):
    params = change(project, pseudonyms={DATASET: "TEST_KEY"})
    mine = user_of(project)
    assert workshop_of(params, mine).people.user_ids == (mine,), "a pseudonym is one"
    with pytest.raises(InputError, match="TEST_KEY, which is not set"):
        workshop_of(params, "Anna")
    monkeypatch.setenv("TEST_KEY", KEY)
    assert workshop_of(params, "Anna").people.user_ids == (Pseudonyms(KEY.encode()).of("Anna"),)
