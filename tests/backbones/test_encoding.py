"""A state depends on its text alone, and is what the model itself gives for that text."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from prefactor.backbones import Backbone, BackboneParameters, load_backbone
from prefactor.backbones.encoding import NotFiniteError
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
    assert not any(weight.requires_grad for weight in tiny.engine.forward.model.parameters())


def test_states_that_are_not_finite_are_refused(gpt2_folder: Path) -> None:
    backbone = load_backbone(BackboneParameters(model=str(gpt2_folder), device="cpu"))
    next(backbone.engine.forward.model.parameters()).fill_(float("inf"))
    with pytest.raises(InputError, match="1 of 1 hidden states are not finite"):
        backbone.encode(["a"], ["b"])


def test_rows_that_are_not_finite_are_named(save_tiny: Callable[..., Path]) -> None:
    """An embedding that is no number spoils the texts that hold its token, and none of those they are packed with."""
    backbone = load_backbone(BackboneParameters(model=str(save_tiny("qwen3")), device="cpu"))
    spoilt = int(backbone.tokenise([""], ["#"]).ids[0][0])
    backbone.engine.forward.model.get_input_embeddings().weight[spoilt] = float("nan")
    shared = "What do you think of this, or of that?"
    texts = [("#" * 90, "a"), (shared, "b"), (shared, "c" * 20), (shared, "d" * 22), (shared, "e#")]
    texts += [("f", "g" * 20), ("h", "i" * 22), ("", "#")]
    with pytest.raises(NotFiniteError, match=r"3 of 8 .* not finite, in row\(s\) 0, 4, 7: train its weights") as error:
        backbone.encode(*zip(*texts, strict=True))
    assert error.value.rows.tolist() == [0, 4, 7]


def test_probabilities_that_are_not_finite_are_named_too(save_tiny: Callable[..., Path]) -> None:
    backbone = load_backbone(BackboneParameters(model=str(save_tiny("qwen3")), device="cpu", compute_dtype="bfloat16"))
    head = backbone.engine.head
    assert head is not None
    backbone.engine.head = lambda states: head(states) * float("nan")
    with pytest.raises(InputError, match=r"1 of 1 .* in row\(s\) 0: use compute_dtype float32"):
        backbone.encode(["a"], ["b"])


@pytest.mark.parametrize(("kind", "chat"), [("gpt2", False), ("qwen3", True)])
def test_a_response_is_as_probable_as_the_model_says(
    save_tiny: Callable[..., Path], conversation: Texts, kind: str, chat: bool
) -> None:
    """Against transformers' own loss, over the response and what ends its turn."""
    from transformers import AutoModelForCausalLM

    folder = save_tiny(kind, chat=chat)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    backbone = load_backbone(BackboneParameters(model=str(folder), device="cpu", pooling="mean_response"))
    tokens, found = (
        backbone.tokenise(*zip(*conversation, strict=True)),
        backbone.encode(*zip(*conversation, strict=True)),
    )
    assert found.log_probability is not None
    for row, ids in enumerate(map(torch.from_numpy, tokens.ids)):
        start = int(tokens.responses.start[row])
        labels = ids.clone()
        labels[:start] = -100
        with torch.inference_mode():
            loss = model(input_ids=ids[None], labels=labels[None]).loss.double()
            states = model.base_model(input_ids=ids[None]).last_hidden_state[0]
        judged = len(ids) - max(start, 1)
        np.testing.assert_allclose(found.log_probability[row], -loss * judged, rtol=1e-4)
        np.testing.assert_allclose(found.states[row], states[start:].mean(0), atol=1e-5, rtol=0)
        assert found.response_tokens[row] == judged


def test_layers_side_by_side_and_no_head_on_request(gpt2_folder: Path, conversation: Texts) -> None:
    from transformers import AutoModel

    parameters = BackboneParameters(model=str(gpt2_folder), device="cpu", layers=(0, 1, -1), log_probabilities=False)
    backbone = load_backbone(parameters)
    found = backbone.encode(*zip(*conversation, strict=True))
    assert found.log_probability is None and backbone.engine.head is None
    assert found.states.shape == (len(conversation), 3 * 24) and backbone.hidden == 3 * 24
    model = AutoModel.from_pretrained(gpt2_folder).eval()
    ids = torch.from_numpy(backbone.tokenise(*zip(*conversation[:1], strict=True)).ids[0])
    with torch.inference_mode():
        layers = model(input_ids=ids[None], output_hidden_states=True).hidden_states
    expected = torch.cat([layers[layer][0, -1] for layer in (0, 1, -1)])
    np.testing.assert_allclose(found.states[0], expected, atol=1e-5, rtol=0)


def test_what_texts_share_is_counted_once(tiny: Backbone) -> None:
    prompt = "Tell me about bread and about bicycles."
    found = tiny.encode([prompt] * 4, ["Yes.", "No.", "Perhaps.", "No. Never."])
    begun = len(tiny.tokenise([prompt], [""]).ids[0])
    assert found.computed <= found.tokens.sum() - 3 * begun
