"""A state depends on its text alone, and is what the model itself gives for that text."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefactor.backbones import Backbone, BackboneParameters, load_backbone
from prefactor.backbones.encoding import batches, pad
from prefactor.errors import InputError

Texts = list[tuple[str, str]]


def encode_alone(backbone: Backbone, texts: Texts) -> np.ndarray:
    return np.concatenate([backbone.encode([prompt], [response]).states for prompt, response in texts])


def assert_batch_free(backbone: Backbone, texts: Texts) -> None:
    together = backbone.encode(*zip(*texts, strict=True))
    np.testing.assert_allclose(together.states, encode_alone(backbone, texts), atol=1e-5, rtol=0)
    backwards = backbone.encode(*zip(*texts[::-1], strict=True))
    np.testing.assert_allclose(backwards.states[::-1], together.states, atol=1e-5, rtol=0)
    assert np.abs(together.states[0] - together.states[1]).max() > 1e-2


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("kind", "chat"), [("gpt2", False), ("qwen3", True)])
def test_causal_states_do_not_depend_on_the_batch(
    save_tiny: Callable[..., Path], conversation: Texts, kind: str, chat: bool, side: str
) -> None:
    folder = save_tiny(kind, padding_side=side, chat=chat)
    backbone = load_backbone(BackboneParameters(model=str(folder), device="cpu", tokens_per_batch=2000))
    assert backbone.identity()["pooling"] == "last"
    assert_batch_free(backbone, conversation)


def test_embedded_states_do_not_depend_on_the_batch(embedded: Backbone, conversation: Texts) -> None:
    assert_batch_free(embedded, conversation)


def test_embedded_states_are_the_mean_over_tokens(embedded: Backbone, conversation: Texts) -> None:
    """Against transformers' own tokenizer and model, one unpadded text at a time."""
    from transformers import AutoModel, AutoTokenizer

    from prefactor.backbones.weights import find_model

    folder = find_model("embedded", None).path
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    ours = embedded.encode(*zip(*conversation, strict=True))
    for row, (prompt, response) in enumerate(conversation):
        text = f"{prompt}\n\n{response}" if prompt else response
        inputs = tokenizer(text, return_tensors="pt", padding=False, truncation=False)
        with torch.inference_mode():
            state = model(**inputs).last_hidden_state[0].mean(0)
        assert ours.tokens[row] == inputs["input_ids"].shape[1]
        np.testing.assert_allclose(ours.states[row], state, atol=1e-5, rtol=0)


def test_causal_state_is_that_of_the_end_of_turn_token(save_tiny: Callable[..., Path], conversation: Texts) -> None:
    """Against the chat template applied by transformers, without the newline that follows the last turn."""
    from transformers import AutoModel, AutoTokenizer

    folder = save_tiny("qwen3", chat=True)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    ours = load_backbone(BackboneParameters(model=str(folder), device="cpu")).encode(*zip(*conversation, strict=True))
    for row, (prompt, response) in enumerate(conversation):
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
        text = str(tokenizer.apply_chat_template(turns, tokenize=False)).rstrip()
        ids = tokenizer(text, add_special_tokens=False, truncation=False, return_tensors="pt")["input_ids"]
        assert tokenizer.convert_ids_to_tokens(int(ids[0, -1])) == "<|im_end|>"
        with torch.inference_mode():
            state = model(input_ids=ids).last_hidden_state[0, -1]
        np.testing.assert_allclose(ours.states[row], state, atol=1e-5, rtol=0)


def test_mean_pooling_can_be_asked_of_a_causal_model(gpt2_folder: Path, tiny: Backbone, conversation: Texts) -> None:
    mean = load_backbone(BackboneParameters(model=str(gpt2_folder), pooling="mean", device="cpu"))
    assert_batch_free(mean, conversation)
    assert np.abs(encode_alone(mean, conversation) - encode_alone(tiny, conversation)).max() > 1e-2


def test_no_gradients_and_nothing_to_encode(tiny: Backbone) -> None:
    empty = tiny.encode([], [])
    assert empty.states.shape == (0, tiny.hidden) and empty.truncated.shape == (0,)
    assert not any(weight.requires_grad for weight in tiny._model.parameters())


def test_states_that_are_not_finite_are_refused(gpt2_folder: Path) -> None:
    backbone = load_backbone(BackboneParameters(model=str(gpt2_folder), device="cpu"))
    next(backbone._model.parameters()).fill_(float("inf"))
    with pytest.raises(InputError, match="1 of 1 hidden states are not finite"):
        backbone.encode(["a"], ["b"])


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 1000))
def test_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    sizes = np.array(lengths, dtype=np.int32)
    rows = list(batches(sizes, budget))
    assert sorted(np.concatenate([np.empty(0, int), *rows]).tolist()) == list(range(len(lengths)))
    assert all(len(part) == 1 or len(part) * sizes[part].max() <= budget for part in rows)


@given(st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1, max_size=9))
def test_padding_keeps_every_token(texts: list[list[int]]) -> None:
    ids, mask = pad(texts, padding=0)
    assert [row[: int(real.sum())].tolist() for row, real in zip(ids, mask, strict=True)] == texts
    assert int(ids[mask == 0].sum()) == 0 and mask.sum(1).max() == mask.shape[1]
