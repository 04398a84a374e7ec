"""Results as one long table: a row per figure, so that later work only adds rows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.atomic import atomic_file
from prefactor.errors import InputError
from prefactor.evaluation.accuracy import UserFigures
from prefactor.evaluation.calibration import (
    ERROR_NAMES,
    Forecast,
    calibration_errors,
    reliability_table,
    selective_pairs,
    selective_table,
    selective_users,
)
from prefactor.evaluation.intervals import Interval, of_columns
from prefactor.evaluation.items import (
    Condition,
    Outcomes,
    columns_of,
    count_items,
    interval_columns,
    outcomes_table,
)
from prefactor.evaluation.uncertainty import COMBINED, FITTED

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
        ("low_items", pa.float64()),  # 95 %, over users and what they share (prompts, items); null where not asked for
        ("high_items", pa.float64()),
        ("resampled", pa.string()),  # units of [ci_low, ci_high] and, after ';', of [low_items, high_items]
        ("n_users", pa.int64()),
        ("n_pairs", pa.int64()),
        ("n_items", pa.int64()),  # prompts or items that the pairs are about; null where not asked for
        ("run", pa.string()),  # content hash of the training that the figure judges
    ]
)
ALL_SEEDS = "all"
PER_USER = ("accuracy", "log_loss", "brier", "log_loss_plain", "brier_plain")  # of UserFigures
DOUBT = "uncertainty_"  # begins the columns of users' candidate uncertainties
KEY = ["dataset", "protocol", "backbone", "method", "variant", "setting", "split", "shots", "metric"]


@dataclass(frozen=True)
class Judged:
    """Per-user figures of one (split, shots) over S seeds: ``figures`` has one entry per seed, users in one order.

    ``forecasts`` are the probabilities behind them, by seed; none where a score has no scale. ``outcomes`` are single
    pairs, mean over seeds, with what each is about, by metric; none where that is not known. ``doubts`` are
    candidate uncertainties (U,) by seed and name, where they were asked for; ``further`` are metrics (U,) by seed and
    name that only some data has. ``known`` (U,) is the number of pairs that each user is known by.
    """

    split: str
    shots: int | None
    user_ids: tuple[str, ...]
    figures: Mapping[str, UserFigures]
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    outcomes: Mapping[str, Outcomes] = field(default_factory=dict)
    doubts: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    further: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    known: np.ndarray | None = None

    def by_user(self) -> dict[str, list[np.ndarray]]:
        """Every metric that is a mean over users: (U,) by seed."""
        found = {metric: [getattr(figures, metric) for figures in self.figures.values()] for metric in PER_USER}
        names = next(iter(self.further.values()), {})
        return found | {name: [values[name] for values in self.further.values()] for name in names}


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
    for name in ("shots", "n_users", "n_pairs", "n_items"):
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
                **{metric: getattr(figures, metric) for metric in PER_USER},
                "confidence": group.forecasts[seed].user_confidence() if group.forecasts else np.nan,
                "pairs": figures.pairs,
                "known": np.nan if group.known is None else group.known,
                **{f"{DOUBT}{name}": values for name, values in group.doubts.get(seed, {}).items()},
            }
        )
        for group in judged
        for seed, figures in group.figures.items()
    ]
    return pd.concat(frames, ignore_index=True)


def outcomes(judged: Iterable[Judged]) -> pd.DataFrame:
    """The single pairs behind every accuracy: see ``items.outcomes_table``."""
    found: dict[Condition, Outcomes] = {
        (group.split, group.shots): group.outcomes["accuracy"] for group in judged if group.outcomes
    }
    return outcomes_table(found)


def reliability(judged: Iterable[Judged]) -> pd.DataFrame:
    """Data of a reliability diagram for each (split, shots): see ``calibration.reliability_table``."""
    return _by_condition((group, reliability_table(group.forecasts)) for group in judged if len(group.user_ids))


def selective(judged: Iterable[Judged]) -> pd.DataFrame:
    """Accuracy against coverage for each (split, shots): see ``calibration.selective_table``.

    ``by`` says what is set aside first: ``pairs`` of least confidence, or ``users`` of least mean confidence in the
    pairs to predict, whose labels it does not need; ``combined`` and ``fitted`` are users of most uncertainty by those
    candidates (``evaluation.uncertainty``), where they were asked for: the first knows nothing of the pairs to predict.
    """
    return _by_condition((group, selective_table(_curves(group))) for group in judged if len(group.user_ids))


def _curves(group: Judged) -> Iterator[tuple[str, str, np.ndarray]]:
    for seed, forecast in group.forecasts.items():
        yield "pairs", seed, selective_pairs(forecast)
        accuracy = group.figures[seed].accuracy
        yield "users", seed, selective_users(accuracy, -forecast.user_confidence())
        doubts = group.doubts.get(seed, {})
        for name in (COMBINED, FITTED):
            if name in doubts:
                yield name, seed, selective_users(accuracy, doubts[name])


def _by_condition(tables: Iterable[tuple[Judged, pd.DataFrame]]) -> pd.DataFrame:
    """One table, with columns ``split`` and ``shots`` in front."""
    frames = []
    for group, table in tables:
        shots = pd.array([group.shots] * len(table), dtype="Int64")
        frames.append(pd.DataFrame({"split": group.split, "shots": shots}).join(table))
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
    """One (split, shots): every figure for each seed and for the mean over seeds."""
    seeds = [*groups[0].figures]
    names = [(metric, seed) for metric in groups[0].by_user() for seed in (*seeds, ALL_SEEDS)]
    found = [*zip(names, of_columns([_columns(group) for group in groups]), strict=True)]
    users = interval_columns([])
    shared = {(metric, ALL_SEEDS): interval_columns(_outcomes(metric, groups)) for metric in groups[0].by_user()}
    items = [group.outcomes["accuracy"] for group in groups if group.outcomes]
    for form, metric in ERROR_NAMES.items() if all(group.forecasts for group in groups) else ():
        forecasts = [[*group.forecasts.values()] for group in groups]
        alone, wider = calibration_errors(forecasts, form, items if len(items) == len(groups) else ())
        found += zip([(metric, seed) for seed in (*seeds, ALL_SEEDS)], alone, strict=True)
        if wider is not None:
            shared[metric, ALL_SEEDS] = columns_of(wider, items[0].kind, count_items(items))
    return [{**_row(split, shots, *name, interval, groups), **shared.get(name, users)} for name, interval in found]


def _outcomes(metric: str, groups: Iterable[Judged]) -> list[Outcomes | None]:
    """The single pairs of a metric, by group."""
    return [group.outcomes.get(metric) for group in groups]


def _columns(group: Judged) -> np.ndarray:
    """(U, M) figures of users: by metric, each seed and then their mean."""
    columns = []
    for by_seed in group.by_user().values():
        columns += [*by_seed, np.mean(by_seed, axis=0)]
    return np.stack(columns, 1)


def _row(
    split: str, shots: int | None, metric: str, seed: str, interval: Interval, groups: list[Judged]
) -> dict[str, object]:
    first = [next(iter(group.figures.values())) for group in groups]
    further = [values for group in groups for values in _further(group, metric)]
    counted = further or [np.where(figures.pairs > 0, 1.0, np.nan) for figures in first]
    return {
        "split": split,
        "shots": shots,
        "metric": metric,
        "seed": seed,
        **interval.columns(),
        "n_users": sum(int((~np.isnan(values)).sum()) for values in counted),
        "n_pairs": sum(int(figures.pairs.sum()) for figures in first),
    }


def _further(group: Judged, metric: str) -> list[np.ndarray]:
    """The first seed's (U,) of a metric that is not measured on evaluation pairs; none of the others."""
    found = next(iter(group.further.values()), {})
    return [found[metric]] if metric in found else []
