"""A few texts to read: what each method wrote for a user's prompt, how the user likes it, and what is behind it."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from prefactor.errors import InputError
from prefactor.evaluation.generation.tables import FIX
from prefactor.reporting.estimates import SIGNED, UNSIGNED
from prefactor.reporting.generation.names import name_of, place, style_of
from prefactor.reporting.style import Style

PROMPTS = 2  # of each user
LONGEST = 1_500  # characters of a text; the rest is cut off
NAMED = ("attributes", "bases")  # whose names are words of ours
RETRIEVED = "retrieved"
KNOWN = {
    "reward": "reward {}",
    "std": "\N{PLUS-MINUS SIGN} {}",
    "candidates": "best of {} candidates",
    "similarity": "similarity {}",
    "pairs": "{} pairs of the user in the prompt",
    "entropy_before": "entropy before {} bits",
    "entropy_after": "after {} bits",
}


@dataclass(frozen=True)
class Text:
    """What one method wrote; ``best`` of those to the same prompt by gold utility."""

    label: str
    style: Style | None
    response: str
    utility: str
    behind: str
    best: bool


@dataclass(frozen=True)
class Request:
    """A user's prompt and what was written to it."""

    user: int
    prompt: str
    texts: tuple[Text, ...]

    @property
    def judged(self) -> bool:
        """Whether anybody knows a text's utility."""
        return any(text.utility for text in self.texts)


def examples_of(table: pd.DataFrame, users: int) -> tuple[Request, ...]:
    """Of the first ``users`` by number, PROMPTS prompts each, as the table has them; none for 0 users."""
    if users < 1 or not len(table):
        return ()
    chosen = sorted(table["user"].unique())[:users]
    return tuple(request for user in chosen for request in _requests(int(user), table[table["user"] == user]))


def behind(about: str) -> str:
    """What a text rests on, in words. Of keys that are not known here numbers alone are shown: others may be ids."""
    try:
        found = json.loads(about)
    except ValueError as error:
        raise InputError(f"the column about of examples must hold JSON objects: {FIX}") from error
    if not isinstance(found, dict):
        raise InputError(f"the column about of examples must hold JSON objects, not {type(found).__name__}: {FIX}")
    return "; ".join([*_names(found), *_figures(found)])


def _requests(user: int, rows: pd.DataFrame) -> Iterator[Request]:
    for prompt in list(dict.fromkeys(rows["prompt"]))[:PROMPTS]:
        mine = sorted(rows[rows["prompt"] == prompt].itertuples(), key=lambda row: place(row.method))
        most = max((row.utility for row in mine if pd.notna(row.utility)), default=math.nan)
        yield Request(user, _cut(prompt), tuple(_text(row, most) for row in mine))


def _text(row: Any, most: float) -> Text:
    known = pd.notna(row.utility)
    return Text(
        name_of(row.method).label,
        style_of(row.method),
        _cut(row.response).strip() or "(empty)",
        SIGNED.text(row.utility) if known else "",
        behind(row.about),
        bool(known and row.utility >= most),
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _names(found: Mapping[str, Any]) -> Iterator[str]:
    for key in NAMED:
        own = found.get(key)
        if isinstance(own, Mapping) and own:
            ranked = sorted(own.items(), key=lambda item: -abs(float(item[1])))
            yield f"{key}: {', '.join(f'{name} {SIGNED.text(float(weight))}' for name, weight in ranked)}"
        elif isinstance(own, (list, tuple)) and own:
            yield f"{key}: {', '.join(map(str, own))}"
    if found.get(RETRIEVED):
        yield "from one of the user's earlier prompts"


def _figures(found: Mapping[str, Any]) -> Iterator[str]:
    for key, value in found.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            continue
        text = f"{value:,}" if isinstance(value, int) else UNSIGNED.text(value)
        yield KNOWN.get(key, f"{key.replace('_', ' ')} {{}}").format(text)
