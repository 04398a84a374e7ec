"""Ways through a model: which one it can take, what is padded, and that gradients are those of the plain way."""

import logging
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.backbones.forest import Forest, prefix_order
from prefactor.backbones.passes import PackedPass, PaddedPass, best_pass, pad
from tests.backbones.tiny_models import CPU, frozen_pair, make_pair
from tests.backbones.trees import fixed_tree

Ids = list[np.ndarray]
lists = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1, max_size=9)


def shared_forest(texts: Ids) -> tuple[Forest, np.ndarray]:
    order, shared = prefix_order(texts)
    return Forest.of([texts[row] for row in order], shared), order


def far_padding() -> Ids:
    """Texts that make one block, where the padding of one is further from all its keys than a window reaches."""
    rng = np.random.default_rng(1)
    parts = [(rng.integers(300, size=shared), rng.integers(300, size=own)) for shared, own in ((60, 40), (36, 62))]
    return [text for begun, more in parts for text in (begun, np.concatenate([begun, more]))]


def weighted(states: torch.Tensor) -> torch.Tensor:
    """A loss that gives every text's every token a weight of its own."""
    weights = torch.randn(states.shape, generator=torch.Generator().manual_seed(len(states)))
    return (states * weights).sum()


@pytest.mark.parametrize("kind", ["qwen3", "gpt2", "gemma2", "gemma3", "mistral"])
def test_gradients_are_those_of_texts_alone(kind: str) -> None:
    pair, texts = make_pair(kind), [*fixed_tree(roots=3), *far_padding()]
    forest, order = shared_forest(texts)
    assert forest.shared.any()
    forward = best_pass(pair.model.base_model, CPU, 0, causal=True)
    assert isinstance(forward, PackedPass)
    states = forward(forest)[0]
    sum(weighted(states[path]) for path in forest.paths).backward()  # type: ignore[union-attr]
    for row in order:
        ids = torch.from_numpy(texts[row])[None]
        weighted(pair.plain.base_model(input_ids=ids).last_hidden_state[0]).backward()
    for found, expected in zip(pair.model.parameters(), pair.plain.parameters(), strict=True):
        assert (found.grad is None) == (expected.grad is None)
        if expected.grad is not None:
            assert found.grad.isfinite().all()
            assert (found.grad - expected.grad).norm() < 1e-4 * expected.grad.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["bloom", "mamba", "lfm2", "qwen2_moe"])
def test_a_model_that_cannot_be_packed_is_padded_and_says_so(
    kind: str, dtype: torch.dtype, caplog: pytest.LogCaptureFixture
) -> None:
    """With usual initial weights, by which texts that are mixed up change a state but little."""
    body = make_pair(kind, dtype, std=0.02).model.base_model
    with caplog.at_level(logging.WARNING), torch.inference_mode():
        forward = best_pass(body, CPU, 0, causal=True)
    assert isinstance(forward, PaddedPass)
    [message] = [record.getMessage() for record in caplog.records if record.name.startswith("prefactor")]
    assert message == (
        f"{kind} has layers that cannot be packed: texts are padded, and what they begin with alike is computed anew"
    )
    assert body.config._attn_implementation != "prefactor_packed"


def test_a_model_whose_answers_change_is_padded(caplog: pytest.LogCaptureFixture) -> None:
    """A causal model that sees what follows, as some embedding models made of one do."""
    from transformers import AutoModel, Gemma3TextConfig

    from tests.backbones.tiny_models import SHAPE

    config = Gemma3TextConfig(**SHAPE, use_bidirectional_attention=True)
    with torch.random.fork_rng(devices=[]), torch.inference_mode(), caplog.at_level(logging.WARNING):
        torch.manual_seed(0)
        model = AutoModel.from_config(config).eval()
        for weight in model.parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.3)
        assert isinstance(best_pass(model, CPU, 0, causal=True), PaddedPass)
    assert "gemma3_text gives other states when packed" in caplog.text


def test_an_encoder_is_padded_and_its_padding_unseen(caplog: pytest.LogCaptureFixture) -> None:
    from transformers import BertConfig, BertModel

    shape: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = BertModel(BertConfig(vocab_size=300, intermediate_size=48, **shape), add_pooling_layer=False).eval()
    with torch.inference_mode(), caplog.at_level(logging.INFO):
        forward = best_pass(model, CPU, 0, causal=False)
        texts = fixed_tree()
        found = forward(Forest.plain(texts), (0, 1, -1))
        assert isinstance(forward, PaddedPass) and not caplog.messages
        for text, path in zip(texts, Forest.plain(texts).paths, strict=True):
            layers = model(input_ids=torch.from_numpy(text)[None], output_hidden_states=True).hidden_states
            for layer, expected in zip(found, (layers[0], layers[1], layers[-1]), strict=True):
                torch.testing.assert_close(layer[path], expected[0], rtol=1e-4, atol=1e-4)


def test_padding_changes_no_causal_state() -> None:
    pair = frozen_pair("gpt2")
    texts = fixed_tree()
    with torch.inference_mode():
        for padding in (0, 7):
            found = PaddedPass(pair.plain.base_model, CPU, padding)(Forest.plain(texts))[0]
            for text, path in zip(texts, Forest.plain(texts).paths, strict=True):
                state = pair.plain.base_model(input_ids=torch.from_numpy(text)[None]).last_hidden_state[0]
                torch.testing.assert_close(found[path], state, rtol=1e-4, atol=1e-4)


@settings(derandomize=True)
@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 1000))
def test_padded_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    texts = [np.zeros(length, dtype=np.int64) for length in lengths]
    batches = list(PaddedPass(None, CPU, 0).batches(texts, budget))
    rows = [part for part, _ in batches]
    assert sorted(np.concatenate([np.empty(0, int), *rows]).tolist()) == list(range(len(lengths)))
    assert not any(shared.any() for _, shared in batches)
    for part in rows:
        assert len(part) == 1 or len(part) * max(lengths[row] for row in part) <= budget


@settings(derandomize=True)
@given(lists)
def test_padding_keeps_every_token(texts: list[list[int]]) -> None:
    ids, mask = pad(texts, padding=0)
    assert [row[: int(real.sum())].tolist() for row, real in zip(ids, mask, strict=True)] == texts
    assert int(ids[~mask].sum()) == 0 and mask.sum(1).max() == mask.shape[1]
