"""Columns that a table must have, checked before anything is computed from it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from prefactor.errors import InputError


def require(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """InputError if ``table``, which people know as ``name``, lacks one of ``columns``."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(f"the table of {name} lacks column(s) {missing}: it has {list(table.columns)}")


def require_once(table: pd.DataFrame, keys: Sequence[str], name: str) -> None:
    """InputError if two rows agree in all ``keys``; it gives the row's number, for ids are no one's business."""
    twice = np.flatnonzero(table.duplicated([*keys]))
    if len(twice):
        raise InputError(f"the table of {name} has row {twice[0]} twice: give each ({', '.join(keys)}) one row")


def require_numbers(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """InputError if a value in one of ``columns`` is no finite number."""
    for column in columns:
        wrong = int((~np.isfinite(table[column].to_numpy(np.float64))).sum())
        if wrong:
            raise InputError(f"{wrong} value(s) of {column} in the table of {name} are no numbers: drop the rows")
