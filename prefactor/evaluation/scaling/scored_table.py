"""A table of candidates while models score it, one after the other: the columns are those that ``read_pool`` reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
import torch

from prefactor.cohorts import Cohort, StateView
from prefactor.errors import InputError
from prefactor.evaluation.scaling.pool import SEED, STD, TRAIT
from prefactor.evaluation.scaling.rating import Candidates, Rating, rate
from prefactor.evaluation.scaling.rules.scored import ScoredPool
from prefactor.evaluation.scaling.rules.search import COLUMNS, compare_rules
from prefactor.methods.base import RewardModel
from prefactor.preferences import Responses


@dataclass
class ScoredTable:
    """Candidates of some users of whom ``shots`` pairs are known, None for all, and scores, by column.

    pool  a row per candidate: columns user, query, candidate, gold
    rows  (T,) the different candidates' numbers among the split's texts; -1 for one that is in no pair
    """

    users: Cohort
    pool: pd.DataFrame
    candidates: Candidates
    rows: torch.Tensor
    shots: int | None
    scores: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, users: Cohort, pool: pd.DataFrame, text_ids: Sequence[str], shots: int | None = None) -> Self:
        """Without scores; ``text_ids`` are the split's."""
        candidates = Candidates.of(pool, users.user_ids)
        rows = pd.Index(text_ids).get_indexer(list(candidates.text_ids))
        return cls(users, pool, candidates, torch.from_numpy(rows), shots)

    def __len__(self) -> int:
        return len(self.pool)

    def told(self, shots: int) -> Self:
        """The same candidates of the same users, of whom fewer pairs are known; without scores."""
        return type(self)(self.users, self.pool, self.candidates, self.rows, shots)

    @property
    def whole(self) -> pd.DataFrame:
        """Everything, with how many pairs are known of each user."""
        known = self.users.known(self.shots).pairs_per_user().numpy()[self.candidates.user]
        return self.pool.assign(**{f"{TRAIT}known_pairs": known.astype(np.float32)}, **self.scores)

    def texts(self, views: Mapping[str, StateView]) -> Responses:
        """The candidates as models with these views read them. InputError for one that they cannot read."""
        unknown = int((self.rows < 0).sum())
        if not views and unknown:
            raise InputError(
                f"it knows texts from pairs alone, and {unknown} of {len(self.rows)} candidates are in no pair"
            )
        names = self.candidates.text_ids
        return Responses({name: torch.from_numpy(view.gather(names)) for name, view in views.items()}, self.rows)

    def score(self, name: str, models: Mapping[int, RewardModel], users: Cohort, texts: Responses) -> None:
        """Add what a method's models by training seed say of all ``texts``; ``users`` with what they read of pairs."""
        known = users.known(self.shots)
        self.fill(name, {seed: rate(model, known, texts, self.candidates) for seed, model in models.items()})

    def fill(self, name: str, ratings: Mapping[int, Rating]) -> None:
        """Add a model's scores by training seed, their standard deviations if it has any, and its doubt of users,
        which is its seeds' mean."""
        for doubt in next(iter(ratings.values())).doubts:
            mean = np.mean([rating.doubts[doubt].numpy() for rating in ratings.values()], axis=0)  # (U,)
            self.scores[f"{TRAIT}{name}:{doubt}"] = mean[self.candidates.user]
        certain = not any(rating.margin.variance.any() for rating in ratings.values())
        for seed, rating in ratings.items():
            column = f"{name}{SEED}{seed}"
            self.scores[column] = rating.margin.mean.numpy()
            if not certain:
                self.scores[f"{STD}{column}"] = rating.margin.variance.sqrt().numpy()


def compared_by_rules(
    validation: ScoredTable, unseen: ScoredTable, models: Sequence[str], common: str | None
) -> pd.DataFrame:
    """What rules gain on ``unseen`` users with the parameters that ``validation`` users choose, as ``compare_rules``
    has it; no rows without models, or without candidates to choose by."""
    if not models or not len(validation):
        return pd.DataFrame(columns=[*COLUMNS])
    choosing, judging = (ScoredPool.read(table.whole) for table in (validation, unseen))
    return compare_rules(choosing, judging, models, common)
