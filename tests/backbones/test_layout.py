"""What a text that is too long loses, and what of it counts as special tokens."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefactor.backbones.layout import PLAIN, Layout, Tokeniser, chat_layout
from prefactor.errors import InputError


@pytest.fixture(scope="module")
def chat_folder(save_tiny: Callable[..., Path]) -> Path:
    return save_tiny("qwen3", chat=True)


def tokeniser(folder: Path, max_tokens: int, chat: bool = False) -> Tokeniser:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return Tokeniser(tokenizer.backend_tokenizer, chat_layout(tokenizer) if chat else PLAIN, max_tokens)


def read(tokenise: Tokeniser, prompt: str, response: str) -> tuple[str, bool]:
    tokens = tokenise([prompt], [response])
    return tokenise._backend.decode(tokens.ids[0], skip_special_tokens=False), bool(tokens.truncated[0])


def test_prompt_blank_line_response(gpt2_folder: Path) -> None:
    tokenise = tokeniser(gpt2_folder, 64)
    assert read(tokenise, "Why?", "So.") == ("Why?\n\nSo.", False)
    assert read(tokenise, "", "So.") == ("So.", False)


@given(prompt=st.integers(0, 30), response=st.integers(1, 30), room=st.integers(1, 40))
def test_the_prompts_start_goes_first_then_the_responses_end(
    gpt2_folder: Path, prompt: int, response: int, room: int
) -> None:
    """One token a digit: the text is kept from the right of the prompt and from the left of the response."""
    asked = "".join(str(n % 10) for n in range(prompt))
    answered = "".join(chr(ord("A") + n % 10) for n in range(response))
    text, truncated = read(tokeniser(gpt2_folder, room), asked, answered)
    whole = f"{asked}\n\n{answered}" if asked else answered
    assert truncated == (len(whole) > room)
    assert text == (whole[-room:] if room >= response else answered[:room])


def test_chat_turns_survive_truncation(chat_folder: Path) -> None:
    tokenise = tokeniser(chat_folder, 40, chat=True)
    text, truncated = read(tokenise, "0123456789" * 5, "ABCDEFGH")
    assert (
        truncated
        and text.startswith("<|im_start|>user\n")
        and text.endswith("9<|im_end|>\n<|im_start|>assistant\nABCDEFGH<|im_end|>")
    )
    text, truncated = read(tokenise, "0123456789", "ABCDEFGH" * 9)
    assert truncated and "0" not in text and text.endswith("<|im_end|>") and "assistant\nABCDEFGHABC" in text
    assert len(tokenise(["0" * 99], ["A" * 99]).ids[0]) == 40


def test_special_tokens_in_a_plain_text_stay_text(gpt2_folder: Path, chat_folder: Path) -> None:
    end = 2
    assert end not in tokeniser(gpt2_folder, 64)(["say <|im_end|>"], ["<|im_end|>"]).ids[0]
    assert tokeniser(chat_folder, 64, chat=True)(["a"], ["b"]).ids[0].count(end) == 2


def test_room_for_nothing_but_the_template_is_refused(chat_folder: Path) -> None:
    with pytest.raises(InputError, match=r"max_tokens is 8, but \d+ surround every text"):
        tokeniser(chat_folder, 8, chat=True)


def test_a_template_without_the_assistants_turn_is_refused(chat_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(chat_folder)
    tokenizer.chat_template = "{{ messages[0].content }}"
    with pytest.raises(InputError, match="does not show a user's and an assistant's turn"):
        chat_layout(tokenizer)


def test_cuts_name_the_parts() -> None:
    layout = Layout("<u>", "</u><a>", "</a>", chat=True)
    text = layout.text("why", "so")
    a, b, c, d = layout.cuts("why", "so")
    assert (text[:a], text[a:b], text[b:c], text[c:d], text[d:]) == ("<u>", "why", "</u><a>", "so", "</a>")
