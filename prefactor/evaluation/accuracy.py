"""Per-user accuracy, log loss and Brier score of a method on the pairs it has not seen."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.cohorts import Cohort
from prefactor.methods.base import Margin, RewardModel, UserState
from prefactor.preferences import PairBatch
from prefactor.segments import segment_mean

USERS_PER_CHUNK = 2_048  # bounds the memory of posteriors over many dimensions
ROWS_PER_CHUNK = 65_536  # bounds the users x pairs comparisons in memory


@dataclass(frozen=True)
class UserFigures:
    """One figure per user (U,): accuracy in [0, 1], log loss in nats, the pairs they were measured on, Brier score.

    A tie is half right (``correct``). Probabilities are MacKay's, with the margin's variance, or ``plain``, as if it
    were 0. A user without pairs to predict has NaN.
    """

    accuracy: np.ndarray
    log_loss: np.ndarray
    pairs: np.ndarray
    brier: np.ndarray
    log_loss_plain: np.ndarray
    brier_plain: np.ndarray


def adapted(model: RewardModel, known: PairBatch) -> Iterator[tuple[int, int, UserState]]:
    """The state of users first .. last - 1, some at a time, adapted to what is known of them."""
    for first in range(0, known.n_users, USERS_PER_CHUNK):
        last = min(first + USERS_PER_CHUNK, known.n_users)
        yield first, last, model.adapt(known.users_between(first, last))


@torch.no_grad()
def margins(model: RewardModel, known: PairBatch, pairs: PairBatch) -> Margin:
    """Adapt all users on ``known``, then compare ``pairs`` of the same users: a margin (N,) for each."""
    found = empty_margin(pairs)
    for first, last, users in adapted(model, known):
        compare_between(model, users, pairs, first, last, found)
    return found


def empty_margin(pairs: PairBatch) -> Margin:
    """A margin to be filled, user by user."""
    return Margin(*torch.empty(3, len(pairs), device=pairs.segment.device))


def compare_between(
    model: RewardModel, users: UserState, pairs: PairBatch, first: int, last: int, into: Margin
) -> None:
    """Fill in the margins of the pairs of users first .. last - 1, whose state is ``users``."""
    rows = (pairs.segment >= first) & (pairs.segment < last)
    found = model.compare(users, pairs.users_between(first, last).compact())
    into.mean[rows], into.variance[rows], into.lapse[rows] = found.mean, found.variance, found.lapse


@torch.no_grad()
def asked_of_everyone(model: RewardModel, users: UserState, pairs: PairBatch) -> Iterator[Margin]:
    """Margins (u, P) of the same P pairs, whoever's they are, by every one of the users; some users at a time."""
    size = len(pairs)
    for rows in torch.arange(len(users)).split(max(1, ROWS_PER_CHUNK // size)):
        asked = replace(
            pairs,
            chosen=pairs.chosen.repeat(len(rows)),
            rejected=pairs.rejected.repeat(len(rows)),
            segment=torch.arange(len(rows)).repeat_interleave(size),
            users=torch.full((len(rows),), -1),
            margin=None,
        )
        found = model.compare(users.rows(rows), asked)
        parts = (found.mean, found.variance, found.lapse.expand(len(asked)))
        yield Margin(*(part.view(len(rows), size) for part in parts))


def predict(model: RewardModel, cohort: Cohort, part: str, shots: int | None = None) -> UserFigures:
    """Adapt all users of a cohort on what is known of them (at most ``shots`` pairs), then score one part."""
    pairs = cohort.to_predict(part)
    return per_user(margins(model, cohort.known(shots), pairs), pairs)


def correct(margin: Tensor) -> Tensor:
    """(N,) logits to (N,) shares: 1 where r(y+) > r(y-), else 0; a tie of exactly 0 is a coin's choice, half right.

    A model that is silent about every pair so has 50 %, not 0.
    """
    return torch.heaviside(margin, margin.new_tensor(0.5))


def per_pair(margin: Margin) -> dict[str, Tensor]:
    """(N,) by metric: whether the choice is correct, -log P(y+ preferred) and (1 - P(y+ preferred))^2."""
    logits, plain = margin.logit(), margin.plain()
    return {
        "accuracy": correct(margin.mean),
        "log_loss": -F.logsigmoid(logits),
        "brier": torch.sigmoid(-logits).square(),
        "log_loss_plain": -F.logsigmoid(plain),
        "brier_plain": torch.sigmoid(-plain).square(),
    }


def per_user(margin: Margin, pairs: PairBatch) -> UserFigures:
    """Means over a user's pairs of what ``per_pair`` says of each."""
    count = pairs.pairs_per_user()
    undefined = torch.where(count > 0, 0.0, torch.nan).to(torch.float64)
    means = {
        metric: (segment_mean(values.double(), pairs.segment, pairs.n_users) + undefined).numpy()  # (N,) -> (U,)
        for metric, values in per_pair(margin).items()
    }
    return UserFigures(pairs=count.numpy(), **means)
