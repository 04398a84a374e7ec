"""Ratings and jokes as published, read from their two files and checked.

``ratings.parquet`` has user_id, joke_id and rating, from -10 to 10 in hundredths; a joke that was not rated has no
row. ``jokes.parquet`` has joke_id and text. (Goldberg et al. 2001, Jester dataset 1.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from prefactor.datasets.formats import parquet
from prefactor.datasets.inputs import InputFile, find_inputs
from prefactor.datasets.rows import Rows, is_blank
from prefactor.errors import InputError
from prefactor.preferences import TEXTS, content_id

RATINGS = {"user_id": "identifier", "joke_id": "identifier", "rating": "number"}
JOKES = {"joke_id": "identifier", "text": "text"}
WANTED = {"identifier": "text or a whole number", "number": "a number", "text": "text"}
LEAST, MOST = -10.0, 10.0
DECIMALS = 2  # as 32-bit floats, the ratings 7.82 and 5.82 differ by more than 2


@dataclass(frozen=True)
class Ratings:
    """U people's ratings of J jokes.

    user_ids  U names
    texts     the table ``texts`` of the jokes, in the order of their ids
    rating    (U, J) float64, NaN where there is none
    """

    user_ids: pa.StringArray
    texts: pa.Table
    rating: np.ndarray

    def of(self, people: np.ndarray) -> "Ratings":
        """The ratings of some people, by their rows, in this order."""
        return Ratings(self.user_ids.take(pa.array(people)), self.texts, self.rating[people])

    def users(self) -> pa.Table:
        """The table ``users``: user_id, and J ``ratings`` (float32), null where there is none."""
        values = pa.array(self.rating.ravel().astype(np.float32), mask=np.isnan(self.rating).ravel())
        offsets = np.arange(len(self.rating) + 1, dtype=np.int32) * len(self.texts)
        return pa.table({"user_id": self.user_ids, "ratings": pa.ListArray.from_arrays(offsets, values)})


def find_files(folder: Path) -> tuple[InputFile, InputFile]:
    """The files of ratings and of jokes; InputError says what the folder has instead."""
    return _find(folder, "ratings.parquet"), _find(folder, "jokes.parquet")


def read_ratings(ratings: InputFile, jokes: InputFile) -> Ratings:
    """All ratings in one matrix. Raises InputError, with the first rows at fault, for what cannot be meant."""
    names, texts = _read_jokes(jokes)
    rows = _read(ratings, RATINGS)
    _check_ratings(rows, names, jokes)
    users = rows.table["user_id"].combine_chunks().dictionary_encode()
    joke = pc.index_in(rows.table["joke_id"], names).to_numpy()
    user = users.indices.to_numpy()
    _refuse_twice(rows, user.astype(np.int64) * len(names) + joke)
    rating = np.full((len(users.dictionary), len(names)), np.nan)
    rating[user, joke] = np.round(rows.table["rating"].to_numpy(), DECIMALS)
    return Ratings(users.dictionary, texts, rating)


def _find(folder: Path, name: str) -> InputFile:
    path = folder / name
    if folder.is_dir() and not path.exists():
        there = ", ".join(sorted(item.name for item in folder.iterdir())) or "nothing"
        raise InputError(f"{folder} has no {name}, but {there}: put ratings.parquet and jokes.parquet in it")
    if not folder.is_dir() and folder.exists():
        raise InputError(f"{folder} is a file: name the folder that holds ratings.parquet and jokes.parquet")
    return find_inputs(path)[0]


def _read(file: InputFile, columns: Mapping[str, str]) -> Rows:
    """The columns in the types of their kinds; none of them with a null."""
    header = parquet.header(file)
    if missing := [name for name in columns if name not in header]:
        raise InputError(f"{file.path} has no column {', '.join(missing)}, but {', '.join(header)}: rename or add it")
    given = parquet.read(file, {name: name for name in columns})
    table = pa.table({name: _typed(given[name], name, kind, file) for name, kind in columns.items()})
    rows = Rows(table, file.path, (file.path,), (len(table),), {})
    for name in columns:
        rows.refuse(table[name].is_null(), name, f"no {name} (null)", "fill it in or remove these rows")
    return rows


def _typed(values: pa.ChunkedArray, name: str, kind: str, file: InputFile) -> pa.ChunkedArray:
    given = values.type
    text = types.is_string(given) or types.is_large_string(given)
    whole = types.is_integer(given)
    fits = {"text": text, "identifier": text or whole, "number": whole or types.is_floating(given)}
    if not fits[kind]:
        raise InputError(f"{file.path}: column {name!r} is of type {given}, but must be {WANTED[kind]}: convert it")
    return values.cast(pa.float64() if kind == "number" else pa.string())


def _read_jokes(file: InputFile) -> tuple[pa.StringArray, pa.Table]:
    """Joke ids and the table ``texts``, in the order of the file. Equal texts are refused: whose rating would count?"""
    rows = _read(file, JOKES)
    rows.refuse(is_blank(rows.table["text"]), "text", "an empty text", "write the joke, or remove it and its ratings")
    for name in JOKES:
        again = pa.chunked_array([_repeated(rows.table[name].combine_chunks())])
        rows.refuse(again, name, f"a {name} that an earlier row has", "keep one row, and the ratings of one joke")
    text = rows.table["text"].to_pylist()
    columns = [[content_id("", each) for each in text], [""] * len(text), text]
    return rows.table["joke_id"].combine_chunks(), pa.table(columns, schema=TEXTS)


def _repeated(values: pa.StringArray) -> pa.BooleanArray:
    """Which values appear in an earlier row."""
    first = np.unique(values.dictionary_encode().indices.to_numpy(), return_index=True)[1]
    again = np.ones(len(values), dtype=bool)
    again[first] = False
    return pa.array(again)


def _check_ratings(rows: Rows, names: pa.StringArray, jokes: InputFile) -> None:
    rating = rows.table["rating"]
    inside = pc.and_(pc.greater_equal(rating, LEAST), pc.less_equal(rating, MOST))  # which NaN is not
    what = f"a rating outside {LEAST:g} to {MOST:g}"
    rows.refuse(pc.invert(inside), "rating", what, "remove them: published spreadsheets write 99 for no rating")
    unknown = pc.invert(pc.is_in(rows.table["joke_id"], names))
    rows.refuse(unknown, "joke_id", f"a joke_id that {jokes.path.name} lacks", "add the joke or remove its ratings")


def _refuse_twice(rows: Rows, cell: np.ndarray) -> None:
    """``cell`` (N,) numbers the person and joke of each row."""
    if len(first := np.unique(cell, return_index=True)[1]) == len(cell):
        return
    again = np.ones(len(cell), dtype=bool)
    again[first] = False
    rows.refuse(pa.chunked_array([again]), "joke_id", "a joke that the same user rated before", "keep one rating")
