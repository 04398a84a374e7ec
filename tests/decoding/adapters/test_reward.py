"""A reward model of each user's own."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from prefactor.backbones.loading import BackboneParameters
from prefactor.backbones.passes import pad
from prefactor.decoding.adapters import LoraReward
from prefactor.decoding.speaker import load_speaker
from tests.decoding.adapters.toys import QUICK, make_toy, swapped
from tests.decoding.speakers import make_folder, tiny_speaker


@pytest.fixture(scope="module")
def toy():
    return make_toy()


@pytest.fixture(scope="module")
def margins(toy):
    return LoraReward(tiny_speaker(), toy.texts, QUICK)(toy.known, toy.asked)


def test_opposite_tastes_are_learnt(toy, margins):
    for user in range(2):
        assert (margins.mean[toy.asked.segment == user] > 0).double().mean() > 0.5
    assert not margins.variance.any()


def test_users_do_not_depend_on_each_other(toy, margins):
    found = LoraReward(tiny_speaker(), toy.texts, QUICK)(swapped(toy.known), swapped(toy.asked))
    assert torch.equal(found.mean, margins.mean)


def test_another_seed_trains_another_reward(toy, margins):
    known, asked = toy.known.users_between(0, 1), toy.asked.users_between(0, 1)
    other = LoraReward(tiny_speaker(), toy.texts, replace(QUICK, seed=1))(known, asked)
    assert not torch.allclose(other.mean, margins.mean[toy.asked.segment == 0])


def test_every_weight_of_an_adapter_moves_and_none_of_the_model(toy):
    speaker = tiny_speaker()
    before = {name: tensor.clone() for name, tensor in speaker.model.state_dict().items()}
    still = LoraReward(speaker, toy.texts, replace(QUICK, learning_rate=0.0))
    with still.adapted(toy.known, 0) as model:
        start = {name: tensor.clone() for name, tensor in model.named_parameters() if tensor.requires_grad}
    with LoraReward(speaker, toy.texts, QUICK).adapted(toy.known, 0) as model:
        moved = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
        assert moved.keys() == start.keys() and sum("lora_" in name for name in moved) == 2 * 2 * 7
        assert all(not torch.equal(moved[name], start[name]) for name in moved)
        assert all("lora_" in name or "score" in name for name in moved)
    after = speaker.model.state_dict()
    assert after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in before)
    assert not any(parameter.requires_grad for parameter in speaker.model.parameters())
    assert not speaker.model.training


@pytest.fixture(scope="module")
def padding_speaker(tmp_path_factory):
    """One whose tokenizer pads with the token that ends a turn, as some do."""
    folder = make_folder(tmp_path_factory.mktemp("speakers") / "padding")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "pad_token": settings["eos_token"]}))
    return load_speaker(BackboneParameters(model=str(folder), device="cpu"))


@pytest.mark.parametrize("pads_with_end", [False, True])
def test_the_reward_is_that_of_the_model_which_was_trained(toy, padding_speaker, pads_with_end):
    speaker = padding_speaker if pads_with_end else tiny_speaker()
    scorer, rows = LoraReward(speaker, toy.texts, replace(QUICK, epochs=1)), np.arange(8)
    assert (scorer._reader(rows).ids[0][-1] == speaker.tokenizer.pad_token_id) == pads_with_end
    with scorer.adapted(toy.known, 0) as model, torch.no_grad():
        found = scorer._rewards(model, rows)
        ids, real = pad(scorer._reader(rows).ids, model.config.pad_token_id)
        with scorer.speaker.with_cache():
            output = model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(real.astype(np.int64)))
    np.testing.assert_allclose(found, output.logits[:, 0].numpy(), atol=1e-4)


def test_a_user_without_pairs_has_no_preference():
    toy = make_toy((None, 1))
    found = LoraReward(tiny_speaker(), toy.texts, QUICK)(toy.known, toy.asked).mean
    assert not found[toy.asked.segment == 0].any() and found[toy.asked.segment == 1].all()


def test_some_layers_may_have_adapters_with_dropout(toy):
    changed = replace(QUICK, targets=("q_proj", "v_proj"), dropout=0.1, epochs=1)
    with LoraReward(tiny_speaker(), toy.texts, changed).adapted(toy.known, 0) as model:
        names = [name for name, tensor in model.named_parameters() if tensor.requires_grad and "lora_" in name]
    assert len(names) == 2 * 2 * 2 and all("q_proj" in name or "v_proj" in name for name in names)
