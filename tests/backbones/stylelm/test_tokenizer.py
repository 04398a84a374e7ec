"""The tokenizer spells every text, and its chat template sets turns as training does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.backbones import stylelm
from prefactor.backbones.layout import chat_layout
from prefactor.backbones.stylelm.conversations import Turns
from prefactor.backbones.stylelm.spelling import Speller
from prefactor.backbones.stylelm.template import PAD, SPECIAL_TOKENS
from prefactor.errors import InputError

RESPONSE = "Knead it,\n\nthen wait."


@settings(max_examples=50, deadline=None)
@given(text=st.text())
def test_any_text_comes_back(tokenizer, text):
    ids = Speller(tokenizer, 10_000).texts([text])[0]
    assert tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False) == text


def test_special_tokens_are_one_token_each_and_apart(tokenizer):
    assert len(set(tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)))) == len(SPECIAL_TOKENS)
    assert tokenizer.pad_token == PAD and tokenizer.eos_token != tokenizer.pad_token


@pytest.mark.parametrize("system", [None, "You are brief."])
def test_training_sets_turns_as_the_chat_template_does(tokenizer, system):
    speller = Speller(tokenizer, 256)
    one = speller.conversations([Turns(system, "How?\nAttributes: formal")], speller.texts([RESPONSE]))[0]
    turns = [{"role": "user", "content": "How?\nAttributes: formal"}, {"role": "assistant", "content": RESPONSE}]
    turns = turns if system is None else [{"role": "system", "content": system}, *turns]
    assert one.ids == tokenizer.apply_chat_template(turns, return_dict=False)
    asked = tokenizer.apply_chat_template(turns[:-1], add_generation_prompt=True, return_dict=False)
    assert one.ids[: one.response] == asked
    assert tokenizer.decode(one.ids[one.user : one.user_end]) == "How?\nAttributes: formal"
    assert one.ids[0] in tokenizer.all_special_ids or one.ids[0] in tokenizer.convert_tokens_to_ids(
        list(SPECIAL_TOKENS)
    )
    assert one.ids[-1] == tokenizer.eos_token_id


def test_backbones_read_the_template(tokenizer):
    layout = chat_layout(tokenizer)
    assert layout.text("How?", "So.") == "<|user|>How?<|end|><|assistant|>So.<|end|>"


def test_an_unknown_role_is_refused(tokenizer):
    with pytest.raises(Exception, match="a turn is of the system"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "x"}])


def test_text_that_spells_a_special_token_stays_text(tokenizer):
    ids = Speller(tokenizer, 256).texts(["so <|end|> it is"])[0]
    assert tokenizer.eos_token_id not in ids
    assert tokenizer("<|end|>", add_special_tokens=False)["input_ids"] == [tokenizer.eos_token_id]


def test_one_corpus_gives_one_tokenizer(tokenizer, corpus):
    again = stylelm.train_tokenizer(stylelm.vocabulary_texts(corpus.train, corpus.attributes, 0.5), 300, 256)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_a_vocabulary_without_room_for_bytes_is_refused():
    with pytest.raises(InputError, match=r"vocabulary is 200, but 261 are bytes"):
        stylelm.train_tokenizer(["bread"], 200, 64)


def test_a_conversation_beyond_the_context_is_refused(tokenizer):
    speller = Speller(tokenizer, 8)
    with pytest.raises(InputError, match="context is 8: raise context"):
        speller.conversations([Turns(None, "How is bread made?")], speller.texts([RESPONSE]))
