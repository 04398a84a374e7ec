"""A pool with what rules read: a model's scores and their standard deviations, doubts, and other models' scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pandas as pd

from prefactor.errors import InputError
from prefactor.evaluation.scaling.correlations import centred
from prefactor.evaluation.scaling.pool import GOLD, KEYS, SEED, STD, Pool, read_pool, score_columns
from prefactor.parameters import nearest

NOISE, UNSURE, SEEDS = "noise", "std", "seeds"


@dataclass(frozen=True)
class Scored:
    """S sets of M candidates as one model scores them, with R training seeds.

    user, query  (S,) numbers
    candidate    (S, M) numbers
    gold         (S, M) gold utility
    mean         (R, S, M) the model's scores, each less the set's mean
    std          (R, S, M) their standard deviations; None where the table has none
    common       (R or 1, S, M) a global model's scores, less the set's mean; None where there is none
    others       (R or 1, S, M) mean over all other models but the global one of their standardised scores; None where
                 there are none
    doubts       (R or 1, S) by name, growing with doubt
    ranked       the same as shares, from 0 to 1, of the sets that doubts are held against that are less doubtful
    """

    user: np.ndarray
    query: np.ndarray
    candidate: np.ndarray
    gold: np.ndarray
    mean: np.ndarray
    std: np.ndarray | None
    common: np.ndarray | None
    others: np.ndarray | None
    doubts: Mapping[str, np.ndarray]
    ranked: Mapping[str, np.ndarray] = field(default_factory=dict)

    def held_against(self, doubts: Mapping[str, np.ndarray]) -> Self:
        """With ``ranked``, by other sets' doubts (B,) by name, sorted; without those that have no other sets'."""
        ranks = {name: doubt for name, doubt in self.doubts.items() if name in doubts}
        ranked = {name: np.searchsorted(doubts[name], doubt) / len(doubts[name]) for name, doubt in ranks.items()}
        return replace(self, ranked=ranked)


@dataclass(frozen=True)
class ScoredPool:
    """A pool, and the standard deviations of scores by model for each of its blocks (none for some models)."""

    pool: Pool
    stds: tuple[Mapping[str, np.ndarray], ...]

    @classmethod
    def read(cls, table: pd.DataFrame) -> Self:
        """A table as ``read_pool`` reads it; ``std:<score column>`` is that score's standard deviation within its set.

        InputError for a standard deviation that is negative, or of a score that is not there.
        """
        pool = read_pool(table)
        for name in (str(name) for name in table.columns if str(name).startswith(STD)):
            _check_std(table, name)
        scores = [name for names in score_columns(table).values() for name in names]
        names = [name for name in scores if STD + name in table]  # in the order of the scores' own seeds
        if not names:
            return cls(pool, tuple({} for _ in pool.blocks))
        own = table[[*KEYS, GOLD, *(STD + name for name in names)]].rename(columns={STD + name: name for name in names})
        stds = tuple(block.scores for block in read_pool(own).blocks)
        for model, std in stds[0].items():
            if std.shape != pool.blocks[0].scores[model].shape:
                raise InputError(f"columns {STD}{model}{SEED}...: not one for each seed of {model}; add those missing")
        return cls(pool, stds)

    def of(self, model: str, common: str | None = None) -> tuple[Scored, ...]:
        """What rules read of a model's scores, block by block; ``common`` names the global model."""
        for name in (model, *([] if common is None else [common])):
            if name not in self.pool.models:
                raise InputError(f"no scores of {name!r}{nearest(name, self.pool.models, 'models')}")
        return tuple(self._scored(number, model, common) for number in range(len(self.stds)))

    def _scored(self, number: int, model: str, common: str | None) -> Scored:
        block, std = self.pool.blocks[number], self.stds[number].get(model)
        mean = centred(block.scores[model])
        others = [
            _seed_by_seed(_standardised(score), len(mean))
            for name, score in block.scores.items()
            if name not in (model, common)
        ]
        shared = None if common in (None, model) else _seed_by_seed(centred(block.scores[common]), len(mean))
        return Scored(
            block.user,
            block.query,
            block.candidate,
            block.gold,
            mean,
            std,
            shared,
            np.mean(np.broadcast_arrays(*others), axis=0) if others else None,
            {**_doubts(mean, std), **_traits(self.pool, model, block.user)},
        )


def sorted_doubts(scored: tuple[Scored, ...]) -> dict[str, np.ndarray]:
    """(B,) by name: the doubts of all sets and seeds, for others to be held against."""
    names = set.intersection(*(set(part.doubts) for part in scored))
    return {name: np.sort(np.concatenate([part.doubts[name].ravel() for part in scored])) for name in sorted(names)}


def standardised_mean(scored: Scored) -> np.ndarray:
    """(R, S, M) the model's own scores with standard deviation 1 within each set."""
    return _standardised(scored.mean)


def _check_std(table: pd.DataFrame, name: str) -> None:
    if name.removeprefix(STD) not in table:
        raise InputError(f"column {name!r}: there is no score {name.removeprefix(STD)!r}; rename one, or leave it out")
    if (table[name] < 0).any():
        row = int(np.argmax(table[name].to_numpy() < 0)) + 1
        raise InputError(f"row {row}, column {name}: a standard deviation below 0")


def _standardised(score: np.ndarray) -> np.ndarray:
    """(R, S, M) with mean 0 and standard deviation 1 within each set; 0 where all candidates score the same."""
    less = centred(score)
    size = np.sqrt(np.square(less).mean(-1, keepdims=True))
    return np.divide(less, size, out=np.zeros(less.shape), where=size > 0)


def _seed_by_seed(score: np.ndarray, seeds: int) -> np.ndarray:
    """Another model's scores (R', S, M), seed by seed where there are as many seeds, else the mean of its seeds."""
    return score if len(score) == seeds else score.mean(0, keepdims=True)


def _doubts(mean: np.ndarray, std: np.ndarray | None) -> dict[str, np.ndarray]:
    """``noise``: the scores' variance over the variance between candidates; ``std``: their mean standard deviation;
    ``seeds``: the variance between training seeds over that between candidates."""
    found = {}
    between = np.square(mean).mean(-1)  # (R,S)
    if std is not None:
        found[NOISE], found[UNSURE] = _ratio(np.square(std).mean(-1), between), std.mean(-1)
    if len(mean) > 1:
        found[SEEDS] = _ratio(mean.var(0, ddof=1).mean(-1), between.mean(0))[None]  # (S,) -> (1,S)
    return found


def _ratio(noise: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Infinite where there is no signal at all."""
    return np.divide(noise, signal, out=np.full(signal.shape, np.inf), where=signal > 0)


def _traits(pool: Pool, model: str, user: np.ndarray) -> dict[str, np.ndarray]:
    """(1, S) of the users' traits ``<model>:<doubt>``."""
    start = f"{model}:"
    named = {name.removeprefix(start): trait for name, trait in pool.traits.items() if name.startswith(start)}
    return {name: trait[user][None] for name, trait in named.items() if not np.isnan(trait).any()}
