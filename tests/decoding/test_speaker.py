"""Log-probabilities under conditions, contexts, and what a speaker refuses."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from prefactor.attributes import read_attributes
from prefactor.backbones.engine import Request
from prefactor.backbones.loading import BackboneParameters
from prefactor.decoding.conditions import PLAIN, Condition, contrastive, named
from prefactor.decoding.speaker import load_speaker
from prefactor.errors import InputError
from tests.decoding.speakers import PROMPTS, RESPONSES, make_folder, tiny_folder, tiny_speaker

CONDITIONS = [PLAIN, Condition(system="You are a concise assistant."), Condition(line=("concise", "formal"))]


def by_hand(prompt: str, response: str, condition: Condition) -> float:
    """The same through transformers alone: one text, its chat template, its logits."""
    folder = tiny_folder()
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    turns = [] if condition.system is None else [{"role": "system", "content": condition.system}]
    turns += [{"role": "user", "content": condition.prompt(prompt)}]
    before = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    whole = tokenizer.apply_chat_template([*turns, {"role": "assistant", "content": response}], return_dict=False)
    with torch.no_grad():
        logits = model(torch.tensor([whole])).logits[0].log_softmax(-1).double()
    return float(sum(logits[place - 1, whole[place]] for place in range(len(before), len(whole))))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_log_probability_is_the_models_own(condition):
    found = tiny_speaker().log_probabilities(PROMPTS, RESPONSES, [condition] * 3)
    expected = [by_hand(*pair, condition) for pair in zip(PROMPTS, RESPONSES, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_conditions_of_one_call_do_not_touch_each_other():
    speaker = tiny_speaker()
    told = [condition for condition in CONDITIONS for _ in PROMPTS]
    together = speaker.log_probabilities(PROMPTS * 3, RESPONSES * 3, told)
    apart = [speaker.log_probabilities(PROMPTS, RESPONSES, [condition] * 3) for condition in CONDITIONS]
    np.testing.assert_allclose(together, np.concatenate(apart), atol=1e-5)
    assert len(np.unique(together.round(3))) == 9  # conditions matter


def test_lines_of_one_prompt_share_its_beginning():
    speaker, names = tiny_speaker(), read_attributes().select(["concise", "formal", "direct"])
    lines = [named(names, [number]) for number in range(3)]
    tokens = speaker._tokens(PROMPTS[2:] * 3, RESPONSES[:1] * 3, lines)
    computed = speaker.engine(tokens, Request(states=False, log_probabilities=True)).computed
    assert computed < sum(len(ids) for ids in tokens.ids) - 2 * 10


def test_drifts_conditions_begin_with_the_base():
    library = read_attributes().select(["formal", "concise"])
    assert [one.system for one in contrastive(library)] == [library.base, *library.prompts.values()]


def test_a_context_is_the_conversation_up_to_the_answer():
    speaker = tiny_speaker()
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder())
    for condition in CONDITIONS:
        turns = [] if condition.system is None else [{"role": "system", "content": condition.system}]
        turns += [{"role": "user", "content": condition.prompt(PROMPTS[0])}]
        expected = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
        assert speaker.contexts(PROMPTS[:1], [condition])[0].tolist() == expected


def test_a_prompt_longer_than_the_context_is_refused():
    with pytest.raises(InputError, match="the prompt in row 1 is longer than the 256 tokens"):
        tiny_speaker().contexts(["Why?", "why " * 400], [PLAIN, PLAIN])


def test_a_system_prompt_stands_before_the_prompt_where_there_is_no_template(tmp_path):
    folder = make_folder(tmp_path / "plain")
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    speaker = load_speaker(BackboneParameters(model=str(folder), device="cpu", layout="plain"))
    context = speaker.contexts(["Why?"], [Condition(system="Be kind.", line=("formal",))])[0]
    assert speaker.spelt(context) == "Be kind.\n\nWhy?\nAttributes: formal\n\n"


def test_an_attribute_without_tokens_is_refused(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    folder = make_folder(tmp_path / "words")
    words = ["[UNK]", "[END]", "Why", "?", "formal", "Attributes", ":"]
    backend = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="[UNK]", eos_token="[END]", pad_token="[END]", model_max_length=256
    )
    for path in folder.glob("*token*"):
        path.unlink()
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    made.save_pretrained(folder)
    speaker = load_speaker(BackboneParameters(model=str(folder), device="cpu"))
    assert np.isfinite(speaker.log_probabilities(["Why?"], ["Why"], [Condition(line=("formal",))])).all()
    with pytest.raises(InputError, match="cannot spell the attribute 'vivid'"):
        speaker.log_probabilities(["Why?"], ["Why"], [Condition(line=("formal", "vivid"))])


def test_models_of_other_tokens_are_told_apart(tmp_path):
    other = make_folder(tmp_path / "other", texts=("zebra zebra zebra quagga quagga quagga",) * 20)
    speaker = load_speaker(BackboneParameters(model=str(other), device="cpu"))
    tiny_speaker().check_same_vocabulary(tiny_speaker(1))
    with pytest.raises(InputError, match="have different tokenizers"):
        tiny_speaker().check_same_vocabulary(speaker)


def test_an_encoder_is_no_speaker():
    with pytest.raises(InputError, match="causal language model"):
        load_speaker(BackboneParameters(device="cpu"))


def test_nothing_asked_is_nothing_found():
    assert len(tiny_speaker().log_probabilities([], [], [])) == 0


NO_SYSTEM = (
    "{% for message in messages %}{% if message.role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    "{{ '<|' + message.role + '|>' + message.content + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def test_where_a_template_has_no_system_turn_the_users_begins_with_it(tmp_path):
    folder = make_folder(tmp_path / "gemma")
    (folder / "chat_template.jinja").write_text(NO_SYSTEM)
    speaker = load_speaker(BackboneParameters(model=str(folder), device="cpu"))
    told = Condition(system="Be kind.", line=("formal",))
    context = speaker.contexts(["Why?"], [told])[0]
    shown = speaker.tokenizer.decode(context)
    assert shown == "<|user|>Be kind.\n\nWhy?\nAttributes: formal<|end|><|assistant|>"


def test_a_text_that_is_too_long_keeps_what_is_asked_for(tmp_path, caplog):
    folder = make_folder(tmp_path / "plain")
    (folder / "chat_template.jinja").unlink()
    speaker = load_speaker(BackboneParameters(model=str(folder), device="cpu"))
    tokens = speaker._tokens(["why " * 400], ["So."], [Condition(system="Be kind.", line=("formal",))])
    shown = speaker.spelt(tokens.ids[0])
    assert shown.startswith("Be kind.\n\n") and shown.endswith("Attributes: formal\n\nSo.")
    speaker.log_probabilities(["why " * 400], ["So."], [PLAIN])
    assert "1 of 1 texts are too long" in caplog.text
