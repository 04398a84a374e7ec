"""Conversations as prompts: every turn begins with the one before, as one text and as a tree."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.datasets.conversation import SPEAKERS, Exchange, prompt_of, prompt_rows, prompt_table
from prefactor.preferences import PROMPTS, content_id

words = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=20)
talks = st.lists(st.builds(Exchange, words, st.none() | words), min_size=1, max_size=5)


def assembled(rows: list[dict[str, Any]]) -> list[str]:
    """The prompts that the rows of one conversation say, by their messages alone."""
    prompts, said = [], []
    for row in rows:
        said += [(SPEAKERS[message["role"]], message["content"]) for message in row["messages"]]
        (_, first), *rest = said
        prompts.append(first + "".join(f"\n\n{speaker}: {content}" for speaker, content in rest))
    return prompts


def test_a_conversation_reads_as_it_went() -> None:
    talk = [Exchange("Hello", "Hi."), Exchange("Why?", None), Exchange("Well?", "Because.")]
    assert prompt_of(talk, 0) == "Hello"
    assert prompt_of(talk, 1) == "Hello\n\nAssistant: Hi.\n\nUser: Why?"
    assert prompt_of(talk, 2) == "Hello\n\nAssistant: Hi.\n\nUser: Why?\n\nUser: Well?"


@settings(max_examples=50, deadline=None)
@given(talks)
def test_every_prompt_goes_on_from_its_parent(talk: list[Exchange]) -> None:
    prompts = [prompt_of(talk, turn) for turn in range(len(talk))]
    assert all(later.startswith(earlier) for earlier, later in pairwise(prompts))
    rows = list(prompt_rows("c", talk, len(talk) - 1))
    ids = [content_id(prompt) for prompt in prompts]
    assert [row["prompt_id"] for row in rows] == ids
    assert [row["parent"] for row in rows] == [None, *ids[:-1]]
    assert [row["turn"] for row in rows] == list(range(len(talk)))
    assert assembled(rows) == prompts


def test_what_comes_later_changes_no_prompt() -> None:
    talk = [Exchange("a", "b"), Exchange("c", "d")]
    assert prompt_of(talk, 0) == prompt_of([Exchange("a", None)], 0)
    assert prompt_of(talk, 1) == prompt_of([talk[0], Exchange("c", None)], 1)


def test_the_table_has_every_conversation_up_to_its_last_turn() -> None:
    conversations = {"a": [Exchange("1", "2"), Exchange("3", None)], "b": [Exchange("1", None)], "c": []}
    table = prompt_table(conversations, {"b": 0, "a": 1})
    assert table.schema.equals(PROMPTS)
    assert list(zip(table["conversation_id"].to_pylist(), table["turn"].to_pylist(), strict=True)) == [
        ("b", 0),
        ("a", 0),
        ("a", 1),
    ]
    assert prompt_table({}, {}).schema.equals(PROMPTS)
