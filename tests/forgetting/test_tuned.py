"""Forgetting somebody where a backbone was trained: its states, what a stopped training left, a model of our own."""

import shutil
from pathlib import Path

import pytest

from prefactor import layout
from prefactor.atomic import write_json
from prefactor.backbones import open_states
from prefactor.forgetting.forgetting import forget
from prefactor.layout import Cell, checkpoints, seed_folder, tuned_states
from prefactor.methods.storage import save_model
from tests.forgetting.project import PEOPLE, seen
from tests.forgetting.talks import talks
from tests.forgetting.test_forgetting import CELL, assert_forgotten, belongings, load_model


def test_a_tuned_cache_loses_their_texts_and_a_stopped_training_goes(root: Path) -> None:
    cell, user = Cell(*CELL.parts), seen(root)[0]
    cache = root / tuned_states(seed_folder(cell.model, 0))
    shutil.copytree(root / layout.states("talks", "tiny"), cache)
    left = root / checkpoints(cell, 0) / "checkpoint"
    save_model(load_model(root / cell.model / "seed-0"), left)
    states = open_states(cache)
    others = [key for key in talks(PEOPLE).texts["text_id"].to_pylist() if key not in belongings(user).texts]
    expected = states.gather(others)
    forget(root, user, everywhere=True)
    assert_forgotten(root, user)
    assert not left.exists()
    found = open_states(cache)
    assert len(found) == len(others) and (found.gather(others) == expected).all()


def test_a_language_model_that_read_their_texts_goes(root: Path) -> None:
    model, report = root / layout.LANGUAGE_MODELS / "own", root / layout.LANGUAGE_MODEL_REPORTS / "own"
    for folder, dataset in ((model, "talks"), (report, "talks")):
        write_json(folder / "perplexity.json", {"dataset": dataset})
    forget(root, seen(root)[0], everywhere=True)
    assert not model.exists() and not report.exists()


def test_a_language_model_of_another_dataset_stays(root: Path) -> None:
    report = root / layout.LANGUAGE_MODEL_REPORTS / "own" / "perplexity.json"
    write_json(report, {"dataset": "others"})
    forget(root, seen(root)[0], everywhere=True)
    assert report.exists()


@pytest.mark.parametrize("role", ["seen", "validation", "unseen"])
def test_a_backbone_that_was_trained_on_their_texts_goes(root: Path, role: str) -> None:
    folder = root / layout.tuned_backbone(seed_folder(Cell(*CELL.parts).model, 0))
    write_json(folder / "adapter_config.json", {})
    forget(root, seen(root, role)[0], everywhere=True)
    assert folder.exists() == (role != "seen")  # the others' texts were read, and moved nothing
    assert (folder.parent / "model.json").exists()
