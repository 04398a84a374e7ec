"""Stage portrait: the powers of all seeds, and a model that found nothing to draw."""

import json
from pathlib import Path

import pytest
import torch

from prefactor import layout
from prefactor.layout import Cell, seed_folder
from prefactor.methods.storage import save_model
from stages.portrait import _powers, portrait
from tests.evaluation.test_portrait import LOADED, make_vrf


def test_powers_are_those_of_every_seed_that_found_a_taste(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds choose differently; where all bases are alike there is nothing to weigh."""
    monkeypatch.chdir(tmp_path)
    cell = Cell("d", "b", "vrf", "default")
    cell.model.mkdir(parents=True)
    for seed, power in enumerate(((1.0, 0.0), (0.5, 0.5), (0.0, 1.0))):
        model = make_vrf(**LOADED)
        assert model.loadings is not None
        model.loadings.power.copy_(torch.tensor(power))
        if seed == 2:
            model.phi.last.weight[: model.features] = 0
        save_model(model, seed_folder(cell.model, seed))
    assert _powers(cell, (0, 1, 2)) == {0: (1.0, 0.0), 1: (0.5, 0.5)}


def test_without_a_direction_of_taste_nothing_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No table is left, and neither states nor pairs are read: there are none here."""
    monkeypatch.chdir(tmp_path)
    model, cell = make_vrf(**LOADED), Cell("d", "b", "vrf", "default")
    model.phi.last.weight[: model.features] = 0
    cell.model.mkdir(parents=True)
    save_model(model, seed_folder(cell.model, 0))
    (cell.model / "training.json").write_text(json.dumps({"run": "r", "backbone": {}}))
    lists = {"datasets": ["d"], "backbones": ["b"], "methods": ["vrf"], "variants": ["default"], "seeds": [0]}
    (tmp_path / "params.yaml").write_text(json.dumps({"run": {**lists, "threads": 1}, "portrait": {"judge": None}}))
    portrait("d", "b")
    folder = layout.portrait("d", "b")
    assert [path.name for path in folder.iterdir()] == ["portraits.json"]
    assert json.loads((folder / "portraits.json").read_text()) == {"seed": 0, "run": "r", "directions": 0}
