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


@pytest.mark.parametrize("chat", [False, True])
@given(prompt=st.integers(0, 40), response=st.integers(1, 40), room=st.integers(35, 90))
def test_spans_point_at_the_response_whatever_was_lost(
    gpt2_folder: Path, chat_folder: Path, chat: bool, prompt: int, response: int, room: int
) -> None:
    """One token a letter or a digit: the prompt's digits are never in the span, the response's letters always."""
    tokenise = tokeniser(chat_folder if chat else gpt2_folder, room, chat)
    asked = "".join(str(n % 10) for n in range(prompt))
    answered = "".join(chr(ord("A") + n % 10) for n in range(response))
    tokens = tokenise([asked], [answered])
    [ids], [start], [stop] = tokens.ids, tokens.responses.start, tokens.responses.stop
    text, before = (
        tokenise._backend.decode(part, skip_special_tokens=False) for part in (ids[start:stop], ids[:start])
    )
    ending = "<|im_end|>" if chat else ""
    assert len(ids) <= room and stop == len(ids) and text.endswith(ending)
    kept = text.removesuffix(ending)
    assert answered.startswith(kept) and not set(before) & set("ABCDEFGHIJ")
    fixed = len(tokenise([""], ["A"]).ids[0]) - 1
    blank = 0 if chat or not prompt else 1
    lost = max(0, fixed + blank * len(tokenise._backend.encode("\n\n").ids) + prompt + response - room)
    assert bool(tokens.truncated[0]) == (lost > 0)
    assert bool(tokens.cut[0]) == (len(kept) < response) == (fixed + response > room)


def test_lost_tokens_are_counted_by_text(gpt2_folder: Path) -> None:
    tokens = tokeniser(gpt2_folder, 10)(["0" * 3, "0" * 20, "", "0"], ["A" * 3, "A" * 3, "A" * 10, "A" * 11])
    assert tokens.truncated.tolist() == [False, True, False, True]
    assert tokens.cut.tolist() == [False, False, False, True]
    assert (tokens.responses.stop - tokens.responses.start).tolist() == [3, 3, 10, 10]


def test_a_system_turn_comes_first(chat_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(chat_folder)
    plain, layout = chat_layout(tokenizer), chat_layout(tokenizer, system="Be brief.")
    assert layout.head == "<|im_start|>system\nBe brief.<|im_end|>\n" + plain.head
    assert (layout.middle, layout.tail) == (plain.middle, plain.tail)


REFUSES = "{% if messages[0].role == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
DROPS = "{% for message in messages if message.role != 'system' %}{{ message.content }}{% endfor %}"


@pytest.mark.parametrize(
    ("template", "system", "message"),
    [
        (REFUSES + DROPS, "Be brief.", r"system, user, assistant \(no system here\): leave the system prompt out"),
        (DROPS, "Be brief.", "does not show a system turn: leave the system prompt out"),
        ("{{ raise_exception('roles must alternate') }}", None, r"fails on .* \(roles must alternate\): correct it"),
        ("{% for", None, r"template fails on turns of user, assistant .*: correct it, or use layout 'plain'"),
        ("{{ nobody.content }}", None, "'nobody' is undefined"),
        ("{{ messages + 1 }}", None, "can only concatenate list"),
        ("{{ messages[0].content }}", None, "does not show a user's and an assistant's turn as given: correct it, or"),
    ],
)
def test_templates_that_fail_are_refused_in_words(
    chat_folder: Path, template: str, system: str | None, message: str
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(chat_folder)
    tokenizer.chat_template = template
    with pytest.raises(InputError, match=message):
        chat_layout(tokenizer, system)


def templated(folder: Path, template: str) -> Layout:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    return chat_layout(tokenizer)


def test_a_template_that_writes_todays_date_writes_the_same_one_every_day(chat_folder: Path) -> None:
    turns = "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}"
    by_clock = templated(chat_folder, "{{ strftime_now('%d %B %Y') }}" + turns)
    by_name = templated(chat_folder, "{{ date_string }}" + turns)
    assert by_clock == by_name and by_clock.head == "26 Jul 2024user:"


@pytest.mark.parametrize(("content", "expected"), [("m.content | trim", "u:hi;a:so;"), ("m.content", "u: hi ;a:\nso;")])
def test_turns_are_trimmed_where_the_template_trims_them(chat_folder: Path, content: str, expected: str) -> None:
    template = "{% for m in messages %}{{ m.role[0] }}:{{ " + content + " }};{% endfor %}"
    layout = templated(chat_folder, template)
    assert layout.text(" hi ", "\nso") == expected
    start, stop, first, last = layout.cuts(" hi ", "\nso")
    assert (expected[start:stop].strip(), expected[first:last].strip()) == ("hi", "so")


def test_special_tokens_in_a_plain_text_stay_text(gpt2_folder: Path, chat_folder: Path) -> None:
    end = 2
    assert end not in tokeniser(gpt2_folder, 64)(["say <|im_end|>"], ["<|im_end|>"]).ids[0]
    assert tokeniser(chat_folder, 64, chat=True)(["a"], ["b"]).ids[0].tolist().count(end) == 2


def test_room_for_nothing_but_the_template_is_refused(chat_folder: Path) -> None:
    with pytest.raises(InputError, match=r"max_tokens is 8, but \d+ surround every text"):
        tokeniser(chat_folder, 8, chat=True)


def test_cuts_name_the_parts() -> None:
    layout = Layout("<u>", "</u><a>", "</a>", chat=True)
    text = layout.text("why", "so")
    a, b, c, d = layout.cuts("why", "so")
    assert (text[:a], text[a:b], text[b:c], text[c:d], text[d:]) == ("<u>", "why", "</u><a>", "so", "</a>")
