"""What failed: the rows behind each expectation that was not met, in a file, and what to do about them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from great_expectations.core import ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from prefactor.quality.validation import Outcome, failing_rows

FOLDER = "failed"


@dataclass(frozen=True)
class Failure:
    """One expectation that was not met.

    ``rows``: how many rows do not meet it; all rows of the table where it is about the table as a whole. ``file``:
    where they are, relative to the gate's output; the table's columns where it is about the schema. ``observed``:
    what was found instead, where that is one value, and nobody's words.
    """

    suite: str
    expectation: str
    rows: int
    observed: str | None
    file: str
    fix: str


def write_failures(outcomes: list[Outcome], folder: Path, limit: int) -> list[Failure]:
    """Write the rows of every failed expectation, ``limit`` each at most, to ``folder``/failed as CSV."""
    return [_write(outcome, result, folder, limit) for outcome in outcomes for result in outcome.failed]


def _write(outcome: Outcome, result: ExpectationValidationResult, folder: Path, limit: int) -> Failure:
    config = result.expectation_config
    assert config is not None, "a result of a suite always has its expectation"
    count, rows = _rows(outcome, result, config)
    name = "-".join([outcome.suite.name, *_label(config).split()])
    file = Path(FOLDER) / f"{re.sub(r'[^A-Za-z0-9_-]', '_', name)}.csv"
    (folder / FOLDER).mkdir(exist_ok=True)
    rows.head(limit).to_csv(folder / file, index=False)
    meta = config.meta or {}
    observed = None if "rule" in meta else _observed(result.result)
    return Failure(
        suite=outcome.suite.name,
        expectation=" ".join([_label(config), _bounds(config)]).rstrip(),
        rows=count,
        observed=None if observed is None else _short(observed),
        file=file.as_posix(),
        fix=meta["fix"],
    )


def _label(config: ExpectationConfiguration) -> str:
    """A short name of an expectation: its rule, or its one row, its column and what is expected of it."""
    if config.meta and "rule" in config.meta:
        return str(config.meta["rule"])
    words = config.type.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    about = [(config.meta or {}).get("row"), config.kwargs.get("column"), words]
    return " ".join(str(part) for part in about if part)


def _bounds(config: ExpectationConfiguration) -> str:
    """What is expected, e.g. ``(min_value 1, max_value 100000)``."""
    unsaid = {"column", "batch_id", "row_condition", "value"}
    said = [f"{key} {_short(value)}" for key, value in config.kwargs.items() if key not in unsaid]
    return f"({', '.join(said)})" if said else ""


def _observed(found: Mapping[str, Any]) -> object:
    """The value of the whole table, or of the one row that does not meet it if it is a number."""
    single = found.get("partial_unexpected_list") or []
    number = single[0] if len(single) == 1 and isinstance(single[0], int | float) else None
    return found.get("observed_value", number)


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _rows(
    outcome: Outcome, result: ExpectationValidationResult, config: ExpectationConfiguration
) -> tuple[int, pd.DataFrame]:
    """How many rows do not meet an expectation, and what to show of them."""
    table = outcome.table
    if config.meta and "rule" in config.meta:
        found = table[table["rule"] == config.meta["rule"]].drop(columns="rule").dropna(axis=1, how="all")
        return len(found), found
    if "unexpected_count" in result.result:
        found = failing_rows(config.to_domain_obj(), table)
        return len(found), found
    if not outcome.sound:
        return len(table), pd.DataFrame({"column": table.columns, "type": [str(kind) for kind in table.dtypes]})
    return len(table), table
