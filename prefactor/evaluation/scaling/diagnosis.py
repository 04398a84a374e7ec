"""The diagnosis of Best-of-N: curves, four quantities, laws and failures of every model, from scored candidates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from prefactor.atomic import write_json
from prefactor.errors import InputError
from prefactor.evaluation.intervals import RESAMPLES
from prefactor.evaluation.items import USERS
from prefactor.evaluation.scaling.best import SIZES, sizes_of
from prefactor.evaluation.scaling.correlations import pearson
from prefactor.evaluation.scaling.folds import fold_numbers, folds_by_query
from prefactor.evaluation.scaling.kappa import kappa
from prefactor.evaluation.scaling.means import Means, model_means
from prefactor.evaluation.scaling.model_figures import Figures, Key, Values, minus, model_figures, oracle_figures
from prefactor.evaluation.scaling.pool import Pool
from prefactor.evaluation.scaling.replicates import Weighings
from prefactor.evaluation.scaling.set_table import Frame, SetTable, Sums, group_sizes, noise_edges, without_queries
from prefactor.evaluation.scaling.spread import shape
from prefactor.reading import read_object

ORACLE, RANDOM = "oracle", "random"
MOST_ITEMS = 100  # of more, random blocks are left out
BINS = np.arange(-1.0, 1.0, 0.1).round(1)
FILES = ("figures", "users", "correlations")


@dataclass(frozen=True)
class Diagnosis:
    """What was found, as tables.

    figures       a row per figure: ``model`` (a score's, ORACLE, RANDOM, or none), ``metric``, ``law``, ``n``,
                  ``value``, its 95 % intervals over users and over users and what they share, and how many those are
    users         a row per model and user
    correlations  a row per model and bin of BINS: how many sets have a correlation in it, mean over training seeds
    about         of what it was made
    """

    figures: pd.DataFrame
    users: pd.DataFrame
    correlations: pd.DataFrame
    about: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        """A parquet file per table, and about.json, into a folder that is there."""
        for name in FILES:
            getattr(self, name).to_parquet(folder / f"{name}.parquet", compression="zstd", index=False)
        write_json(folder / "about.json", dict(self.about))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What ``write`` left. InputError for a missing file."""
        try:
            tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in FILES}
        except FileNotFoundError as error:
            raise InputError(f"{folder} holds no diagnosis ({error}): run the diagnosis again") from error
        return cls(**tables, about=read_object(folder / "about.json", "run the diagnosis again"))


def diagnose(pool: Pool, against: Mapping[str, str] | None = None, sizes: Sequence[int] = SIZES) -> Diagnosis:
    """Everything about every model of a pool; ``against`` names pairs of models that are compared, user by user.

    All sets are computed at once, and no candidate is drawn: curves are exact. Intervals are over users, resampled, and
    where users share queries or candidates also over those, each left out in turn.
    """
    study = _Study.of(pool, sizes_of(pool.least, sizes))
    oracle = study.means("", 1)
    found: dict[str, Figures] = {ORACLE: oracle_figures(oracle, study.sizes, study.weighings)}
    users, correlations = [], []
    for model in pool.models:
        means = study.means(model, len(pool.blocks[0].scores[model]))
        found[model] = model_figures(means, oracle, study.sizes, study.candidates, study.weighings)
        users.append(_users(model, means, pool))
        correlations.append(_histogram(model, pool))
    for mine, other in (against or {}).items():
        if mine in found and other in found:
            found[mine] |= minus(found[mine], found[other], other)
    rows = [row for model, figures in found.items() for row in study.rows(model, figures)]
    table = pd.DataFrame([*rows, *_known_rows(pool, study.sizes)])
    table["n"] = table["n"].astype("Int64")
    return Diagnosis(table, pd.concat(users), pd.concat(correlations), study.about())


@dataclass(frozen=True)
class _Study:
    """A pool, prepared: what is left out of it for the wider interval, and how its users are weighed."""

    frame: Frame
    sizes: tuple[int, ...]
    shared: str
    items: np.ndarray
    without: tuple[Frame, ...]
    weighings: Weighings
    candidates: np.ndarray

    @classmethod
    def of(cls, pool: Pool, sizes: tuple[int, ...]) -> "_Study":
        folds, edges, shared = fold_numbers(pool), noise_edges(pool), shared_by_users(pool)
        names = {"queries": pool.query_ids, "candidates": pool.candidate_ids, "": ()}[shared]
        items = _blocks(len(names))
        count = int(items.max(initial=-1)) + 1
        without: tuple[Frame, ...] = ()
        if shared == "candidates":
            parts = (pool.without_candidates(np.flatnonzero(items == number)) for number in range(count))
            without = tuple(Frame.of(part, folds, edges) for part in parts)
        weighings = Weighings(len(pool.user_ids), RESAMPLES, count)
        return cls(Frame.of(pool, folds, edges), sizes, shared, items, without, weighings, group_sizes(pool, edges))

    def means(self, model: str, seeds: int) -> Means:
        """Of one model; "" is gold's own choice."""
        return model_means(self.frame, model, seeds, self.sizes, self.weighings, self._left_out)

    def _left_out(self, model: str, seed: int, table: SetTable) -> Iterator[Sums]:
        if self.shared == "queries":
            yield from without_queries(self.frame, table, self.items, self.weighings.items)
        for frame in self.without:
            yield frame.sums(frame.table(model, seed, self.sizes))

    def rows(self, model: str, figures: Mapping[Key, Values]) -> Iterator[dict[str, object]]:
        """The table's rows of one model."""
        pool = self.frame.pool
        counts = {
            "n_users": len(pool.user_ids),
            "n_queries": len(pool.query_ids),
            "n_items": self.weighings.items or None,
        }
        resampled = f"{USERS}; {USERS} and {self.shared}" if self.shared else USERS
        for key, found in figures.items():
            own, wider = found.weighings.intervals(found.values)
            ends = {"low_items": wider.low, "high_items": wider.high, "resampled": resampled}
            yield {"model": model, "metric": key.metric, "law": key.law, "n": key.n, **own.columns(), **ends, **counts}

    def about(self) -> dict[str, Any]:
        """What the diagnosis was made of."""
        pool = self.frame.pool
        size = [block.gold.shape[1] for block in pool.blocks]
        return {
            "users": len(pool.user_ids),
            "queries": len(pool.query_ids),
            "sets": pool.sets,
            "candidates": {"least": min(size), "most": max(size)},
            "seeds": {model: len(score) for model, score in pool.blocks[0].scores.items()},
            "shared": self.shared,
            "halves": "queries" if folds_by_query(pool) else "users",
            "sizes": list(self.sizes),
        }


def shared_by_users(pool: Pool) -> str:
    """What users have in common: ``queries``, else ``candidates``, or nothing."""
    query = np.concatenate([block.query for block in pool.blocks])
    if len(query) > len(np.unique(query)) > 1:
        return "queries"
    users = np.concatenate([np.repeat(block.user, block.gold.shape[1]) for block in pool.blocks])
    candidate = np.concatenate([block.candidate.ravel() for block in pool.blocks])
    different = len(np.unique(users * len(pool.candidate_ids) + candidate))
    return "candidates" if different > len(np.unique(candidate)) else ""


def _blocks(count: int) -> np.ndarray:
    """(count,) each item's own number, or that of its block where they are many."""
    if count <= MOST_ITEMS:
        return np.arange(count)
    return np.random.default_rng(0).permutation(count) % MOST_ITEMS


def _users(model: str, means: Means, pool: Pool) -> pd.DataFrame:
    """What each user is to a model, mean over training seeds; NaN where gold tells nothing apart."""
    seen = means.of_users("all:seen")[:, 0] > 0
    columns = {
        "correlation": means.of_users("all:rho")[:, 0],
        "rank_correlation": means.of_users("all:rank")[:, 0],
        "collapsed": means.of_users("all:collapsed")[:, 0],
    }
    columns = {name: np.where(seen, values, np.nan) for name, values in columns.items()}
    sets = np.bincount(np.concatenate([block.user for block in pool.blocks]), minlength=len(pool.user_ids))
    columns |= {"gold_spread": means.of_users("all:spread")[:, 0], "gain": means.of_users("all:gain")[:, -1]}
    return pd.DataFrame({"model": model, "user": pool.user_ids, **columns, "queries": sets})


def _histogram(model: str, pool: Pool) -> pd.DataFrame:
    seeds = len(pool.blocks[0].scores[model])
    rho = np.concatenate([pearson(block.scores[model], block.gold[None]).ravel() for block in pool.blocks])
    place = ((rho[~np.isnan(rho)] + 1) / 0.1).astype(int).clip(0, len(BINS) - 1)
    return pd.DataFrame({"model": model, "bin": BINS, "count": np.bincount(place, minlength=len(BINS)) / seeds})


def _known_rows(pool: Pool, sizes: Sequence[int]) -> list[dict[str, object]]:
    """What needs no interval: a random choice's gain, the normal kappa, and the shape of gold within sets."""
    found: list[dict[str, object]] = []
    for size, value in zip(sizes, kappa(sizes), strict=True):
        found.append({"model": RANDOM, "metric": "gain", "law": "", "n": size, "value": 0.0})
        found.append({"model": "", "metric": "kappa_normal", "law": "", "n": size, "value": float(value)})
    shapes = [shape(block.gold) for block in pool.blocks]
    for place, metric in enumerate(("skewness", "excess_kurtosis")):
        values = np.concatenate([each[place] for each in shapes])
        mean = float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
        found.append({"model": ORACLE, "metric": metric, "law": "", "n": None, "value": mean})
    return found
