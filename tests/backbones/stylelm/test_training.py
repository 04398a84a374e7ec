"""Training changes every weight, learns, and does the same twice; its losses are those of transformers."""

import math

import numpy as np
import pytest
import torch

from prefactor.backbones.stylelm.conversations import Turns
from prefactor.backbones.stylelm.likelihood import engine_of, response_losses, token_batches, token_losses
from prefactor.backbones.stylelm.model import new_model
from prefactor.backbones.stylelm.spelling import Speller
from prefactor.backbones.stylelm.training import _rate

from .conftest import tiny_parameters


@pytest.fixture
def spelt(tokenizer, corpus):
    speller = Speller(tokenizer, 256)
    turns = [Turns(None if row % 2 else "You are brief.", prompt) for row, prompt in enumerate(corpus.held_out.prompts)]
    return speller.conversations(turns, speller.texts(corpus.held_out.responses))


def test_every_weight_moves(model, tokenizer):
    start = new_model(tiny_parameters(), tokenizer).state_dict()
    assert all(not torch.equal(weight, start[name]) for name, weight in model.state_dict().items())


def test_one_seed_gives_the_same_weights_and_another_does_not(model, train):
    weights = model.state_dict()
    again, other = train().state_dict(), train(seed=1).state_dict()
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert not all(torch.equal(weights[name], other[name]) for name in weights)


def test_training_leaves_the_global_generator_alone(train):
    before = torch.get_rng_state()
    train(epochs=1)
    assert torch.equal(before, torch.get_rng_state())


def test_more_training_makes_held_out_responses_likelier(model, train, spelt):
    short, long = (response_losses(engine_of(one, 512), spelt).sum() for one in (model, train(epochs=12)))
    assert long < 0.95 * short


def test_losses_are_those_of_each_conversation_alone(model, spelt):
    together = response_losses(engine_of(model, 512), spelt)
    for one, loss in zip(spelt, together, strict=True):
        ids = torch.tensor([one.ids])
        with torch.no_grad():
            likely = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.log_softmax(-1)
        places = torch.arange(one.response, len(one.ids))
        alone = -likely[0, places - 1, ids[0, places]].sum()
        assert loss == pytest.approx(float(alone), rel=1e-4)


def test_batches_do_not_change_losses(model, spelt):
    small, large = (response_losses(engine_of(model, size), spelt) for size in (1, 4096))
    np.testing.assert_allclose(small, large, rtol=1e-4)


@pytest.mark.parametrize("weight", [0.0, 0.25])
def test_weights_are_on_the_response_and_the_prompt_as_asked(model, tokenizer, spelt, weight):
    for batch in token_batches(spelt, tokenizer.pad_token_id, 512, weight):
        _, weights, line = token_losses(model, batch)
        for number, row in enumerate(batch.rows):
            one = spelt[row]
            mine = weights[line == number]
            assert int((mine == 1).sum()) == len(one.ids) - one.response
            assert int((mine == 0.25).sum()) == (one.user_end - one.user if weight else 0)


def test_bfloat16_trains_float32_weights(train):
    weights = train(epochs=1, compute_dtype="bfloat16").state_dict().values()
    assert all(weight.dtype == torch.float32 and bool(weight.isfinite().all()) for weight in weights)


def test_the_learning_rate_rises_and_falls():
    rates = [_rate(step, 100, 0.1) for step in range(100)]
    assert max(rates) == pytest.approx(1.0) and rates.index(max(rates)) in (9, 10)
    assert all(math.isfinite(rate) and rate > 0 for rate in rates) and rates[-1] < 0.05
