"""Is there a personal signal at all? A permutation test, before any method is asked to find it.

Every user's pairs are divided into two sides. A small personal model, the population's reward plus a deviation of the
user's own with a Gaussian prior, is fitted on one side and scored on the other, both ways; its gain over the
population's reward alone is the statistic. Then pairs are dealt out to users at random and everything is fitted again:
what the gain is when users are nobody in particular. Groups of pairs stay whole, users keep their numbers of pairs, and
no pair changes sides, so the population's reward is the same in every deal.

The gain is that of log loss: of one score of a pair's margin, accuracy keeps the sign, and needs several times the
pairs to tell a small gain from none. What the test shows is that a user's pairs say more of the same user's other pairs
than strangers' pairs do. Whether that is taste, or what the user was asked, it cannot tell. Evaluation pairs are not
read.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.cohorts import StateView
from prefactor.errors import InputError
from prefactor.evaluation.accuracy import correct
from prefactor.methods.basis import Standardise
from prefactor.methods.logistic import Observed, Padded, fit_weights
from prefactor.preferences import content_id
from prefactor.seeds import mixed_seed

COMMON_PRECISION = 1.0  # prior of the common reward's weights: weak beside thousands of pairs
RELIABILITIES = (0.5, 0.8)
POWER, LEVEL = 0.842, 1.645  # normal quantiles: 80 % power of a one-sided test at 5 %


@dataclass(frozen=True)
class SignalParameters:
    """How the test is done.

    components     principal components of the state differences that a personal deviation may use
    scales         standard deviations of the personal margin before any pair, in logits; the best counts, in every deal
    permutations   random deals
    users          at most so many users, drawn at random
    seed           of the draw, the sides and the deals
    """

    components: int = 32
    scales: tuple[float, ...] = (0.3, 1.0, 3.0)
    permutations: int = 200
    users: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("components", "permutations", "users"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.scales or min(self.scales) <= 0:
            raise ValueError(f"scales must be positive and at least one, got {list(self.scales)}")


@dataclass(frozen=True)
class SidedPairs:
    """N pairs of U users on two sides: ``difference`` (N, D), ``user``, ``side`` (0 or 1) and ``unit`` (N,).

    A unit is what must stay together: the pairs of one user's group on one side.
    """

    difference: Tensor
    user: Tensor
    side: Tensor
    unit: Tensor
    users: int


@dataclass(frozen=True)
class Fit:
    """What the personal model gains per user: log loss (S, U) in nats, accuracy (S, U), for each of S scales.

    ``reliability`` (S,) is the correlation of the two sides' personal margins, over users and pairs.
    """

    log_loss: Tensor
    accuracy: Tensor
    reliability: Tensor

    @property
    def best(self) -> int:
        """The scale that gains most log loss."""
        return int(self.log_loss.nanmean(1).argmax())


def personal_signal(pairs: SidedPairs, parameters: SignalParameters) -> tuple[dict[str, Any], pd.DataFrame]:
    """The test's findings as JSON, and the null distribution: a row per deal (log_loss, accuracy, reliability)."""
    generator = np.random.default_rng(mixed_seed(parameters.seed, "signal", "deals"))
    common = common_reward(pairs)
    observed = fit(pairs, common, parameters.scales)
    deals = [fit(dealt(pairs, generator), common, parameters.scales) for _ in range(parameters.permutations)]
    null = pd.DataFrame([_figures(deal) for deal in deals])
    return {**_findings(pairs, observed, null), "scale": parameters.scales[observed.best]}, null


def read_sides(split: Path, states: StateView, parameters: SignalParameters) -> tuple[SidedPairs, dict[str, Any]]:
    """Pairs of all parts but evaluation, on two sides, and how they were divided."""
    table = pq.read_table(split / "pairs.parquet", filters=[("part", "!=", "evaluation")]).to_pandas()
    everyone = np.sort(table["user_id"].unique())
    generator = np.random.default_rng(mixed_seed(parameters.seed, "signal", "users"))
    drawn = generator.permutation(everyone)[: parameters.users]
    table = table[table["user_id"].isin(drawn)].sort_values("pair_id", ignore_index=True)
    table["side"], rule = _sides(table, parameters.seed)
    kept = table[table["side"] >= 0]
    kept = kept[kept.groupby("user_id")["side"].transform("nunique") == 2].reset_index(drop=True)
    if not len(kept):
        raise InputError(
            f"{split}: no user has pairs on two sides to test a personal signal with: give users more pairs"
        )
    user, names = pd.factorize(kept["user_id"], sort=True)
    unit = kept.groupby(["user_id", "group_id", "side"]).ngroup()
    user, side, unit = (torch.from_numpy(np.array(column, np.int64)) for column in (user, kept["side"], unit))
    facts = {"divided_by": rule, "pairs_left_out": len(table) - len(kept), "users_left_out": len(drawn) - len(names)}
    difference = principal_differences(kept, states, parameters.components)
    return SidedPairs(difference, user, side, unit, len(names)), facts


def _sides(table: pd.DataFrame, seed: int) -> tuple[np.ndarray, str]:
    """Each pair's side, 0 or 1, by a hash; -1 for a pair that lies across.

    Sides share no group of a user. Where texts come back in a user's other groups, as jokes do, they share no text of
    the user either: what is odd about one rating would else look like taste. Pairs across the sides are then left out.
    """
    texts = pd.concat(
        [
            table[["user_id", "group_id", name]].set_axis(["user", "group", "text"], axis=1)
            for name in ("chosen", "rejected")
        ]
    )
    if (texts.groupby(["user", "text"])["group"].nunique() > 1).any():
        first, second = (_coin(table["user_id"], table[name], seed) for name in ("chosen", "rejected"))
        return np.where(first == second, first, -1), "texts"
    return _coin(table["user_id"], table["group_id"], seed), "groups"


def _coin(users: pd.Series, names: pd.Series, seed: int) -> np.ndarray:
    """A fair coin for each (user, name): 0 or 1, the same whatever other rows there are."""
    return np.array([int(content_id(str(seed), *row), 16) & 1 for row in zip(users, names, strict=True)])


def principal_differences(pairs: pd.DataFrame, states: StateView, components: int) -> Tensor:
    """(N, D) differences of standardised states on their D leading principal axes, each scaled to mean square 1."""
    texts, rows = np.unique(pairs[["chosen", "rejected"]].to_numpy(str), return_inverse=True)
    hidden = torch.from_numpy(states.gather([*texts])).float()
    scaler = Standardise(hidden.shape[1])
    scaler.fit(hidden)
    chosen, rejected = torch.from_numpy(rows.reshape(-1, 2)).T
    scaled = scaler(hidden)
    difference = scaled[chosen] - scaled[rejected]  # (N,H)
    spread, axes = torch.linalg.eigh(difference.T.double() @ difference.double() / len(difference))  # (H,H)
    kept = (spread > spread[-1] * 1e-6).nonzero().flatten()[-components:]
    return difference @ (axes[:, kept] / spread[kept].sqrt()).float()  # (N,H)@(H,D)


def common_reward(pairs: SidedPairs) -> Tensor:
    """(2, D) weights of the reward that all users share, fitted on each side."""
    width = pairs.difference.shape[1]
    offset = torch.zeros(len(pairs.side))
    seen = Observed(pairs.difference, offset, pairs.side, 2)
    return fit_weights(seen, torch.zeros(2, width), COMMON_PRECISION * torch.eye(width)).mean


def dealt(pairs: SidedPairs, generator: np.random.Generator) -> SidedPairs:
    """The same pairs dealt out to users at random: each user keeps their number of units of each size on each side."""
    _, first, size = np.unique(pairs.unit.numpy(), return_index=True, return_counts=True)
    owner, side = pairs.user.numpy()[first], pairs.side.numpy()[first]  # (units,)
    alike = np.lexsort((np.arange(len(size)), size, side))
    shuffled = np.lexsort((generator.random(len(size)), size, side))
    new = np.empty_like(owner)
    new[alike] = owner[shuffled]
    return SidedPairs(pairs.difference, torch.from_numpy(new)[pairs.unit], pairs.side, pairs.unit, pairs.users)


def fit(pairs: SidedPairs, common: Tensor, scales: tuple[float, ...]) -> Fit:
    """Fit every user on each side, score them on the other.

    On each side the common reward's margin is the offset of the same side's weights: no fit has seen the other side.
    """
    across = 1 - pairs.side
    own = (pairs.difference * common[pairs.side]).sum(-1)  # (N,) logit
    offset = (pairs.difference * common[across]).sum(-1)
    observed = Observed(pairs.difference, own, pairs.user + pairs.users * pairs.side, 2 * pairs.users)
    figures = []
    for weights in deviations(observed, scales):  # (2U,D)
        personal = (pairs.difference * weights[pairs.user + pairs.users * across]).sum(-1)  # (N,) from the other side
        gain = F.logsigmoid(offset + personal) - F.logsigmoid(offset)
        right = correct(offset + personal) - correct(offset)
        figures.append((_by_user(gain, pairs), _by_user(right, pairs), _agreement(*weights.chunk(2))))
    return Fit(*(torch.stack(column) for column in zip(*figures, strict=True)))


def deviations(observed: Observed, scales: tuple[float, ...]) -> Iterator[Tensor]:
    """(U, D) weights of every user's deviation from the offset, for each standard deviation of the margin's prior.

    The prior is N(0, scale^2 / D I): differences have mean square 1 in each of D dimensions. One Newton step from no
    deviation at all, which the likelihood's curvature and slope there decide: hundreds of fits have to be cheap.
    """
    pairs = Padded.of(observed)
    chance = torch.sigmoid(pairs.offset)
    weighted = pairs.difference * (chance * (1 - chance) * pairs.real).unsqueeze(-1)
    curvature = pairs.difference.mT @ weighted  # (U,D,n)@(U,n,D) -> (U,D,D)
    slope = pairs.difference.mT @ ((1 - chance) * pairs.real).unsqueeze(-1)  # (U,D,n)@(U,n,1) -> (U,D,1)
    width = pairs.difference.shape[-1]
    for scale in scales:
        factor = torch.linalg.cholesky(curvature + width / scale**2 * torch.eye(width))
        yield torch.cholesky_solve(slope, factor).squeeze(-1)


def _by_user(values: Tensor, pairs: SidedPairs) -> Tensor:
    """(N,) -> (U,) means over a user's pairs, both sides."""
    total = torch.zeros(pairs.users, dtype=torch.float64).index_add_(0, pairs.user, values.double())
    return total / torch.bincount(pairs.user, minlength=pairs.users)


def _agreement(first: Tensor, second: Tensor) -> Tensor:
    """Correlation of the margins by two sets of weights (U, D), over users and pairs whose differences are white."""
    size = (first.square().sum() * second.square().sum()).sqrt()
    return (first * second).sum() / size.clamp(min=1e-12)


def _figures(found: Fit) -> dict[str, float]:
    return {
        "log_loss": float(found.log_loss[found.best].mean()),
        "accuracy": float(found.accuracy[found.best].mean()),
        "reliability": float(found.reliability[found.best]),
    }


def _findings(pairs: SidedPairs, observed: Fit, null: pd.DataFrame) -> dict[str, Any]:
    gain = _figures(observed)
    per_user = len(pairs.user) / pairs.users
    effect = gain["log_loss"] - float(null["log_loss"].mean())
    error = float(observed.log_loss[observed.best].std()) / math.sqrt(pairs.users)
    half = max(gain["reliability"] - float(null["reliability"].mean()), 0.0)
    whole = spearman_brown(half, 2)
    return {
        "users": pairs.users,
        "pairs": len(pairs.user),
        "pairs_per_user": per_user,
        "components": pairs.difference.shape[1],
        "permutations": len(null),
        "gain": {name: gain[name] for name in ("log_loss", "accuracy")},
        "standard_error": error,
        "null": {name: _summary(null[name]) for name in null},
        "p_value": p_value(gain["log_loss"], null["log_loss"]),
        "p_value_accuracy": p_value(gain["accuracy"], null["accuracy"]),
        "reliability": {"half": gain["reliability"], "whole": whole, "chance": float(null["reliability"].mean())},
        "pairs_for_reliability": {str(goal): pairs_needed(whole, per_user, goal) for goal in RELIABILITIES},
        "users_for_power": users_needed(pairs.users, effect, float(null["log_loss"].std(ddof=0)), error),
    }


def _summary(values: pd.Series) -> dict[str, float]:
    low, high = values.quantile([0.025, 0.975])
    return {"mean": float(values.mean()), "std": float(values.std(ddof=0)), "low": float(low), "high": float(high)}


def p_value(observed: float, null: pd.Series) -> float:
    """(1 + number of deals that reach the observed value) / (1 + number of deals)."""
    return float((1 + (null >= observed).sum()) / (1 + len(null)))


def spearman_brown(reliability: float, times: float) -> float:
    """Reliability with ``times`` as many pairs (Spearman 1910, Brown 1910)."""
    return times * reliability / (1 + (times - 1) * reliability)


def pairs_needed(reliability: float, pairs: float, goal: float) -> float | None:
    """Pairs per user for reliability ``goal``, by Spearman and Brown, given that of ``pairs``; None if it has none."""
    return pairs * goal * (1 - reliability) / (reliability * (1 - goal)) if 0 < reliability < 1 else None


def users_needed(users: int, effect: float, chance: float, error: float) -> float | None:
    """Users for 80 % power at 5 %, one-sided; None without an effect.

    ``chance`` and ``error`` are the statistic's standard deviations with ``users`` users, under the null and as
    observed; both shrink with the root of the number of users.
    """
    return users * ((LEVEL * chance + POWER * error) / effect) ** 2 if effect > 0 else None


def headline(findings: Mapping[str, Any]) -> str:
    """The finding in one line."""
    gain, null = findings["gain"], findings["null"]["log_loss"]
    return (
        f"personal signal on {findings['dataset']}/{findings['backbone']}: p = {findings['p_value']:.3g}; gain over "
        f"the common reward {gain['log_loss']:+.4f} nats and {100 * gain['accuracy']:+.1f} points a pair, by chance "
        f"{null['mean']:+.4f} [{null['low']:+.4f}, {null['high']:+.4f}]; reliability of a user's weights "
        f"{findings['reliability']['whole']:.2f} from {findings['pairs_per_user']:.0f} pairs"
    )
