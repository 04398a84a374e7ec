"""Is there a personal signal at all? A permutation test, before any method is asked to find it.

Every user's pairs are divided into two sides. A small personal model (``evaluation.tastes``), one linear reward for all
plus a deviation of the user's own, whose prior is learnt from other users, is fitted on one side and scored on the
other, both ways; its gain over the common reward alone is the statistic. Then pairs are dealt out to users at random
and everything is fitted again, the prior too: what the gain is when users are nobody in particular. Groups of pairs
stay whole, users keep their numbers of pairs, and no pair changes sides: the common reward is the same in every deal.

The gain is that of log loss: of one score of a pair's margin, accuracy keeps the sign, and needs several times the
pairs to tell a small gain from none. What the test shows is that a user's pairs say more of the same user's other pairs
than strangers' pairs do. Whether that is taste, or what the user was asked, it cannot tell. Evaluation pairs are not
read. It is a gain over a linear reward on these components from half of a user's pairs, and of a model that is linear
as well: what a trained method gains over its BT may be more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from torch import Tensor

from prefactor.cohorts import StateView
from prefactor.errors import InputError
from prefactor.evaluation.tastes import Fit, SidedPairs, fit, prepare
from prefactor.methods.basis import Standardise
from prefactor.preferences import content_id
from prefactor.seeds import mixed_seed

PAIRS_PER_COMPONENT = 64  # at least: among few pairs, directions in which texts differ little are noise
RELIABILITIES = (0.5, 0.8)
COMMON = "one linear reward for all (a linear BT)"  # in words: it is not the trained BT that gains are over
POWER, LEVEL = 0.842, 1.645  # normal quantiles: 80 % power of a one-sided test at 5 %


@dataclass(frozen=True)
class SignalParameters:
    """How the test is done.

    components     principal components of the state differences, at most; fewer where pairs are few
    scales         of the learnt prior's standard deviations; the one that gains most counts, in every deal
    permutations   random deals
    users          at most so many users, drawn at random
    seed           of the draw, the sides and the deals
    """

    components: int = 128
    scales: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0)
    permutations: int = 200
    users: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("components", "permutations", "users"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.scales or min(self.scales) <= 0:
            raise ValueError(f"scales must be positive and at least one, got {list(self.scales)}")


def personal_signal(pairs: SidedPairs, parameters: SignalParameters) -> tuple[dict[str, Any], pd.DataFrame]:
    """The test's findings as JSON, and the null distribution: a row per deal (log_loss, accuracy, reliability)."""
    generator = np.random.default_rng(mixed_seed(parameters.seed, "signal", "deals"))
    known = prepare(pairs)
    observed = fit(pairs, known, parameters.scales)
    deals = (fit(dealt(pairs, generator), known, parameters.scales) for _ in range(parameters.permutations))
    null = pd.DataFrame([_figures(deal) for deal in deals])
    return {**_findings(pairs, observed, null), "scale": observed.scale}, null


def read_sides(split: Path, states: StateView, parameters: SignalParameters) -> tuple[SidedPairs, dict[str, Any]]:
    """Pairs of all parts but evaluation, on two sides, and how they were divided."""
    table = pq.read_table(split / "pairs.parquet", filters=[("part", "!=", "evaluation")]).to_pandas()
    everyone = np.sort(table["user_id"].unique())
    generator = np.random.default_rng(mixed_seed(parameters.seed, "signal", "users"))
    drawn = generator.permutation(everyone)[: parameters.users]
    table = table[table["user_id"].isin(drawn)].sort_values("pair_id", ignore_index=True)
    table["side"], rule = _sides(table, parameters.seed)
    scored = table["side"].where(table["side"] >= 0)  # across the sides: not scored
    kept = table[scored.groupby(table["user_id"]).transform("nunique") == 2].reset_index(drop=True)
    if not len(kept):
        raise InputError(
            f"{split}: no user has pairs on two sides to test a personal signal with: give users more pairs"
        )
    user, names = pd.factorize(kept["user_id"], sort=True)
    unit = kept.groupby(["user_id", "group_id", "side"]).ngroup()
    user, side, unit = (torch.from_numpy(np.array(column, np.int64)) for column in (user, kept["side"], unit))
    left_out = len(table) - int((side >= 0).sum())
    facts = {"divided_by": rule, "pairs_left_out": left_out, "users_left_out": len(drawn) - len(names)}
    components = min(parameters.components, max(len(kept) // PAIRS_PER_COMPONENT, 1))
    difference = principal_differences(kept, states, components)
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


def dealt(pairs: SidedPairs, generator: np.random.Generator) -> SidedPairs:
    """The same pairs dealt out to users at random: each user keeps their number of units of each size on each side."""
    _, first, size = np.unique(pairs.unit.numpy(), return_index=True, return_counts=True)
    owner, side = pairs.user.numpy()[first], pairs.side.numpy()[first]  # (units,)
    alike = np.lexsort((np.arange(len(size)), size, side))
    shuffled = np.lexsort((generator.random(len(size)), size, side))
    new = np.empty_like(owner)
    new[alike] = owner[shuffled]
    return SidedPairs(pairs.difference, torch.from_numpy(new)[pairs.unit], pairs.side, pairs.unit, pairs.users)


def _figures(found: Fit) -> dict[str, float]:
    return {
        "log_loss": float(found.log_loss.mean()),
        "accuracy": float(found.accuracy.mean()),
        "reliability": found.reliability,
    }


def _findings(pairs: SidedPairs, observed: Fit, null: pd.DataFrame) -> dict[str, Any]:
    gain = _figures(observed)
    scored = int(pairs.scored.sum())
    per_user = scored / pairs.users
    effect = gain["log_loss"] - float(null["log_loss"].mean())
    error = float(observed.log_loss.std()) / math.sqrt(pairs.users)
    half = max(gain["reliability"] - float(null["reliability"].mean()), 0.0)
    whole = spearman_brown(half, 2)
    return {
        "users": pairs.users,
        "pairs": scored,
        "pairs_per_user": per_user,
        "components": pairs.difference.shape[1],
        "permutations": len(null),
        "gain": {name: gain[name] for name in ("log_loss", "accuracy")},
        "gain_of_all": {name: gain[name] * whole / half if half else None for name in ("log_loss", "accuracy")},
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
        f"{COMMON} {gain['log_loss']:+.4f} nats and {100 * gain['accuracy']:+.1f} points a pair, by chance "
        f"{null['mean']:+.4f} [{null['low']:+.4f}, {null['high']:+.4f}]; reliability of a user's weights "
        f"{findings['reliability']['whole']:.2f} from {findings['pairs_per_user']:.0f} pairs"
    )
