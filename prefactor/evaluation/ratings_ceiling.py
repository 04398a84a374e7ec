"""The oracle on rated items: how well a user's true ratings of some items predict their choices between others.

Collaborative filtering with nothing to read: the ratings of the J items are N(m, S) over users, learnt from all that
seen users rated; an unseen user's other ratings are their conditional mean given those that the oracle is told. It is
told a number of ratings where a method is told a number of pairs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from torch import Tensor

from prefactor.cohorts import Cohort, load_cohorts
from prefactor.errors import InputError
from prefactor.evaluation.accuracy import per_pair, per_user
from prefactor.evaluation.items import Outcomes
from prefactor.evaluation.results import Judged, in_schema, result_rows
from prefactor.methods.base import Margin
from prefactor.preferences import PairBatch
from prefactor.segments import places

TRUE_RATINGS = "true ratings"
STRENGTHS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)  # of the shrinkage, in users
ITERATIONS, TOLERANCE = 100, 1e-5  # of expectation maximisation; in units of the mean variance
USERS_AT_ONCE = 500  # bounds the (U, J, J) matrices in memory: 40 MB for a hundred items
ONE_FIT = "0"  # an oracle has no seed: closed forms, one fit


@dataclass(frozen=True)
class Ratings:
    """Who rated what: ``columns`` maps text_id -> j; ``by_user`` user_id -> (J,), NaN if unrated."""

    columns: Mapping[str, int]
    by_user: Mapping[str, np.ndarray]

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        """(N, 1) int64 columns by text id."""
        return np.array([[self.columns[text_id]] for text_id in text_ids], dtype=np.int64)

    def of(self, user_ids: Sequence[str]) -> Tensor:
        """(U, J) float64."""
        return torch.from_numpy(np.stack([self.by_user[user] for user in user_ids]).astype(np.float64))


@dataclass(frozen=True)
class Population:
    """Ratings over users, N(m, S): ``mean`` (J,), ``covariance`` (J, J), in the ratings' unit."""

    mean: Tensor
    covariance: Tensor

    def expected(self, rating: Tensor) -> Tensor:
        """E[x | what is known of it]: (U, J) with NaN for what is not known -> (U, J)."""
        return torch.cat([self._expected(part)[0] for part in rating.split(USERS_AT_ONCE)])

    def log_likelihood(self, rating: Tensor) -> float:
        """Of the ratings that are known, in nats, without the constant: (U, J) with NaN -> sum over users."""
        return sum(self._log_likelihood(part) for part in rating.split(USERS_AT_ONCE))

    def moments(self, rating: Tensor) -> tuple[Tensor, Tensor]:
        """What expectation maximisation sums: E[x] (J,), and E[(x - m)(x - m)'] (J, J), m the present mean."""
        first, second = torch.zeros_like(self.mean), torch.zeros_like(self.covariance)
        for part in rating.split(USERS_AT_ONCE):
            expected, explained = self._expected(part)
            away = expected - self.mean
            first += expected.sum(0)
            second += away.T @ away + len(part) * self.covariance - self.covariance @ explained @ self.covariance
        return first, second

    def _expected(self, rating: Tensor) -> tuple[Tensor, Tensor]:
        """m + S_.o S_oo^-1 (x - m)_o, o what is known of a user (U, J); and S_oo^-1, summed over users (J, J)."""
        given = self._given(rating)
        solved = torch.cholesky_solve(given.surprise.unsqueeze(-1), given.factor[given.pattern]).squeeze(-1)  # (U,m)
        weight = torch.zeros_like(rating).scatter(1, given.column[given.pattern], solved)
        expected = self.mean + weight @ self.covariance  # (U,J)@(J,J)
        return torch.where(rating.isnan(), expected, rating), given.total_inverse(len(self.mean))

    def _log_likelihood(self, rating: Tensor) -> float:
        given = self._given(rating)
        factor = given.factor[given.pattern]
        distance = torch.linalg.solve_triangular(factor, given.surprise.unsqueeze(-1), upper=False).square().sum()
        return float(-distance / 2 - factor.diagonal(dim1=-2, dim2=-1).log().sum())

    def _given(self, rating: Tensor) -> "_Given":
        patterns, pattern = (~rating.isnan()).unique(dim=0, return_inverse=True)
        most = int(patterns.sum(1).max())
        known, column = (part[:, :most] for part in patterns.sort(dim=1, descending=True, stable=True))  # (P,m)
        among = self.covariance[column[:, :, None], column[:, None, :]] * (known[:, :, None] & known[:, None, :])
        factor = torch.linalg.cholesky(among + torch.diag_embed((~known).to(among.dtype)))
        surprise = (rating - self.mean).gather(1, column[pattern])
        return _Given(pattern, column, known, factor, torch.where(known[pattern], surprise, 0.0))


@dataclass(frozen=True)
class _Given:
    """What is known of U users, by the P patterns of what it is about; the longest has m items, others are padded.

    ``pattern`` (U,); ``column`` (P, m) and ``known`` (P, m), False where padded; ``factor`` (P, m, m) of S_oo, whose
    padding is that of independent items; ``surprise`` (U, m) is (x - m)_o, 0 where padded.
    """

    pattern: Tensor
    column: Tensor
    known: Tensor
    factor: Tensor
    surprise: Tensor

    def total_inverse(self, items: int) -> Tensor:
        """(J, J) the sum over users of S_oo^-1, at o."""
        users = torch.bincount(self.pattern, minlength=len(self.column))
        share = torch.diag_embed(self.known.to(self.factor.dtype))
        inverse = share @ torch.cholesky_inverse(self.factor) @ share * users[:, None, None]  # (P,m,m)
        place = self.column[:, :, None].expand_as(inverse), self.column[:, None, :].expand_as(inverse)
        return inverse.new_zeros(items, items).index_put(place, inverse, accumulate=True)


def read_ratings(prepared: Path) -> Ratings:
    """The ratings of a prepared dataset whose source.json has ``items``."""
    items = json.loads((prepared / "source.json").read_text(encoding="utf-8"))["items"]
    users = pq.read_table(prepared / "users.parquet", columns=["user_id", "ratings"])
    rating = users["ratings"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    by_user = dict(zip(users["user_id"].to_pylist(), rating.reshape(len(users), len(items)), strict=True))
    return Ratings({text_id: column for column, text_id in enumerate(items)}, by_user)


def ratings_rows(ratings: Ratings, split: Path, identity: Mapping[str, str], shots: Sequence[int]) -> pd.DataFrame:
    """Accuracy on unseen users' evaluation pairs given the true ratings of their reference items.

    Column ``shots`` is the number of ratings; null is those of all reference items. There is no figure for seen users:
    the population is learnt from their ratings, those of their evaluation pairs among them.
    """
    cohorts = load_cohorts(split, {"item": ratings})
    population = choose(*(ratings.of(cohorts[role].user_ids) for role in ("seen", "validation")))
    unseen = cohorts["unseen"]
    if identity["protocol"].startswith("items"):
        _refuse_shared(unseen, len(ratings.columns))
    judged = [_judge(unseen, ratings, population, limit) for limit in (None, *shots)]
    rows = result_rows(judged, {**identity, "method": "oracle", "variant": TRUE_RATINGS, "setting": "", "run": ""})
    return in_schema(rows[rows["metric"] == "accuracy"])  # a rating is no logit, so no log loss


def choose(seen: Tensor, validation: Tensor) -> Population:
    """The population of seen users (U, J) whose shrinkage makes the ratings of validation users likeliest."""
    fits = [learn(seen, strength) for strength in STRENGTHS]
    return max(fits, key=lambda fit: fit.log_likelihood(validation))


def learn(rating: Tensor, strength: float) -> Population:
    """N(m, S) of ratings (U, J), NaN if unrated; S is drawn to its diagonal as by ``strength`` further users.

    Expectation maximisation over what is unrated; where everyone rated everything its first step is the answer.
    """
    population = _independent(rating)
    for _ in range(1 if not rating.isnan().any() else ITERATIONS):
        before = population
        population = _step(before, rating, strength)
        change = (population.covariance - before.covariance).abs().max()
        if change < TOLERANCE * population.covariance.diagonal().mean():
            break
    return population


def _step(population: Population, rating: Tensor, strength: float) -> Population:
    first, second = population.moments(rating)
    mean = first / len(rating)
    shift = mean - population.mean
    covariance = second / len(rating) - torch.outer(shift, shift)
    share = len(rating) / (len(rating) + strength)
    return Population(mean, share * covariance + (1 - share) * torch.diag(covariance.diagonal()))


def _independent(rating: Tensor) -> Population:
    """Every item by itself: where expectation maximisation starts. An item that nobody rated is like all others."""
    count = (~rating.isnan()).sum(0)
    mean = torch.where(count > 0, rating.nansum(0) / count.clamp(min=1), rating.nanmean())
    square = (rating - mean).square()
    variance = torch.where(count > 1, square.nansum(0) / count.clamp(min=1), square.nanmean())
    return Population(mean, torch.diag(variance))


def _judge(cohort: Cohort, ratings: Ratings, population: Population, limit: int | None) -> Judged:
    """One condition: the true ratings of the first ``limit`` items of each user's reference pairs are known."""
    rating, pairs = ratings.of(cohort.user_ids), cohort.to_predict("evaluation")
    user, column = first_items(cohort.known(), len(ratings.columns), limit)
    told = torch.full_like(rating, torch.nan)
    told[user, column] = rating[user, column]
    expected = population.expected(told)
    chosen, rejected = _columns(pairs)
    mean = expected[pairs.segment, chosen] - expected[pairs.segment, rejected]  # (N,)
    margin = Margin(mean, torch.zeros_like(mean))
    outcomes = Outcomes.by_metric(cohort, [per_pair(margin)], "items")
    return Judged(cohort.role, limit, cohort.user_ids, {ONE_FIT: per_user(margin, pairs)}, outcomes=outcomes)


def first_items(known: PairBatch, items: int, limit: int | None) -> tuple[Tensor, Tensor]:
    """User (M,) and column (M,) of each user's first ``limit`` distinct items; pairs lie in the order of their rank.

    Of a pair's two items the one of the lower column comes first, so that the order does not tell which was chosen.
    """
    column = torch.stack(_columns(known), 1).sort(1).values.flatten()  # (2N,)
    user = known.segment.repeat_interleave(2)
    _, first = np.unique((user * items + column).numpy(), return_index=True)
    rows = torch.from_numpy(np.sort(first))
    user, column = user[rows], column[rows]
    if limit is None:
        return user, column
    early = places(user, known.n_users)[0] < limit
    return user[early], column[early]


def _columns(pairs: PairBatch) -> tuple[Tensor, Tensor]:
    """(N,) columns of the chosen and of the rejected items."""
    item = pairs.responses.views["item"][:, 0]
    return item[pairs.chosen], item[pairs.rejected]


def _refuse_shared(cohort: Cohort, items: int) -> None:
    """Under the rules that keep items apart, a rating that is told must not be one that is asked for."""
    told, asked = (
        {*zip(*(part.tolist() for part in first_items(pairs, items, None)), strict=True)}
        for pairs in (cohort.known(), cohort.to_predict("evaluation"))
    )
    if told & asked:
        user, column = min(told & asked)
        raise InputError(
            f"user {cohort.user_ids[user]} has item {column} in reference and in evaluation pairs, which the split's "
            "rule forbids: rerun stage split"
        )
