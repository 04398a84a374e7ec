"""A few judgements as prepared tables, of a prompt or of none."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from prefactor.preferences import PAIRS, TEXTS, USERS, Preferences, content_id

Judged = tuple[str, str, str, str]  # user, prompt, chosen, rejected


def make_tables(rows: Sequence[Judged], **columns: list) -> Preferences:
    """The tables; ``columns`` are further columns of ``pairs``: margin, order."""
    texts = {content_id(prompt, side): (prompt, side) for _, prompt, *sides in rows for side in sides}
    pairs = []
    for user, prompt, chosen, rejected in rows:
        sides = content_id(prompt, chosen), content_id(prompt, rejected)
        pairs.append({"pair_id": content_id(user, *sides), "user_id": user, "group_id": content_id(prompt)})
        pairs[-1] |= {"chosen": sides[0], "rejected": sides[1]}
    for name, values in columns.items():
        pairs = [pair | {name: value} for pair, value in zip(pairs, values, strict=True)]
    named = [{"text_id": name, "prompt": prompt, "response": side} for name, (prompt, side) in texts.items()]
    users = [{"user_id": user} for user in dict.fromkeys(row[0] for row in rows)]
    source = {"name": "small", "empty_prompts": True, "scorers": [], "truth": False}
    tables = ((named, TEXTS), (pairs, PAIRS), (users, USERS))
    return Preferences(*(pa.Table.from_pylist(*table) for table in tables), None, source)


def prepare(folder: Path, rows: Sequence[Judged], **columns: list) -> Path:
    """The tables on disk."""
    make_tables(rows, **columns).save(folder)
    return folder
