"""People's words, and where they could have landed: stores, text files, tables."""

import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq

from tests.stages.conftest import Project

SPAN = 8  # so many words in a row are a quotation


def cells_of(store: Path) -> list[str]:
    """All that the tables of an SQLite file hold."""
    with sqlite3.connect(store) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [str(cell) for table in tables for row in database.execute(f'SELECT * FROM "{table}"') for cell in row]


def readable_under(folder: Path) -> list[str]:
    """The text files there, also of tables their text columns."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    texts = [path.read_bytes().decode(errors="ignore") for path in files if path.suffix != ".db"]
    return [*texts, *(str(pq.read_table(path).to_pylist()) for path in files if path.suffix == ".parquet")]


def spans_of(texts: Iterable[str]) -> set[tuple[str, ...]]:
    """Every run of SPAN words; of a shorter text nothing."""
    words = (re.findall(r"\w+", text.lower()) for text in texts)
    return {tuple(run[at : at + SPAN]) for run in words for at in range(len(run) - SPAN + 1)}


def texts_of(project: Project, dataset: str) -> set[str]:
    """All prompts and responses."""
    table = pq.read_table(project.folder / "data" / "prepared" / dataset / "texts.parquet")
    return {*table["prompt"].to_pylist(), *table["response"].to_pylist()}
