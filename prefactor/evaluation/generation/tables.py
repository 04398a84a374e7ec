"""The files that stages leave of generation, for the results and for their page: names, columns, units.

All lie in one folder, or in several that are read as one. Each may be missing: what rests on it is then left out.
Users have a number, the same in all tables, and never an id.

results.parquet     every figure that has an interval, one a row: the schema ``evaluation.results.RESULTS``, from the
                    functions of this package; of several datasets, retrieval on each, all else on the first. Rows of a
                    dataset whose figures only show that everything runs have the setting format_check=1. The page reads
                    these metrics, of split unseen and seed all:

    accuracy                              of pairs, by shots; settings m=, k=, topic_shift=on|off,
                                          users= of scorers that are trained for few users alone     scores
    accuracy_minus_<scorer>               paired; the same settings, and against=                    scores
    win_rate, ties, utility_gain,
      missing, malformed                  judge=                                                     win_rates
    win_rate_minus_<method>               paired; judge=                                             win_rates
    empty, unfinished                     numbers of texts                                           defects
    best_of_n_gain, best_of_n_win_rate    n=                                                         best_of_n
    best_of_n_gain_minus_bt               paired; n=                                                 best_of_n
    win_rate_over_bt, .._minus_vrf,
      .._delta, .._relative               known=                                                     against_bt
    precision_at_k, .._chance,
      .._above_chance                     k=                                                         precision
    greedy_objective, exhaustive_objective,
      greedy_gap, greedy_same, greedy_ratio                                                          exhaustive
    entropy_before, .._after, .._change   bits a token                                               entropy

attributes.parquet  Drift's chart of a few users: ``user`` from 1; ``attribute``; ``difference``, W - L: the mean
                    zero-shot reward of chosen less that of rejected responses, nats; ``weight``, p_i; ``true``, is the
                    attribute truly the user's, null where nobody knows

speed.parquet       ``method``; ``setting``, e.g. ``m=7``; ``tokens_per_second``, null where only the overhead is known;
                    ``overhead``, share in [0, 1] of a text's time that is no generating (EXACT: embedding the prompt,
                    retrieval), or null; ``tokens`` and ``runs``, how many were timed; ``machine``, in words. Rates are
                    held against the method ``base`` on the same machine.

examples.parquet    texts to read, on the page only where it is asked for examples: ``user`` from 1; ``prompt``;
                    ``method``; ``response``; ``utility``, gold, or null; ``about``, a JSON object of what is behind the
                    text: ``attributes`` and ``bases``, names or an object name -> weight; ``retrieved``, the earlier
                    prompt that attributes are from (the page says that there was one, not which); of further keys
                    numbers alone are shown, e.g. ``similarity``, ``reward``, ``std``, ``candidates``

about.json          what all this was made with: an object of words and numbers, shown as they are, e.g. ``language
                    model``, ``users``, ``pairs``. Sections read ``attributes``, how many the library has, and
                    ``attributes of the world``, how many of them are scorers of the world. ``format_check``: true where
                    figures only show that everything runs. ``left_out``: an object, what was not done -> why.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.atomic import atomic_file, write_json
from prefactor.errors import InputError
from prefactor.evaluation.results import RESULTS, in_schema
from prefactor.reading import read_object

ABOUT_FILE = "about.json"
FIX = "run the stage of generation again that writes it"

ATTRIBUTES = pa.schema(
    [
        ("user", pa.int32()),
        ("attribute", pa.string()),
        ("difference", pa.float64()),  # W - L, nats
        ("weight", pa.float64()),  # p_i
        ("true", pa.bool_()),  # null where nobody knows
    ]
)
SPEED = pa.schema(
    [
        ("method", pa.string()),
        ("setting", pa.string()),
        ("tokens_per_second", pa.float64()),
        ("overhead", pa.float64()),
        ("tokens", pa.int64()),
        ("runs", pa.int64()),
        ("machine", pa.string()),
    ]
)
EXAMPLES = pa.schema(
    [
        ("user", pa.int32()),
        ("prompt", pa.string()),
        ("method", pa.string()),
        ("response", pa.string()),
        ("utility", pa.float64()),
        ("about", pa.string()),
    ]
)
SCHEMAS = {"results": RESULTS, "attributes": ATTRIBUTES, "speed": SPEED, "examples": EXAMPLES}


def write_table(folder: Path, name: str, table: pd.DataFrame) -> None:
    """Write one of SCHEMAS as ``<name>.parquet``, whole or not at all. InputError for columns that do not fit."""
    schema = SCHEMAS[name]
    missing = [column for column in schema.names if column not in table.columns]
    if missing:
        raise InputError(f"the table {name} lacks column(s) {missing}: it has {list(table.columns)}")
    try:
        found = pa.Table.from_pandas(table[schema.names], schema=schema, preserve_index=False)
    except pa.ArrowException as error:
        raise InputError(f"the table {name} cannot take its schema {schema.types}: {type(error).__name__}") from error
    with atomic_file(folder / f"{name}.parquet") as scratch:
        pq.write_table(found.replace_schema_metadata(None), scratch, compression="zstd")


def write_about(folder: Path, about: dict[str, Any]) -> None:
    """Write ``about.json``."""
    write_json(folder / ABOUT_FILE, about)


def read_table(folders: Sequence[Path], name: str) -> pd.DataFrame:
    """The rows of all folders, one below the other; none where no folder has the file. InputError for a broken one."""
    found = [_read(path, name) for folder in folders if (path := folder / f"{name}.parquet").exists()]
    rows = pd.concat(found, ignore_index=True) if found else SCHEMAS[name].empty_table().to_pandas()
    return in_schema(rows) if name == "results" else rows


def read_about(folders: Sequence[Path]) -> dict[str, Any]:
    """The objects of all folders as one; what ``left_out`` and ``format_check`` say is kept of each."""
    found = [read_object(path, FIX) for folder in folders if (path := folder / ABOUT_FILE).exists()]
    merged: dict[str, Any] = {}
    for about in found:
        merged |= about
    left_out = {what: why for about in found for what, why in about.get("left_out", {}).items()}
    return {**merged, "format_check": any(about.get("format_check") for about in found), "left_out": left_out}


def _read(path: Path, name: str) -> pd.DataFrame:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read ({type(error).__name__}): {FIX}") from error
    wanted = SCHEMAS[name]
    if table.schema.names != wanted.names:
        raise InputError(f"{path} has columns {table.schema.names}, expected {wanted.names}: {FIX}")
    return table.to_pandas()
