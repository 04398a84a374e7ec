"""Ref: the response that a language model finds more probable wins. Nothing is trained (VRF, Table 1)."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from prefactor.methods.base import Shape
from prefactor.methods.impersonal import MeasuredReward
from prefactor.preferences import PairBatch, Responses


@dataclass(frozen=True)
class RefParameters:
    """What of a response's log-probability is its reward, in nats.

    per     ``token``: the mean over the response's tokens, as published; ``response``: their sum
    scaled  times one positive scale, fitted to the training pairs of all seen users, so that probabilities mean
            something; accuracy is the same. As published there is none
    """

    per: Literal["token", "response"] = "token"
    scaled: bool = False


class Ref(MeasuredReward):
    """r(x, y) = log P(y | x) / tokens of y under the backbone, a causal language model; the same for every user.

    Where a chat template ends the response's turn by a token, that token counts with it. A response of which no token
    is judged, an empty one, has the mean reward of the training responses: nothing speaks for or against it.
    """

    name = "ref"
    Parameters = RefParameters
    view = "likelihood"
    smallest_scale = 1e-5  # of sums over hundreds of tokens, too
    settings: RefParameters
    typical: Tensor

    def __init__(self, settings: RefParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings, shape, settings.scaled)
        self.register_buffer("typical", torch.zeros(()))

    def fit(self, known: PairBatch) -> None:
        responses = known.compact().responses
        judged = responses.views[self.view][:, 1] > 0
        if judged.any():
            self.typical.copy_(self.measure(responses)[judged].mean())
        super().fit(known)

    def measure(self, responses: Responses) -> Tensor:
        """(T,) nats, from the view's (T,2): the sum over a response's tokens, and how many they are."""
        view = responses.views[self.view]
        total, tokens = view[:, 0], view[:, 1]
        measured = total / tokens.clamp(min=1) if self.settings.per == "token" else total
        return torch.where(tokens > 0, measured, self.typical)
