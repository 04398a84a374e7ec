"""What belongs to some users alone: their pairs and ids, and the groups, texts and prompts that nobody else needs."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from prefactor.preferences import Preferences, TextBatches, content_id


@dataclass(frozen=True)
class Belongings:
    """Ids of what is some users' alone. Texts that others judged too are not among them, nor their groups."""

    users: frozenset[str] = frozenset()
    pairs: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    prompts: frozenset[str] = frozenset()
    conversations: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Conversations:
    """The table ``prompts`` without some users' conversations, and what it lost."""

    table: pa.Table | None
    prompts: frozenset[str] = frozenset()
    conversations: frozenset[str] = frozenset()


def without(preferences: Preferences, user_ids: Collection[str]) -> tuple[Preferences, Belongings]:
    """The preferences of everyone else, rows in their order, and what belonged to these users alone.

    Texts given as batches stay batches. ``source`` loses the groups that are gone; its counts stay.
    """
    theirs = _is_in(preferences.pairs["user_id"], user_ids)
    pairs, lost = preferences.pairs.filter(pc.invert(theirs)), preferences.pairs.filter(theirs)
    groups = _names(lost["group_id"]) - _names(pairs["group_id"])
    candidates, gone = _candidates(preferences.candidates, groups)
    used = _texts_of(pairs) | ({*candidates["text_id"].to_pylist()} if candidates is not None else set())
    judged = _texts_of(lost) | gone
    texts = judged - used
    talk = _conversations(preferences, judged, texts)
    left = replace(
        preferences,
        pairs=pairs,
        users=preferences.users.filter(pc.invert(_is_in(preferences.users["user_id"], user_ids))),
        candidates=candidates,
        texts=_without_texts(preferences.texts, texts),
        prompts=talk.table,
        source=_without_groups(preferences.source, groups),
    )
    own = Belongings(
        users=frozenset(user_ids),
        pairs=frozenset(_names(lost["pair_id"])),
        groups=frozenset(groups),
        texts=frozenset(texts),
        prompts=talk.prompts,
        conversations=talk.conversations,
    )
    return left, own


def _is_in(column: pa.ChunkedArray, names: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(sorted(names), pa.string()))


def _names(column: pa.ChunkedArray) -> set[str]:
    return set(column.unique().to_pylist())


def _texts_of(pairs: pa.Table) -> set[str]:
    return _names(pairs["chosen"]) | _names(pairs["rejected"])


def _candidates(table: pa.Table | None, groups: Collection[str]) -> tuple[pa.Table | None, set[str]]:
    """The candidates of other groups, and the texts of these."""
    if table is None:
        return None, set()
    theirs = _is_in(table["group_id"], groups)
    return table.filter(pc.invert(theirs)), _names(table["text_id"].filter(theirs))


def _without_texts(texts: pa.Table | TextBatches, lost: Collection[str]) -> pa.Table | TextBatches:
    if not lost:
        return texts
    if isinstance(texts, pa.Table):
        return texts.filter(pc.invert(_is_in(texts["text_id"], lost)))
    return TextBatches(lambda: (batch.filter(pc.invert(_is_in(batch["text_id"], lost))) for batch in texts))


def _without_groups(source: dict[str, Any], groups: Collection[str]) -> dict[str, Any]:
    if "context_of" not in source:
        return dict(source)
    return {**source, "context_of": {name: value for name, value in source["context_of"].items() if name not in groups}}


def _conversations(preferences: Preferences, theirs: Collection[str], lost: Collection[str]) -> _Conversations:
    """Drop the turns that nobody else's prompt goes on from, and the names of conversations that may be these users'.

    ``theirs`` are the texts that these users judged, ``lost`` those of them that nobody else did. The tables do not
    say whose a conversation is. One all of whose turns these users' prompts went through may be theirs; where others
    began with the very same words, one of its rows stays, under a hash of its name.
    """
    table = preferences.prompts
    if table is None or not theirs:
        return _Conversations(table)
    rows = table.to_pylist()
    parent = {row["prompt_id"]: row["parent"] for row in rows}
    passed, needed = (_with_ancestors(each, parent) for each in _prompts_of(preferences.texts, theirs, lost))
    turns: dict[str, set[str]] = {}
    for row in rows:
        turns.setdefault(row["conversation_id"], set()).add(row["prompt_id"])
    maybe = {name for name, prompts in turns.items() if prompts <= passed}
    left = list(_others_rows(rows, maybe, needed))
    gone = frozenset(parent.keys() - {row["prompt_id"] for row in left})
    return _Conversations(pa.Table.from_pylist(left, table.schema), gone, frozenset(maybe))


def _others_rows(rows: list[dict[str, Any]], maybe: set[str], needed: set[str]) -> Iterator[dict[str, Any]]:
    present = {row["prompt_id"] for row in rows if row["conversation_id"] not in maybe}
    for row in rows:
        if row["conversation_id"] not in maybe:
            yield row
        elif row["prompt_id"] in needed - present:
            present.add(row["prompt_id"])
            yield {**row, "conversation_id": content_id("conversation", row["conversation_id"])}


def _prompts_of(
    texts: pa.Table | TextBatches, theirs: Collection[str], lost: Collection[str]
) -> tuple[set[str], set[str]]:
    """Ids of the prompts of ``theirs``, and of all texts that are not ``lost``."""
    passed, needed = set(), set()
    for batch in [texts] if isinstance(texts, pa.Table) else texts:
        for text_id, prompt in zip(batch["text_id"].to_pylist(), batch["prompt"].to_pylist(), strict=True):
            if text_id in theirs:
                passed.add(content_id(prompt))
            if text_id not in lost:
                needed.add(content_id(prompt))
    return passed, needed


def _with_ancestors(prompts: set[str], parent: dict[str, str | None]) -> set[str]:
    """Prompts and all that they go on from."""
    found: set[str] = set()
    for prompt in prompts:
        step: str | None = prompt
        while step is not None and step not in found and step in parent:
            found.add(step)
            step = parent[step]
    return found
