"""Calibration: is a probability of 70 % right seven times out of ten? Expected calibration error, and where it lies.

A model's confidence in a pair is max(p, 1 - p), p its probability that the first is preferred; its choice is correct
with that probability if the model is calibrated. Every user counts the same, as in accuracy: a user's pairs are shares
of one. So the share of correct choices over all bins is the accuracy itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_array

from prefactor.errors import InputError
from prefactor.evaluation.accuracy import correct
from prefactor.evaluation.intervals import ENDS, RESAMPLES, Interval, resampled_means
from prefactor.evaluation.items import Outcomes, moved_by_items
from prefactor.methods.base import Margin
from prefactor.preferences import PairBatch

BINS = 15  # of equal width over [0.5, 1]
EDGES = np.linspace(0.5, 1, BINS + 1)
ATTENUATED, PLAIN = "attenuated", "plain"
FORMS = (ATTENUATED, PLAIN)  # of a probability: MacKay's, with the margin's variance, and without it
ERROR_NAMES = {ATTENUATED: "ece", PLAIN: "ece_plain"}
COVERAGES = np.arange(1, 21) / 20
NOISE = 2.5  # a bin's gap within so many standard errors may be none


@dataclass(frozen=True)
class Forecast:
    """What a model said of N pairs of U users: confidence (N,) in [0.5, 1] by form, and whether its choice was right.

    ``correct`` (N,) is r(y+) > r(y-), 1/2 for a tie, which no form changes; ``user`` (N,) is the pair's user in [0, U).
    """

    confidence: Mapping[str, np.ndarray]
    correct: np.ndarray
    user: np.ndarray
    users: int

    @classmethod
    def of(cls, margin: Margin, pairs: PairBatch) -> Self:
        """The forecast that margins (N,) of ``pairs`` make."""
        logits = {ATTENUATED: margin.logit(), PLAIN: margin.plain()}
        confidence = {form: torch.sigmoid(z.double().abs()).numpy() for form, z in logits.items()}
        return cls(confidence, correct(margin.mean).numpy(), pairs.segment.numpy(), pairs.n_users)

    @property
    def share(self) -> np.ndarray:
        """(N,) what a pair is of its user: shares of a user sum to 1."""
        return 1 / np.bincount(self.user, minlength=self.users)[self.user]

    def bins(self, form: str) -> np.ndarray:
        """(N,) the bin of each pair."""
        return np.minimum(((self.confidence[form] - 0.5) * 2 * BINS).astype(np.int64), BINS - 1)

    def user_confidence(self, form: str = ATTENUATED) -> np.ndarray:
        """(U,) mean confidence in a user's pairs; NaN for a user without pairs."""
        count = np.bincount(self.user, minlength=self.users)
        total = np.bincount(self.user, self.confidence[form], self.users)
        return total / np.where(count, count, np.nan)


@dataclass(frozen=True)
class BinSums:
    """Per user and bin (U, BINS): the number of pairs, and the sums over pairs of confidence and of correct choices."""

    count: np.ndarray
    confidence: np.ndarray
    correct: np.ndarray

    @classmethod
    def of(cls, forecast: Forecast, form: str) -> Self:
        """Sum a forecast's pairs by user and bin; no loop over either."""
        cell, size = forecast.user * BINS + forecast.bins(form), forecast.users * BINS
        sums = [np.bincount(cell, weights, size) for weights in (None, forecast.confidence[form], forecast.correct)]
        return cls(*(values.reshape(forecast.users, BINS).astype(np.float64) for values in sums))

    def shares(self) -> np.ndarray:
        """(U', 3, BINS) count, confidence and correct per pair of a user, of the users who have any."""
        pairs = self.count.sum(1)
        known = pairs > 0
        stacked = np.stack([self.count, self.confidence, self.correct], 1)  # (U,3,BINS)
        return stacked[known] / pairs[known, None, None]

    def gaps(self) -> np.ndarray:
        """(U', BINS) confidence minus correct, per pair of a user; their mean over users is a bin's gap."""
        shares = self.shares()
        return shares[:, 1] - shares[:, 2]


def calibration_errors(
    groups: Sequence[Sequence[Forecast]], form: str, outcomes: Sequence[Outcomes] = (), seed: int = 0
) -> tuple[list[Interval], Interval | None]:
    """Expected calibration error for S training seeds, and their mean last: S + 1 intervals over users.

    ``groups`` holds the forecasts for each group of users (seen and unseen, or one alone) by training seed; the groups'
    mean is taken, and users are resampled within each. ECE = sum over bins of |mean over users of the gap|. With
    ``outcomes`` of the same pairs, of which their items alone are read, the mean's interval over users and items
    follows, never narrower: the resampled gaps move as items may have moved them too. InputError for other pairs.

    A sum of absolute values only grows by noise, so ECE is too high, and a resampled one doubly: its percentiles can
    lie above the truth altogether. The ends are therefore those of the basic interval, which takes off what resampling
    adds. Where a bin's gap may be noise, the reflection takes off too little, for noise about a gap of zero adds more
    than about one of either sign: the low end counts such gaps as none (thresholded bootstrap), the high end does not.
    The interval is cut at 0 and always holds the value. Such a high end cannot be above twice the value, and items can
    move all gaps together by more than that: over users and items it is that of the gaps in the direction they have.
    """
    gaps = [np.stack([BinSums.of(one, form).gaps() for one in by_seed], 1) for by_seed in groups]  # (U_g,S,BINS)
    if any(len(group) == 0 for group in gaps):
        return [Interval(np.nan, np.nan, np.nan)] * (len(groups[0]) + 1), None
    means = [group.mean(0) for group in gaps]
    drawn = resampled_means([group.reshape(len(group), -1) for group in gaps], seed)
    alone = _intervals(means, drawn)
    if not outcomes:
        return alone, None
    if any(not np.array_equal(own.user, by_seed[0].user) for own, by_seed in zip(outcomes, groups, strict=True)):
        raise InputError("outcomes and forecasts are of different pairs: rerun stage evaluate")
    normal = np.random.default_rng([seed, 1]).standard_normal((RESAMPLES, sum(mean.size for mean in means)))
    moved = moved_by_items(outcomes, [_pair_gaps(by_seed, form) for by_seed in groups], normal)
    drawn = [own + moved[:, place] for place, own in enumerate(drawn)]
    value, low = alone[-1].value, _intervals(means, drawn)[-1].low
    along = [np.sign(gap) * (own.reshape(-1, *gap.shape) - gap) for gap, own in zip(means, drawn, strict=True)]
    high = value - np.quantile(np.mean([part.sum(-1).mean(-1) for part in along], axis=0), ENDS[0])
    return alone, Interval(value, float(np.minimum(low, alone[-1].low)), float(np.maximum(high, alone[-1].high)))


def _pair_gaps(by_seed: Sequence[Forecast], form: str) -> csr_array:
    """(N, S * BINS) a pair's confidence minus correct, in its bin of each seed."""
    size, count = len(by_seed[0].user), len(by_seed)
    column = np.stack([place * BINS + one.bins(form) for place, one in enumerate(by_seed)], 1)  # (N,S)
    gap = np.stack([one.confidence[form] - one.correct for one in by_seed], 1)
    return csr_array((gap.ravel(), column.ravel(), np.arange(size + 1) * count), (size, count * BINS))


def _intervals(means: Sequence[np.ndarray], drawn: Sequence[np.ndarray]) -> list[Interval]:
    """Gaps (S, BINS) of each group and resampled ones (R, S * BINS) to S + 1 basic intervals of ECE."""
    errors = [_errors(gap, own) for gap, own in zip(means, drawn, strict=True)]
    value, most, least = (np.mean([error[part] for error in errors], axis=0) for part in range(3))  # (S+1,),(R,S+1)
    low = value - np.quantile(most, ENDS[1], axis=0)
    high = value - np.quantile(least, ENDS[0], axis=0)
    ends = zip(value, np.maximum(low, 0), np.maximum(high, value), strict=True)
    return [Interval(*map(float, interval)) for interval in ends]


def _errors(gap: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gaps (S, BINS) and resampled ones (R, S * BINS) to ECE (S + 1,), and what noise may add to it (R, S + 1), twice:
    where gaps that may be noise are none, and where they are what they seem."""
    means = drawn.reshape(-1, *gap.shape)
    sure = np.where(np.abs(gap) > NOISE * means.std(0), gap, 0)
    added = [np.abs(centre + means - gap).sum(-1) - np.abs(centre).sum(-1) for centre in (sure, gap)]
    most, least = (np.concatenate([part, part.mean(1, keepdims=True)], 1) for part in added)
    error = np.abs(gap).sum(-1)
    return np.append(error, error.mean()), most, least


def reliability_table(forecasts: Mapping[str, Forecast]) -> pd.DataFrame:
    """Reliability diagram of the training seeds (columns form, bin, low, high, share, confidence, accuracy, pairs).

    One row per form and bin that holds pairs, pooled over seeds. ``share`` of all pairs, users counting the same;
    ``confidence`` and ``accuracy`` are the bin's means; ``pairs`` is the number per training seed.
    """
    frames = []
    for form in FORMS:
        sums = [BinSums.of(forecast, form) for forecast in forecasts.values()]
        share, confidence, correct = np.mean([item.shares().mean(0) for item in sums], axis=0)  # (BINS,) each
        pairs = np.mean([item.count.sum(0) for item in sums], axis=0)
        with np.errstate(invalid="ignore"):
            columns = {"share": share, "confidence": confidence / share, "accuracy": correct / share, "pairs": pairs}
        frame = pd.DataFrame({"form": form, "bin": range(BINS), "low": EDGES[:-1], "high": EDGES[1:], **columns})
        frames.append(frame[frame["pairs"] > 0])
    return pd.concat(frames, ignore_index=True)


def selective_pairs(forecast: Forecast) -> np.ndarray:
    """(C,) accuracy on the most confident share of pairs, for every coverage; users counting the same."""
    order = np.argsort(-forecast.confidence[ATTENUATED], kind="stable")
    return _accuracy_at(forecast.share[order], forecast.correct[order])


def selective_users(accuracy: np.ndarray, uncertainty: np.ndarray) -> np.ndarray:
    """(C,) mean accuracy of the least uncertain share of users, for every coverage; (U,) and (U,) given."""
    known = ~np.isnan(accuracy) & ~np.isnan(uncertainty)
    order = np.argsort(uncertainty[known], kind="stable")
    return _accuracy_at(np.ones(len(order)), accuracy[known][order])


def _accuracy_at(weight: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Weighted mean of the first share of rows, for every coverage; NaN if there is no row."""
    if not len(weight):
        return np.full(len(COVERAGES), np.nan)
    covered, right = weight.cumsum(), (weight * correct).cumsum()
    last = np.searchsorted(covered, COVERAGES * covered[-1] * (1 - 1e-12)).clip(max=len(weight) - 1)
    return right[last] / covered[last]


def selective_table(curves: Iterable[tuple[str, str, np.ndarray]]) -> pd.DataFrame:
    """Curves (by, seed, accuracy (C,)) as columns by, coverage, accuracy: means over seeds."""
    frames = [
        pd.DataFrame({"by": by, "seed": seed, "coverage": COVERAGES, "accuracy": accuracy})
        for by, seed, accuracy in curves
    ]
    table = pd.concat(frames, ignore_index=True)
    return table.groupby(["by", "coverage"], sort=False, as_index=False)["accuracy"].mean()
