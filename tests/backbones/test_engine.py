"""What the engine says of texts together is what the model says of each alone."""

import logging
from functools import cache
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.backbones.engine import Engine, Request
from prefactor.backbones.language_head import LanguageHead, find_head
from prefactor.backbones.layout import Tokens
from prefactor.backbones.passes import PackedPass, PaddedPass, Pass, best_pass
from prefactor.backbones.reading import Pooling
from prefactor.errors import InputError
from tests.backbones.tiny_models import CPU, frozen_pair
from tests.backbones.trees import alone, fixed_tree, relative_errors, tokens_of, trees

PACKED = ("qwen3", "llama", "gemma", "gpt2", "gemma2", "gemma3", "mistral")
LAYERS = ((-1,), (0, 1), (1, -1), (-1, 0), (2,))
requests = st.builds(
    Request,
    pooling=st.sampled_from(get_args(Pooling)),
    layers=st.sampled_from(LAYERS),
    states=st.just(True),
    log_probabilities=st.booleans(),
)


@cache
def found_pass(kind: str, dtype: torch.dtype, std: float) -> tuple[Pass, LanguageHead]:
    body, head = find_head(frozen_pair(kind, dtype, std).model)
    with torch.inference_mode():
        return best_pass(body, CPU, 0, causal=True), head


def assert_exact(engine: Engine, plain: Any, tokens: Tokens, request: Request, most: float) -> None:
    found, expected = engine(tokens, request), alone(plain, tokens, request)
    assert found.states is not None and found.states.dtype == np.float32
    assert relative_errors(found.states, expected.states).max() < most
    assert (found.log_probability is None) == (not request.log_probabilities)
    if found.log_probability is not None:
        np.testing.assert_allclose(found.log_probability, expected.log_probability, rtol=most, atol=most)


@pytest.mark.parametrize("kind", PACKED)
@settings(max_examples=12, derandomize=True, deadline=None)
@given(texts=trees(), seed=st.integers(0, 99), wanted=requests, budget=st.sampled_from([1, 60, 200, 4000]))
def test_packed_texts_are_read_as_if_alone(
    kind: str, texts: list[np.ndarray], seed: int, wanted: Request, budget: int
) -> None:
    forward, head = found_pass(kind, torch.float32, 0.3)
    assert isinstance(forward, PackedPass)
    plain = frozen_pair(kind, torch.float32, 0.3).plain
    assert_exact(Engine(forward, head, budget), plain, tokens_of(texts, seed), wanted, 1e-4)


@pytest.mark.parametrize("pooling", get_args(Pooling))
@pytest.mark.parametrize("kind", PACKED)
def test_bfloat16_is_as_exact_as_it_can_be(kind: str, pooling: Pooling) -> None:
    """Weights are spread less than elsewhere: two roundings of the same product are then not driven apart by depth."""
    asked = kind, torch.bfloat16, 0.05
    tokens, request = tokens_of(fixed_tree()), Request(pooling, (1, -1), log_probabilities=True)
    assert_exact(Engine(*found_pass(*asked), 4000), frozen_pair(*asked).plain, tokens, request, 1e-2)


@pytest.mark.parametrize("pooling", get_args(Pooling))
def test_what_cannot_be_packed_is_as_exact(pooling: Pooling) -> None:
    forward, head = found_pass("bloom", torch.float32, 0.3)
    assert isinstance(forward, PaddedPass)
    tokens, request = tokens_of(fixed_tree()), Request(pooling, (0, -1), log_probabilities=True)
    plain = frozen_pair("bloom", torch.float32, 0.3).plain
    assert_exact(Engine(forward, head, 100), plain, tokens, request, 1e-4)


def test_what_texts_begin_with_alike_is_computed_once() -> None:
    forward, head = found_pass("qwen3", torch.float32, 0.3)
    texts = fixed_tree()
    found = Engine(forward, head, 10_000)(tokens_of(texts), Request())
    assert found.computed == 1 + sum(size + 18 + 2 * (3 + 25) for size in (20, 35)) < sum(map(len, texts))
    only = Engine(forward, head, 10_000)(tokens_of(texts), Request(states=False, log_probabilities=True))
    assert only.states is None and only.log_probability is not None


def test_no_texts_and_no_head() -> None:
    forward, head = found_pass("qwen3", torch.float32, 0.3)
    assert Engine(forward, head, 100)(tokens_of([]), Request()).computed == 0
    with pytest.raises(InputError, match="log-probabilities need a causal language model with its head"):
        Engine(forward, None, 100)(tokens_of(fixed_tree()), Request(log_probabilities=True))


class Cramped:
    """A model that runs out of memory over batches of more than ``most`` tokens, after its first few."""

    def __init__(self, model: Any, most: int, roomy: int, error: Exception | None = None) -> None:
        self.model, self.most, self.roomy, self.error = model, most, roomy, error
        self.sizes: list[int] = []

    def __call__(self, input_ids: torch.Tensor, **options: Any) -> Any:
        if len(self.sizes) >= self.roomy and input_ids.numel() > self.most:
            if self.error is not None:
                raise self.error
            torch.empty(1 << 55)  # more than any machine has: PyTorch's own error
        self.sizes.append(input_ids.numel())
        return self.model(input_ids=input_ids, **options)


def loners(count: int, length: int) -> Tokens:
    """Texts that share nothing."""
    rng = np.random.default_rng(0)
    return tokens_of([rng.integers(300, size=length) for _ in range(count)])


@pytest.mark.parametrize("kind", ["qwen3", "bloom"])
@pytest.mark.parametrize("error", [None, torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_without_memory_for_a_batch_it_goes_on_with_half(
    kind: str, error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    forward, head = found_pass(kind, torch.float32, 0.3)
    tokens, request = loners(12, 20), Request("mean", (-1,), log_probabilities=True)
    whole = Engine(forward, head, 80)(tokens, request)
    cramped = Cramped(forward.model, 40, roomy=2, error=error)
    again = PackedPass(cramped, CPU) if kind == "qwen3" else PaddedPass(cramped, CPU, 0)
    with caplog.at_level(logging.WARNING):
        engine = Engine(again, head, 80)
        found = engine(tokens, request)
    assert caplog.messages == ["not enough memory: going on with batches of 40 tokens"]
    assert cramped.sizes == [80, 80, 40, 40]  # nothing that was done is done again
    assert found.computed == whole.computed == 240
    assert found.states is not None and whole.states is not None
    np.testing.assert_allclose(found.states, whole.states, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.log_probability, whole.log_probability, rtol=1e-4)
    assert engine(tokens, request).computed == 240 and cramped.sizes[4:] == [40] * 6  # it is not tried again


def test_without_memory_for_half_a_batch_it_stops() -> None:
    forward, head = found_pass("qwen3", torch.float32, 0.3)
    cramped = Cramped(forward.model, 20, roomy=1)
    with pytest.raises(InputError, match="batches of 40 tokens are too large for the memory: set tokens_per_batch"):
        Engine(PackedPass(cramped, CPU), head, 80)(loners(12, 20), Request())
    assert cramped.sizes == [80]


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    forward, head = found_pass("qwen3", torch.float32, 0.3)
    cramped = Cramped(forward.model, 40, roomy=0, error=RuntimeError("sizes do not match"))
    with pytest.raises(RuntimeError, match="sizes do not match"):
        Engine(PackedPass(cramped, CPU), head, 80)(loners(4, 20), Request())
