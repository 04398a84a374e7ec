"""Whole models around the speaker's weights, of the usual make and of an older one."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config

from prefactor.backbones.loading import BackboneParameters
from prefactor.decoding.adapters import DpoPolicy, LoraReward
from prefactor.decoding.adapters.shells import language_model, reward_model
from prefactor.decoding.speaker import load_speaker
from prefactor.errors import InputError
from tests.decoding.adapters.toys import QUICK, QUICK_DPO, make_toy
from tests.decoding.speakers import tiny_folder, tiny_speaker


@pytest.fixture(scope="module")
def gpt2_folder(tmp_path_factory) -> Path:
    """A model that names its parts otherwise, turns its weights round, and has no chat template."""
    folder = tmp_path_factory.mktemp("speakers") / "gpt2"
    folder.mkdir()
    for path in tiny_folder().glob("tokenizer*"):
        shutil.copy(path, folder)
    ends = {"bos_token_id": None, "eos_token_id": 4, "pad_token_id": 0}
    config = GPT2Config(vocab_size=300, n_embd=24, n_layer=1, n_head=2, n_positions=256, **ends)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("older", [False, True])
def test_a_language_model_is_the_folders_own(gpt2_folder, older):
    folder = gpt2_folder if older else tiny_folder()
    speaker = load_speaker(BackboneParameters(model=str(folder), device="cpu"))
    ids, shell = torch.arange(12).unsqueeze(0), language_model(speaker)
    assert not any(parameter.is_meta for parameter in shell.parameters())
    with speaker.with_cache(), torch.no_grad():
        found = shell(input_ids=ids).logits
        expected = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()(input_ids=ids).logits
    torch.testing.assert_close(found, expected)


def test_a_reward_model_reads_the_same_weights():
    speaker, state = tiny_speaker(), torch.get_rng_state()
    first, again, other = (reward_model(speaker, seed) for seed in (0, 0, 1))
    assert first.base_model is speaker.model and not any(parameter.is_meta for parameter in first.parameters())
    assert torch.equal(first.score.weight, again.score.weight)
    assert not torch.equal(first.score.weight, other.score.weight)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("kind", "parameters"), [(LoraReward, QUICK), (DpoPolicy, QUICK_DPO)])
def test_an_older_make_is_trained_too(kind, parameters, gpt2_folder):
    speaker, toy = load_speaker(BackboneParameters(model=str(gpt2_folder), device="cpu")), make_toy((0,))
    assert kind(speaker, toy.texts, replace(parameters, epochs=1))(toy.known, toy.asked).mean.all()
    with pytest.raises(InputError, match=r"targets \('q_proj',\) cannot be trained"):
        kind(speaker, toy.texts, replace(parameters, targets=("q_proj",)))(toy.known, toy.asked)
