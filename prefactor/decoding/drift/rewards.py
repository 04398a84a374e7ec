"""Zero-shot rewards: how much likelier a response is where a system prompt asks for an attribute."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from prefactor.decoding.drift.parameters import Per
from prefactor.errors import InputError


def zero_shot_rewards(
    log_probabilities: np.ndarray, per: Per = "response", tokens: np.ndarray | None = None
) -> np.ndarray:
    """r_i(y|x) = log pi(y|x,s_i) - log pi(y|x,s_0), (T, A) in nats: Drift section 3.1, *Zero-Shot Rewarding*.

    ``log_probabilities`` (T, A + 1) in nats, the first column under s_0, the others under s_1 .. s_A. With ``per``
    "token" rewards are means over the responses' ``tokens`` (T,), so that a long response does not count for more.
    """
    _check_finite(log_probabilities)
    rewards = log_probabilities[:, 1:] - log_probabilities[:, :1]
    if per == "response":
        return rewards
    if tokens is None:
        raise InputError("rewards per token need the number of tokens of each response: give tokens")
    return rewards / np.maximum(tokens, 1)[:, np.newaxis]  # a response without tokens has reward 0


def _check_finite(log_probabilities: np.ndarray) -> None:
    if len(bad := np.argwhere(~np.isfinite(log_probabilities))):
        row, column = bad[0].tolist()
        raise InputError(
            f"the log-probability of row {row} of the texts under system prompt {column} (0 is the base) is "
            f"{log_probabilities[row, column]}: check the language model's weights and its dtype"
        )


@dataclass(frozen=True, eq=False)
class ZeroShot:
    """Zero-shot rewards of texts by their rows.

    likelihoods  (n,) rows of texts and C conditions -> (n, C) nats, e.g. ``Likelihoods.table``
    conditions   s_0, s_1 .. s_A: what the language model is told, the base first
    per          see :func:`zero_shot_rewards`
    tokens       (n,) rows of texts -> (n,) tokens of their responses; asked for rewards per token alone
    """

    likelihoods: Callable[[np.ndarray, Sequence[Any]], np.ndarray]
    conditions: Sequence[Any]
    per: Per = "response"
    tokens: Callable[[np.ndarray], np.ndarray] | None = None

    def __call__(self, texts: np.ndarray) -> np.ndarray:
        """(n,) rows of texts to (n, A) rewards in nats; all texts and conditions are asked for in one call."""
        tokens = self.tokens(texts) if self.tokens and self.per == "token" else None
        return zero_shot_rewards(self.likelihoods(texts, self.conditions), self.per, tokens)


@dataclass(frozen=True, eq=False)
class PairRewards:
    """Rewards of N pairs of U users: ``chosen`` and ``rejected`` (N, A) in nats, ``segment`` (N,) the pairs' users."""

    chosen: Tensor
    rejected: Tensor
    segment: Tensor
    users: int

    @property
    def difference(self) -> Tensor:
        """(N, A) r(y+) - r(y-), in nats."""
        return self.chosen - self.rejected
