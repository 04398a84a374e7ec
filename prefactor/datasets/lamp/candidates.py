"""The table of candidates that policies wrote for people: its columns, and a file of them that can be trusted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.datasets.formats import parquet
from prefactor.datasets.inputs import InputFile, examine
from prefactor.datasets.published import refuse_repeated
from prefactor.datasets.rows import recognisable
from prefactor.errors import InputError
from prefactor.preferences import SEPARATOR

PROFILE, QUESTION = "profile", "question"
SCHEMA = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("query_id", pa.string(), nullable=False),  # of a person: the profile item's id, or `question`
        pa.field("kind", pa.string(), nullable=False),  # `profile`: asked about an item; `question`: the published one
        pa.field("policy", pa.string(), nullable=False),  # who wrote
        pa.field("sample", pa.int32(), nullable=False),  # number of the text among those of one query and policy
        pa.field("prompt", pa.string(), nullable=False),  # the query's own, without what a policy shows beside it
        pa.field("response", pa.string(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("finished", pa.bool_(), nullable=False),  # it came to an end by itself
        pa.field("rouge1", pa.float64(), nullable=False),  # F1 against what the person wrote
        pa.field("rougeL", pa.float64(), nullable=False),
        pa.field("gold_utility", pa.float64(), nullable=False),
        pa.field("about", pa.string(), nullable=False),  # JSON: the items that were shown, attributes, ...
    ]
)
TEXT = ("user_id", "query_id", "kind", "policy", "prompt", "response")
MADE = b"prefactor.policy_candidates"  # key of the file's metadata: JSON of what the candidates were made from


@dataclass(frozen=True)
class CandidateFile:
    """Rows with the columns TEXT and ``worth``; ``made`` says what they were made from, {} where nobody knows."""

    file: InputFile
    rows: pd.DataFrame
    made: Mapping[str, Any]


def read_candidates(path: Path, worth: str) -> CandidateFile:
    """The candidates in a parquet file; ``worth`` is the column of their utility.

    The other columns of :data:`SCHEMA` may be missing: anybody may write such a file. Raises InputError, with column,
    row and value, for what is missing, is no text or is no finite number, and for a text without a person or prompt.
    """
    if not path.is_file():
        fix = f"write it with `prefactor policy-candidates {path.parent}`, or set candidates to the file's name"
        raise InputError(f"{path} does not exist: {fix}")
    file = examine(path, "parquet")
    header = parquet.header(file)
    for name in (*TEXT, worth):
        if name not in header:
            raise InputError(f"{path} has no column {name!r}, but {', '.join(header)}: write the candidates again")
    refuse_repeated(path, header, (*TEXT, worth))
    table = parquet.read(file, {name: name for name in (*TEXT, worth)})
    rows = pd.DataFrame({name: _texts(table, name, path) for name in TEXT})
    rows["worth"] = _numbers(table, worth, path)
    _check(rows, path)
    return CandidateFile(file, rows, _made(path))


def _texts(table: pa.Table, name: str, path: Path) -> list[str]:
    values: list[Any] = table[name].to_pylist()
    for row, value in enumerate(values, 1):
        if not isinstance(value, str):
            raise InputError(f"{path}, row {row}: {name} is {recognisable(value)}, but must be text: correct it")
    return values


def _numbers(table: pa.Table, name: str, path: Path) -> np.ndarray:
    values = table[name].to_pylist()
    for row, value in enumerate(values, 1):
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            found = recognisable(value)
            raise InputError(f"{path}, row {row}: {name} is {found}, but must be a finite number: correct it")
    return np.array(values, dtype=np.float64)


def _check(rows: pd.DataFrame, path: Path) -> None:
    for name in ("user_id", "query_id", "policy", "prompt"):
        _refuse(rows[name].str.strip() == "", f"{name} is empty: fill it in", path)
    unknown = ~rows["kind"].isin([PROFILE, QUESTION])
    _refuse(unknown, f"kind is neither {PROFILE!r} nor {QUESTION!r}: correct it", path)
    separated = rows["prompt"].str.contains(SEPARATOR, regex=False)
    _refuse(separated, "the control character U+001F in prompt: remove the character", path)
    prompts = rows.groupby(["user_id", "query_id"])["prompt"].transform("first")
    _refuse(rows["prompt"] != prompts, "its prompt differs from that of other rows of its query: give it one", path)


def _refuse(bad: pd.Series, what: str, path: Path) -> None:
    found = np.flatnonzero(bad.to_numpy(dtype=bool))
    if len(found):
        raise InputError(f"{path}, row {found[0] + 1}: {what} ({len(found)} such rows)")


def _made(path: Path) -> dict[str, Any]:
    found = (pq.read_schema(path).metadata or {}).get(MADE)
    try:
        made = {} if found is None else json.loads(found)
    except ValueError:
        made = None
    if not isinstance(made, dict):
        raise InputError(f"{path}: its metadata {MADE.decode()} is no JSON object: write the candidates again")
    return made
