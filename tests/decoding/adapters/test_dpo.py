"""A policy of each user's own, the reward that it implies, and what it writes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from prefactor.decoding.adapters import DpoPolicy
from prefactor.decoding.adapters.lora import saved
from prefactor.decoding.adapters.scorer import _sides
from prefactor.decoding.adapters.trainers import quiet
from prefactor.decoding.conditions import PLAIN
from prefactor.decoding.sampling import SamplingParameters, sample
from prefactor.errors import InputError
from tests.decoding.adapters.toys import QUICK_DPO, make_toy, swapped
from tests.decoding.speakers import tiny_folder, tiny_speaker

FEW = SamplingParameters(max_new_tokens=12)


@pytest.fixture(scope="module")
def toy():
    return make_toy()


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("dpo")


@pytest.fixture(scope="module")
def margins(toy, kept):
    return DpoPolicy(tiny_speaker(), toy.texts, QUICK_DPO, kept, keep=True)(toy.known, toy.asked)


def written(speaker):
    return sample(speaker, speaker.contexts(["What about bread?"] * 3, [PLAIN] * 3), FEW, [0, 1, 2])


def by_hand(model, tokenizer, prompt: str, response: str) -> float:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    before = tokenizer.apply_chat_template(turns[:1], add_generation_prompt=True, return_dict=False)
    whole = tokenizer.apply_chat_template(turns, return_dict=False)
    with torch.no_grad():
        logits = model(torch.tensor([whole])).logits[0].log_softmax(-1).double()
    return float(sum(logits[place - 1, whole[place]] for place in range(len(before), len(whole))))


def test_opposite_tastes_are_learnt(toy, margins):
    for user in range(2):
        assert (margins.mean[toy.asked.segment == user] > 0).double().mean() > 0.5


def test_users_do_not_depend_on_each_other(toy, margins):
    found = DpoPolicy(tiny_speaker(), toy.texts, QUICK_DPO)(swapped(toy.known), swapped(toy.asked))
    assert torch.equal(found.mean, margins.mean)


def test_a_policy_that_does_not_learn_implies_nothing(toy):
    known, asked = toy.known.users_between(0, 1), toy.asked.users_between(0, 1)
    found = DpoPolicy(tiny_speaker(), toy.texts, replace(QUICK_DPO, learning_rate=0.0))(known, asked)
    assert not found.mean.any()


def test_every_weight_of_an_adapter_moves_and_none_of_the_model(toy):
    speaker = tiny_speaker()
    before = {name: tensor.clone() for name, tensor in speaker.model.state_dict().items()}
    with DpoPolicy(speaker, toy.texts, replace(QUICK_DPO, learning_rate=0.0)).adapted(toy.known, 0) as model:
        start = {name: tensor.clone() for name, tensor in model.named_parameters() if tensor.requires_grad}
    with DpoPolicy(speaker, toy.texts, QUICK_DPO).adapted(toy.known, 0) as model:
        moved = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
        assert moved.keys() == start.keys() and len(moved) == 2 * 2 * 7
        assert all("lora_" in name and not torch.equal(moved[name], start[name]) for name in moved)
    after = speaker.model.state_dict()
    assert after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in before)


def test_the_reference_is_the_language_model(toy):
    policy, speaker = DpoPolicy(tiny_speaker(), toy.texts, QUICK_DPO), tiny_speaker()
    sides = _sides(toy.known, 1)
    examples = policy._examples(sides)
    for found, rows in ((examples.chosen, sides[:, 0]), (examples.rejected, sides[:, 1])):
        texts = [toy.texts.prompts[row] for row in rows], [toy.texts.responses[row] for row in rows]
        expected = speaker.log_probabilities(*texts, [PLAIN] * len(rows))
        np.testing.assert_allclose(examples.reference[found], expected, atol=1e-4)


def test_a_kept_adapter_is_one_of_pefts_and_implies_the_same(toy, kept, margins):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_folder())
    model = AutoModelForCausalLM.from_pretrained(tiny_folder(), dtype=torch.float32)
    text = toy.texts.prompts[10], toy.texts.responses[10]
    other = toy.texts.prompts[11], toy.texts.responses[11]
    reference = by_hand(model, tokenizer, *text) - by_hand(model, tokenizer, *other)
    with quiet():
        adapted = PeftModel.from_pretrained(model, str(kept / "0")).eval()
    found = by_hand(adapted, tokenizer, *text) - by_hand(adapted, tokenizer, *other)
    row = int(((toy.asked.segment == 0) & (toy.asked.chosen == 10)).nonzero())
    assert float(margins.mean[row]) == pytest.approx(QUICK_DPO.beta * (found - reference), abs=1e-4)


def test_the_speaker_speaks_as_the_user_and_then_as_before(toy, kept, margins):
    speaker = tiny_speaker()
    before = written(speaker)
    policy = DpoPolicy(speaker, toy.texts, QUICK_DPO, kept, keep=True)
    texts = []
    for user in range(2):
        with policy.speaking(toy.known, user) as told:
            texts.append(written(told))
    assert texts[0] != before and texts[0] != texts[1]
    assert written(speaker) == before


def test_what_was_kept_is_not_trained_again(toy, kept, margins):
    policy = DpoPolicy(tiny_speaker(), toy.texts, QUICK_DPO, kept, keep=True)
    times = [(kept / str(user) / "about.json").stat().st_mtime_ns for user in range(2)]
    with policy.adapted(toy.known, 1) as model:
        rewards = policy._rewards(model, np.array([10, 11]))
    row = int(((toy.asked.segment == 1) & (toy.asked.chosen == 11)).nonzero())
    assert float(rewards[1] - rewards[0]) == pytest.approx(float(margins.mean[row]), abs=1e-6)
    assert [(kept / str(user) / "about.json").stat().st_mtime_ns for user in range(2)] == times


def test_an_adapter_is_that_of_its_pairs_and_parameters(toy, kept, margins):
    def is_kept(known, parameters=QUICK_DPO):
        policy = DpoPolicy(tiny_speaker(), toy.texts, parameters, kept, keep=True)
        return saved(kept / "0", policy._key(_sides(known, 0)))

    assert is_kept(toy.known)
    assert not is_kept(swapped(toy.known))
    assert not is_kept(toy.known.select(toy.known.chosen != 0))
    assert not is_kept(toy.known, replace(QUICK_DPO, beta=0.2))


def test_nobody_speaks_for_a_user_without_pairs():
    toy = make_toy((None, 1))
    policy = DpoPolicy(tiny_speaker(), toy.texts, QUICK_DPO)
    before = written(tiny_speaker())
    with policy.speaking(toy.known, 0) as told:
        assert written(told) == before
    with pytest.raises(InputError, match="nothing is known of the user in row 0"), policy.adapted(toy.known, 0):
        pass
