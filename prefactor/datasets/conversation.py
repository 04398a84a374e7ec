"""Conversations as prompts: what was said up to a turn, as one text, and as a tree whose branches share prefixes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from prefactor.preferences import PROMPTS, content_id

USER, ASSISTANT = "user", "assistant"
SPEAKERS = {USER: "User", ASSISTANT: "Assistant"}


@dataclass(frozen=True)
class Exchange:
    """One turn: what the user said, and the response that the conversation went on with; None if it did not."""

    user: str
    assistant: str | None


def prompt_of(exchanges: Sequence[Exchange], turn: int) -> str:
    """The conversation up to what the user says in ``turn``, from 0.

    The first message stands alone; each further one follows after a blank line and the speaker's name. So the prompt of
    a turn begins with that of the turn before.
    """
    return "".join(_text(role, content, place) for place, (role, content) in enumerate(_messages(exchanges, turn)))


def prompt_rows(conversation_id: str, exchanges: Sequence[Exchange], last: int) -> Iterator[dict[str, object]]:
    """Rows of the table ``prompts`` for the turns 0 .. ``last``; a row holds what it adds to its parent's messages."""
    parent = None
    for turn in range(last + 1):
        before = [] if turn == 0 else _reply(exchanges[turn - 1])
        prompt_id = content_id(prompt_of(exchanges, turn))
        messages = [{"role": role, "content": content} for role, content in [*before, (USER, exchanges[turn].user)]]
        yield {
            "prompt_id": prompt_id,
            "parent": parent,
            "conversation_id": conversation_id,
            "turn": turn,
            "messages": messages,
        }
        parent = prompt_id


def prompt_table(conversations: Mapping[str, Sequence[Exchange]], last: Mapping[str, int]) -> pa.Table:
    """The table ``prompts`` of these conversations, each up to its ``last`` turn that is used."""
    rows = (row for name, turn in last.items() for row in prompt_rows(name, conversations[name], turn))
    return pa.Table.from_pylist(list(rows), PROMPTS)


def _messages(exchanges: Sequence[Exchange], turn: int) -> Iterable[tuple[str, str]]:
    for exchange in exchanges[:turn]:
        yield USER, exchange.user
        yield from _reply(exchange)
    yield USER, exchanges[turn].user


def _reply(exchange: Exchange) -> list[tuple[str, str]]:
    return [] if exchange.assistant is None else [(ASSISTANT, exchange.assistant)]


def _text(role: str, content: str, place: int) -> str:
    return content if place == 0 else f"\n\n{SPEAKERS[role]}: {content}"
