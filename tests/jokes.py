"""People who compare items without prompts, as of jokes: small worlds for the rules that keep items apart."""

import random
from collections.abc import Sequence
from itertools import combinations

import pyarrow as pa

from prefactor.preferences import PAIRS, TEXTS, USERS, Preferences, content_id

Judged = tuple[str, int, int]  # a user, the item they chose, the item they rejected


def item(number: int) -> str:
    """The text_id of an item."""
    return content_id("", f"Joke {number}.")


def everyone_judges(users: int, items: int, share: float = 1.0, seed: int = 0) -> list[Judged]:
    """Each user judges a random ``share`` of all pairs of items, by a taste of their own."""
    chance = random.Random(seed)
    rows = []
    for user in range(users):
        taste = [chance.random() for _ in range(items)]
        for pair in combinations(range(items), 2):
            if chance.random() < share:
                chosen, rejected = sorted(pair, key=taste.__getitem__, reverse=True)
                rows.append((f"u{user}", chosen, rejected))
    return rows


def make_jokes(rows: Sequence[Judged]) -> Preferences:
    """The tables; the group of a pair is its two items, the same for everyone."""
    pairs = []
    for user, chosen, rejected in rows:
        sides = item(chosen), item(rejected)
        pairs.append((content_id(user, *sides), user, content_id(*sorted(sides)), *sides, None, None))
    numbers = sorted({number for _, *sides in rows for number in sides})
    texts = [(item(number), "", f"Joke {number}.") for number in numbers]
    users = [(user,) for user in dict.fromkeys(user for user, _, _ in rows)]
    source = {"name": "jokes", "empty_prompts": True, "scorers": [], "truth": False}
    return Preferences(_table(texts, TEXTS), _table(pairs, PAIRS), _table(users, USERS), None, source)


def _table(rows: Sequence[tuple], schema: pa.Schema) -> pa.Table:
    return pa.table([[row[column] for row in rows] for column in range(len(schema))], schema=schema)
