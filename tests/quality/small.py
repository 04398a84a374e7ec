"""A small sound dataset, and ways to break it."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.preferences import PAIRS, TEXTS, USERS, Preferences, content_id

PROMPTS = 12
USERS_ = 8
RESPONSES = 3
SCORERS = ["brief", "kind"]


def text(prompt: str, response: str) -> dict[str, str]:
    """A row of texts."""
    return {"text_id": content_id(prompt, response), "prompt": prompt, "response": response}


def pair(user: str, group: str, chosen: str, rejected: str) -> dict[str, object]:
    """A row of pairs."""
    ids = {"pair_id": content_id(user, chosen, rejected), "user_id": user, "group_id": group}
    return {**ids, "chosen": chosen, "rejected": rejected, "margin": None, "order": None}


def make_preferences(empty_prompts: bool = False) -> Preferences:
    """Eight users who judge twelve prompts each; with ``empty_prompts`` as of jokes, where the group is the pair."""
    texts, pairs, candidates = [], [], []
    for p in range(PROMPTS):
        prompt = "" if empty_prompts else f"Question {p}?"
        answers = [text(prompt, f"Answer {p} {'word ' * (3 * a + p % 2)}.") for a in range(RESPONSES)]
        texts += answers
        for a, answer in enumerate(answers):
            candidates.append({"group_id": f"g{p}", "text_id": answer["text_id"], "brief": float(-a), "kind": 0.5 * p})
        for u in range(USERS_):
            chosen, rejected = answers[(u + p) % RESPONSES], answers[(u + 2 * p + 1) % RESPONSES]
            if chosen is rejected:
                rejected = answers[(u + p + 1) % RESPONSES]
            pairs.append(pair(f"u{u}", f"g{p}", chosen["text_id"], rejected["text_id"]))
    users = [{"user_id": f"u{u}", "weight": [0.25, 0.75]} for u in range(USERS_)]
    return Preferences(
        texts=pa.Table.from_pylist(texts, TEXTS),
        pairs=pa.Table.from_pylist(pairs, PAIRS),
        users=pa.Table.from_pylist(users, pa.schema([*USERS, pa.field("weight", pa.list_(pa.float64()))])),
        candidates=pa.Table.from_pylist(candidates),
        source={"name": "small", "empty_prompts": empty_prompts, "scorers": SCORERS, "truth": True},
    )


def change(path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Rewrite a parquet file in its own schema."""
    table = pq.read_table(path)
    changed = edit(table.to_pandas(integer_object_nulls=True))
    pq.write_table(pa.Table.from_pandas(changed, table.schema, preserve_index=False), path)


def set_leakage(split_folder: Path, rule: object) -> None:
    """Name another leakage rule in the manifest."""
    path = split_folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["parameters"]["leakage"] = rule
    path.write_text(json.dumps(manifest))
