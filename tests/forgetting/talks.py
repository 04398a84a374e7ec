"""Small preferences with everything that tables can hold: candidates, conversations, and ids that say little."""

from collections.abc import Sequence
from functools import cache

import pyarrow as pa

from prefactor.preferences import PROMPTS, TEXTS, Preferences, content_id

USERS = ("7", "71", "anna", "user-0000001", "zoë@example.org")
GREETING = "Hello!"  # everyone's first conversation begins with it, and with the same two answers
SHARED = ("Hi.", "Good day to you.")


@cache
def talks(users: tuple[str, ...] = USERS, prompts: int = 6) -> Preferences:
    """Every user greets in one conversation, and in others has prompts of their own, of two turns each.

    The greeting's group and texts are everyone's; each other turn is its user's alone, with three candidates.
    """
    texts: dict[str, tuple[str, str]] = {}
    pairs, candidates, turns = [], [], []
    for user in users:
        for number in range(prompts):
            talk = f"talk-{user}-{number}"
            for turn, (prompt, responses) in enumerate(_turns(user, number)):
                group = "greeting" if number == 0 else f"{talk}-turn-{turn}"
                ids = [content_id(prompt, response) for response in responses]
                texts |= {key: (prompt, response) for key, response in zip(ids, responses, strict=True)}
                pairs.append((content_id(user, *ids[:2]), user, group, *ids[:2], 1.0 + turn, turn))
                candidates += [(group, key, float(place)) for place, key in enumerate(ids)]
                parent = None if turn == 0 else content_id(_turns(user, number)[0][0])
                turns.append((content_id(prompt), parent, talk, turn, [{"role": "user", "content": prompt}]))
    columns = ["pair_id", "user_id", "group_id", "chosen", "rejected", "margin", "order"]
    scored = [dict(zip(["group_id", "text_id", "score"], row, strict=True)) for row in dict.fromkeys(candidates)]
    return Preferences(
        texts=pa.Table.from_pylist(
            [dict(zip(TEXTS.names, (key, *text), strict=True)) for key, text in texts.items()], TEXTS
        ),
        pairs=pa.table(dict(zip(columns, map(list, zip(*pairs, strict=True)), strict=True))),
        users=pa.table({"user_id": list(users), "age": [str(20 + place) for place in range(len(users))]}),
        candidates=pa.Table.from_pylist(scored),
        source={
            "name": "talks",
            "empty_prompts": False,
            "dropped": {"ties": 2},
            "noted": {},
            "context_of": {row["group_id"]: "home" for row in scored},
        },
        prompts=pa.Table.from_pylist([dict(zip(PROMPTS.names, turn, strict=True)) for turn in turns], PROMPTS),
    )


def _turns(user: str, number: int) -> list[tuple[str, Sequence[str]]]:
    """Prompts and responses of one conversation."""
    if number == 0:
        return [(GREETING, SHARED)]
    first = f"Where should {len(user)} people like {user[::-1]} go on day {number}?"
    return [
        (first, ("To the sea.", "Nowhere at all.", "To the hills.")),
        (f"{first}\n\nAssistant: To the sea.\n\nUser: Why?", ("It is calm.", "Because.", "It is cold, and very wide.")),
    ]
