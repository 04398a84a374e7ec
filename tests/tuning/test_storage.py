"""A tuned backbone comes back from its files; adapters merged into the weights are the adapters applied."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prefactor.backbones import load_backbone
from prefactor.backbones.weights import weights_fingerprint
from prefactor.errors import InputError
from prefactor.tuning.checkpoint import backbone_tensors, set_backbone_tensors
from prefactor.tuning.parameters import BackboneTuning
from prefactor.tuning.storage import load_tuned, save_backbone
from tests.tuning.small import Small, make_live, tuned


def saved(small: Small, tuning: BackboneTuning, folder: Path) -> torch.Tensor:
    """Train, save to ``folder``/backbone; the states of all texts as training leaves them."""
    _, live, _ = tuned(small, "bt", tuning, folder / "work")
    save_backbone(folder / "backbone", live, backbone_tensors(live), small.parameters, tuning)
    return live.encode(np.arange(len(small.texts)))


def read(small: Small, folder: Path) -> torch.Tensor:
    reader = load_tuned(small.parameters, folder / "backbone")
    return torch.from_numpy(reader.encode(small.texts.prompts.to_pylist(), small.texts.responses.to_pylist()).states)


@pytest.mark.parametrize("mode", ["lora", "full"])
def test_its_states_are_those_that_it_was_trained_to(small: Small, mode: str, tmp_path: Path) -> None:
    tuning = BackboneTuning(mode, rank=3, alpha=6, learning_rate=1e-2)  # type: ignore[arg-type]
    expected = saved(small, tuning, tmp_path)
    frozen = small.cohorts["seen"].pairs.responses.views["states"]
    assert float((expected - frozen).norm() / frozen.norm()) > 0.05
    assert torch.allclose(read(small, tmp_path), expected, rtol=1e-3, atol=1e-4)


def test_merged_adapters_are_adapters_applied_and_peft_reads_the_same_folder(small: Small, tmp_path: Path) -> None:
    from peft import PeftModel

    expected = saved(small, BackboneTuning("lora", rank=2, alpha=8, learning_rate=1e-2), tmp_path)
    reader = load_backbone(small.parameters)
    with warnings.catch_warnings():  # peft still asks transformers by a name of earlier versions
        warnings.simplefilter("ignore", FutureWarning)
        applied = PeftModel.from_pretrained(reader.engine.forward.model, str(tmp_path / "backbone"))
    reader.engine.forward.model = applied.base_model.model
    states = reader.encode(small.texts.prompts.to_pylist(), small.texts.responses.to_pylist()).states
    assert torch.allclose(torch.from_numpy(states), expected, rtol=1e-4, atol=1e-5)
    config = json.loads((tmp_path / "backbone" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["target_modules"]) == (2, 8, "all-linear")


def test_in_bfloat16_merged_adapters_are_as_near_as_adapters_applied(small: Small, tmp_path: Path) -> None:
    """Small changes of weights that were rounded before would be lost."""
    tuning = BackboneTuning("lora", rank=4, alpha=8, learning_rate=1e-3)
    _, live, _ = tuned(small, "bt", tuning, tmp_path / "work")
    tensors, rows = backbone_tensors(live), np.arange(len(small.texts))
    save_backbone(tmp_path / "backbone", live, tensors, small.parameters, tuning)
    applied = make_live(replace(small, compute_dtype="bfloat16"), replace(tuning, compute_dtype="bfloat16"))
    set_backbone_tensors(applied, tensors)
    half = replace(small, compute_dtype="bfloat16")
    expected = live.encode(rows)
    error = (read(half, tmp_path) - expected).norm() / expected.norm()
    assert 0 < error < 0.02 and error < 1.3 * (applied.encode(rows) - expected).norm() / expected.norm()
    reader = load_tuned(half.parameters, tmp_path / "backbone")
    assert {weight.dtype for weight in reader.engine.forward.model.parameters()} == {torch.bfloat16}
    assert reader.identity()["compute_dtype"] == "bfloat16"


def test_a_wholly_tuned_one_is_an_ordinary_model_folder(small: Small, tmp_path: Path) -> None:
    saved(small, BackboneTuning("full", learning_rate=1e-3), tmp_path)
    assert weights_fingerprint(tmp_path / "backbone") != weights_fingerprint(small.folder)
    names = {path.name for path in (tmp_path / "backbone").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names and not any("bin" in name for name in names)
    assert "prefactor" not in (tmp_path / "backbone" / "config.json").read_text()


def test_its_identity_is_not_the_frozen_ones(small: Small, tmp_path: Path) -> None:
    base = load_backbone(small.parameters).identity()
    for mode in ("lora", "full"):
        saved(small, BackboneTuning(mode, learning_rate=1e-3), tmp_path / mode)  # type: ignore[arg-type]
        assert load_tuned(small.parameters, tmp_path / mode / "backbone").identity() != base


def test_a_folder_without_one_is_named(small: Small, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no tuned backbone: rerun stage train-encoder"):
        load_tuned(small.parameters, tmp_path)
