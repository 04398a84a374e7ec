"""Entropies before and after are those of the full logits, over each text's own tokens alone."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from prefactor.decoding.conditions import PLAIN, Condition
from prefactor.decoding.entropy import ContextEntropy, Meter, SteeringEntropy, entropy
from prefactor.decoding.sampling import SamplingParameters, sample
from tests.decoding.speakers import PROMPTS, tiny_folder, tiny_speaker

SAMPLING = SamplingParameters(max_new_tokens=14)
SEEDS = [3, 1, 2, 7, 5, 6]
ASKED = PROMPTS * 2


class Bias:
    """Steers by a constant, each row its own, and keeps what it was told of every row."""

    def __init__(self, size: float) -> None:
        generator = torch.Generator().manual_seed(0)
        self.bias = size * torch.randn(len(ASKED), tiny_speaker().model.config.vocab_size, generator=generator)
        self.tokens: dict[int, list[int]] = {row: [] for row in range(len(ASKED))}

    def begin(self, rows: np.ndarray) -> None:
        self._rows = torch.from_numpy(rows)

    def logits(self, own: Tensor, last: Tensor | None) -> Tensor:
        for row, token in zip(self._rows.tolist(), [] if last is None else last.tolist(), strict=last is not None):
            self.tokens[row].append(token)
        return own + self.bias[self._rows]

    def keep(self, places: Tensor) -> None:
        self._rows = self._rows[places]


@pytest.fixture(scope="module")
def model():
    return AutoModelForCausalLM.from_pretrained(tiny_folder()).eval()


@pytest.fixture(params=[0, 40], ids=["whole", "early"])
def speaker(request):
    """The tiny speaker; with more tokens that end an answer, so that texts of a batch end at different steps."""
    speaker = tiny_speaker()
    usual = speaker.end_ids
    speaker.end_ids = sorted({*usual, *range(100, 100 + request.param)})
    yield speaker
    speaker.end_ids = usual


def bits(logits: Tensor) -> float:
    """Mean over rows (n, V), from probabilities."""
    share = logits.double().softmax(-1).numpy()
    return float(np.mean([-sum(p * math.log2(p) for p in row if p > 0) for row in share]))


@torch.no_grad()
def all_logits(model, context: np.ndarray, tokens: list[int]) -> Tensor:
    """(n + 1, V): of the next token after the context and each of the tokens."""
    ids = torch.from_numpy(np.concatenate([context, tokens]).astype(np.int64)).unsqueeze(0)
    return model(ids).logits[0, len(context) - 1 :]


def own_tokens(tokens: list[int], ends: list[int]) -> list[int]:
    """Those before the one that ended the text: what came later were others' steps."""
    stop = next((place for place, token in enumerate(tokens) if token in ends), len(tokens))
    return tokens[:stop]


def test_entropy_of_known_distributions():
    found = entropy(
        torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, -torch.inf, -torch.inf], [0.0, -99.0, -99.0, -99.0]])
    )
    torch.testing.assert_close(found, torch.tensor([2.0, 1.0, 0.0]))


def test_a_meter_takes_means_and_has_0_for_no_tokens():
    meter = Meter(3)
    even, sure = torch.zeros(2, 4), torch.tensor([[0.0, 0.0, -torch.inf, -torch.inf]]).repeat(2, 1)
    meter.add(torch.tensor([2, 0]), even, sure)
    meter.add(torch.tensor([2]), sure[:1], sure[:1])
    assert meter.figures() == [
        {"entropy_before": 2.0, "entropy_after": 1.0},
        {"entropy_before": 0.0, "entropy_after": 0.0},
        {"entropy_before": 1.5, "entropy_after": 1.0},
    ]


def test_a_watched_steering_is_measured_on_the_full_logits(model, speaker):
    bias, meter = Bias(1.0), Meter(len(ASKED))
    contexts = speaker.contexts(ASKED, [PLAIN] * len(ASKED))
    watched = sample(speaker, contexts, SAMPLING, SEEDS, SteeringEntropy(bias, meter, speaker.end_ids))
    assert watched == sample(speaker, contexts, SAMPLING, SEEDS, Bias(1.0)), "watching changes no text"
    for row, figures in enumerate(meter.figures()):
        logits = all_logits(model, contexts[row], own_tokens(bias.tokens[row], speaker.end_ids))
        assert len(logits) == watched[row].tokens + watched[row].finished, "the end is a token, too"
        assert figures["entropy_before"] == pytest.approx(bits(logits), abs=1e-4)
        assert figures["entropy_after"] == pytest.approx(bits(logits + bias.bias[row]), abs=1e-4)


def test_another_context_is_measured_on_the_full_logits(model, speaker):
    contexts = speaker.contexts(ASKED, [Condition(line=("formal", "concise"))] * len(ASKED))
    plain = speaker.contexts(ASKED, [PLAIN] * len(ASKED))
    silent = Bias(0.0)
    unwatched = sample(speaker, contexts, SAMPLING, SEEDS, silent)
    meter = Meter(len(ASKED))
    assert sample(speaker, contexts, SAMPLING, SEEDS, ContextEntropy(speaker, plain, meter)) == unwatched
    for row, figures in enumerate(meter.figures()):
        tokens = own_tokens(silent.tokens[row], speaker.end_ids)
        assert figures["entropy_before"] == pytest.approx(bits(all_logits(model, plain[row], tokens)), abs=1e-4)
        assert figures["entropy_after"] == pytest.approx(bits(all_logits(model, contexts[row], tokens)), abs=1e-4)


def test_some_texts_end_before_others():
    """What the tests above are about."""
    speaker = tiny_speaker()
    usual = speaker.end_ids
    try:
        speaker.end_ids = sorted({*usual, *range(100, 140)})
        contexts = speaker.contexts(ASKED, [PLAIN] * len(ASKED))
        written = sample(speaker, contexts, SAMPLING, SEEDS, Bias(1.0))
    finally:
        speaker.end_ids = usual
    assert len({one.tokens for one in written}) > 2
