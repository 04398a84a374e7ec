"""Results as one long table: a row per figure, so that later work only adds rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.atomic import atomic_file
from prefactor.errors import InputError
from prefactor.evaluation.accuracy import UserFigures
from prefactor.evaluation.intervals import Interval, combined

RESULTS = pa.schema(
    [
        ("dataset", pa.string()),
        ("protocol", pa.string()),  # the split's leakage rule
        ("backbone", pa.string()),
        ("method", pa.string()),
        ("variant", pa.string()),
        ("setting", pa.string()),  # sorted key=value pairs joined by ';' for whatever else varies
        ("seed", pa.string()),  # a training seed, or 'all': mean over seeds
        ("split", pa.string()),  # seen, unseen, overall
        ("shots", pa.int64()),  # |C|; null: all that is known of a user
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("ci_low", pa.float64()),  # 95 %, resampled over users
        ("ci_high", pa.float64()),
        ("n_users", pa.int64()),
        ("n_pairs", pa.int64()),
        ("run", pa.string()),  # content hash of the training that the figure judges
    ]
)
ALL_SEEDS = "all"
KEY = ["dataset", "protocol", "backbone", "method", "variant", "setting", "split", "shots", "metric"]


@dataclass(frozen=True)
class Judged:
    """Per-user figures of one (split, shots) over S seeds: ``figures`` has one entry per seed, users in one order."""

    split: str
    shots: int | None
    user_ids: tuple[str, ...]
    figures: Mapping[str, UserFigures]  # seed -> figures


def setting_text(setting: Mapping[str, object]) -> str:
    """``{"b": 1, "a": 2}`` -> ``a=2;b=1``."""
    return ";".join(f"{key}={setting[key]}" for key in sorted(setting))


def result_rows(judged: Iterable[Judged], identity: Mapping[str, str]) -> pd.DataFrame:
    """Rows for each (split, shots, metric) and seed, for their mean over seeds, and for seen and unseen overall.

    ``identity`` holds the columns that all rows share: dataset, protocol, backbone, method, variant, setting, run.
    """
    judged = list(judged)
    rows = [row for group in judged for row in _rows(group.split, group.shots, [group])]
    whole = [group for group in judged if group.shots is None and group.split in ("seen", "unseen")]
    if len(whole) == 2:
        rows += _rows("overall", None, whole)
    return in_schema(pd.DataFrame([{**identity, **row} for row in rows]))


def in_schema(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the results table's columns and types, in a stable order."""
    frame = rows.reindex(columns=RESULTS.names)
    frame["setting"] = frame["setting"].fillna("")
    for name in ("shots", "n_users", "n_pairs"):
        frame[name] = frame[name].astype("Int64")
    return frame.sort_values([*KEY, "seed"], kind="stable", na_position="last").reset_index(drop=True)


def per_user_table(judged: Iterable[Judged]) -> pd.DataFrame:
    """One row per user, seed, split and shots: what paired comparisons of methods are made from."""
    frames = [
        pd.DataFrame(
            {
                "user_id": group.user_ids,
                "seed": seed,
                "split": group.split,
                "shots": pd.array([group.shots] * len(group.user_ids), dtype="Int64"),
                "accuracy": figures.accuracy,
                "log_loss": figures.log_loss,
                "pairs": figures.pairs,
            }
        )
        for group in judged
        for seed, figures in group.figures.items()
    ]
    return pd.concat(frames, ignore_index=True)


def write_results(rows: pd.DataFrame, parquet: Path, csv: Path | None = None) -> None:
    """Write the table as parquet and, if asked for, as CSV."""
    table = pa.Table.from_pandas(rows, schema=RESULTS, preserve_index=False).replace_schema_metadata(None)
    with atomic_file(parquet) as scratch:
        pq.write_table(table, scratch, compression="zstd")
    if csv is not None:
        with atomic_file(csv) as scratch:
            rows.to_csv(scratch, index=False, float_format="%.6g")


def read_results(parquet: Path) -> pd.DataFrame:
    """Read rows back; InputError if the file is missing or of another schema."""
    try:
        table = pq.read_table(parquet)
    except FileNotFoundError as error:
        raise InputError(f"{parquet} does not exist: rerun stage evaluate") from error
    if table.schema.names != RESULTS.names:
        raise InputError(f"{parquet} has columns {table.schema.names}, expected {RESULTS.names}: rerun stage evaluate")
    return in_schema(table.to_pandas())


def _rows(split: str, shots: int | None, groups: list[Judged]) -> list[dict[str, object]]:
    seeds = list(groups[0].figures)
    rows = []
    for metric in ("accuracy", "log_loss"):
        by_seed = {seed: [getattr(group.figures[seed], metric) for group in groups] for seed in seeds}
        for seed, values in by_seed.items():
            rows.append(_row(split, shots, metric, seed, combined(values), groups))
        means = [np.mean([by_seed[seed][number] for seed in seeds], axis=0) for number in range(len(groups))]
        rows.append(_row(split, shots, metric, ALL_SEEDS, combined(means), groups))
    return rows


def _row(
    split: str, shots: int | None, metric: str, seed: str, interval: Interval, groups: list[Judged]
) -> dict[str, object]:
    first = [next(iter(group.figures.values())) for group in groups]
    return {
        "split": split,
        "shots": shots,
        "metric": metric,
        "seed": seed,
        "value": interval.value,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "n_users": sum(int((figures.pairs > 0).sum()) for figures in first),
        "n_pairs": sum(int(figures.pairs.sum()) for figures in first),
    }
