"""Drift decoding adds a small model's differences to a large model's logits."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from prefactor.attributes import read_attributes
from prefactor.backbones.loading import BackboneParameters
from prefactor.decoding.conditions import PLAIN, Condition, contrastive
from prefactor.decoding.sampling import SamplingParameters, sample
from prefactor.decoding.speaker import load_speaker
from prefactor.decoding.steering import DriftSteering
from prefactor.errors import InputError
from tests.decoding.speakers import PROMPTS, make_folder, tiny_folder, tiny_speaker

BASE, *ASKED = contrastive(read_attributes().select(["concise", "formal", "direct"]))
SAMPLING = SamplingParameters(max_new_tokens=10)
LARGE, SMALL = (0, 32), (1, 16)


def steering(weights: np.ndarray, strength: float = 0.5) -> DriftSteering:
    asked = [ASKED[: weights.shape[1]], ASKED[: weights.shape[1]], list(reversed(ASKED))[: weights.shape[1]]]
    return DriftSteering(tiny_speaker(*LARGE), tiny_speaker(*SMALL), PROMPTS, BASE, asked, weights, strength)


def plain() -> list[np.ndarray]:
    return tiny_speaker(*LARGE).contexts(PROMPTS, [PLAIN] * 3)


def last_logits(shape: tuple[int, int], prompt: str, condition: Condition, tokens: list[int]) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(tiny_folder(*shape)).eval()
    context = tiny_speaker(*shape).contexts([prompt], [condition])[0]
    return model(torch.tensor([[*context.tolist(), *tokens]])).logits[0, -1]


@torch.no_grad()
def test_logits_are_drifts_equation():
    weights, strength = np.array([[0.8, -0.6, 0.0], [0.0, 1.0, 0.0], [0.6, 0.0, 0.8]]), 0.5
    steered = steering(weights, strength)
    steered.begin(np.array([2, 0]))
    own = torch.zeros(2, tiny_speaker(*LARGE).head(torch.zeros(1, 32)).shape[-1])
    steered.logits(own, None)
    found = steered.logits(own, torch.tensor([7, 9]))
    for line, (row, tokens) in enumerate([(2, [7]), (0, [9])]):
        asked = list(reversed(ASKED)) if row == 2 else ASKED
        base = last_logits(SMALL, PROMPTS[row], BASE, tokens)
        pushes = [last_logits(SMALL, PROMPTS[row], one, tokens) - base for one in asked]
        expected = sum(weight * push for weight, push in zip(weights[row], pushes, strict=True)) / strength
        torch.testing.assert_close(found[line], expected.float(), atol=1e-3, rtol=1e-3)


def test_no_weight_is_the_large_model_alone():
    alone = sample(tiny_speaker(*LARGE), plain(), SAMPLING, [0, 1, 2])
    assert sample(tiny_speaker(*LARGE), plain(), SAMPLING, [0, 1, 2], steering(np.zeros((3, 3)))) == alone
    assert sample(tiny_speaker(*LARGE), plain(), SAMPLING, [0, 1, 2], steering(np.zeros((3, 0)))) == alone


def test_a_steered_text_does_not_depend_on_its_batch():
    weights = np.array([[0.8, -0.6, 0.0], [0.0, 1.0, 0.0], [0.6, 0.0, 0.8]])
    whole = sample(tiny_speaker(*LARGE), plain(), SAMPLING, [0, 1, 2], steering(weights))
    small = SamplingParameters(max_new_tokens=10, rows_at_once=1)
    assert sample(tiny_speaker(*LARGE), plain(), small, [0, 1, 2], steering(weights)) == whole
    assert whole != sample(tiny_speaker(*LARGE), plain(), SAMPLING, [0, 1, 2])


def test_rows_that_leave_take_their_contexts_along():
    weights = np.array([[0.8, -0.6], [0.0, 1.0], [0.6, 0.8]])
    steered = steering(weights)
    steered.begin(np.arange(3))
    own = torch.zeros(3, tiny_speaker(*LARGE).head(torch.zeros(1, 32)).shape[-1])
    steered.logits(own, None)
    steered.keep(torch.tensor([1]))
    kept = steered.logits(own[:1], torch.tensor([5]))
    alone = steering(weights)
    alone.begin(np.array([1]))
    alone.logits(own[:1], None)
    torch.testing.assert_close(kept, alone.logits(own[:1], torch.tensor([5])), atol=1e-4, rtol=1e-4)


def test_models_of_other_tokens_are_refused(tmp_path):
    folder = make_folder(tmp_path / "other", texts=("zebra zebra zebra quagga quagga quagga",) * 20)
    other = load_speaker(BackboneParameters(model=str(folder), device="cpu"))
    with pytest.raises(InputError, match="different tokenizers"):
        DriftSteering(tiny_speaker(*LARGE), other, PROMPTS, BASE, [ASKED] * 3, np.zeros((3, 3)))


def test_a_strength_of_none_is_refused():
    with pytest.raises(ValueError, match="strength must be positive"):
        steering(np.zeros((3, 3)), 0.0)


def test_heads_that_are_padded_beyond_the_tokens_are_added_where_both_have_them():
    class Padded:
        """A small model whose head gives more logits than there are tokens."""

        def __init__(self, stream):
            self._stream = stream

        def logits(self, last):
            return torch.nn.functional.pad(self._stream.logits(last), (0, 8))

    weights = np.array([[0.8, -0.6], [0.0, 1.0], [0.6, 0.8]])
    plain, padded = steering(weights), steering(weights)
    own = torch.zeros(3, tiny_speaker(*LARGE).head(torch.zeros(1, 32)).shape[-1])
    for steered in (plain, padded):
        steered.begin(np.arange(3))
    padded._stream = Padded(padded._stream)
    torch.testing.assert_close(padded.logits(own, None), plain.logits(own, None))


def test_a_context_that_leaves_the_small_model_no_room_is_refused():
    weights = np.zeros((3, 1))
    asked = [ASKED[:1]] * 3
    steered = DriftSteering(tiny_speaker(*LARGE), tiny_speaker(*SMALL), PROMPTS, BASE, asked, weights, 0.5, 250)
    with pytest.raises(InputError, match="250 may follow, but the model reads 256"):
        steered.begin(np.arange(3))
