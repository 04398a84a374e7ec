"""Item mean: what people in general prefer, one number per text, from all pairs of seen users.

It knows nothing of a text that no training pair holds; what it reaches on known ones is what memory alone can reach.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from prefactor.methods.base import Shape
from prefactor.methods.impersonal import ImpersonalReward
from prefactor.preferences import PairBatch, Responses


@dataclass(frozen=True)
class ItemMeanParameters:
    """``form`` of a text's reward: the logit of its share of ``wins``, or its ``bradley-terry`` strength.

    ``prior`` is the number of wins, and of losses, added to every text: in ``bradley-terry`` against an opponent of
    strength 0. ``iterations`` are those of the minorise-maximise algorithm (Hunter 2004), Bradley-Terry only.
    """

    form: Literal["wins", "bradley-terry"] = "wins"
    prior: float = 1.0
    iterations: int = 200

    def __post_init__(self) -> None:
        if self.prior <= 0:
            raise ValueError(f"prior must be positive, got {self.prior}: a text that always won would be infinite")
        if self.iterations < 1:
            raise ValueError(f"iterations must be at least 1, got {self.iterations}")


class ItemMean(ImpersonalReward):
    """r(x, y) = the text's own score, the same for every user; 0 for a text without training pairs."""

    name = "item_mean"
    Parameters = ItemMeanParameters
    view = ""
    settings: ItemMeanParameters

    def __init__(self, settings: ItemMeanParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings, shape)
        self.scores = nn.Parameter(torch.zeros(shape.texts))

    def fit(self, known: PairBatch) -> None:
        winner, loser = known.responses.text[known.chosen], known.responses.text[known.rejected]
        fitted = self._strengths if self.settings.form == "bradley-terry" else self._log_odds
        with torch.no_grad():
            self.scores.copy_(fitted(winner, loser))

    def score(self, responses: Responses) -> Tensor:
        return self.scores[responses.text]

    def _log_odds(self, winner: Tensor, loser: Tensor) -> Tensor:
        """Texts of the N pairs (N,), (N,) to log (wins + prior) / (losses + prior), (texts,)."""
        wins, losses = (torch.bincount(side, minlength=self.shape.texts) for side in (winner, loser))
        return ((wins + self.settings.prior) / (losses + self.settings.prior)).log()

    def _strengths(self, winner: Tensor, loser: Tensor) -> Tensor:
        """Texts of the N pairs to the mode of the Bradley-Terry likelihood with the prior's games, (texts,) logit.

        Strengths g = exp(score) climb by g_i <- W_i / sum over i's games of 1 / (g_i + g_opponent).
        """
        texts, prior = self.shape.texts, self.settings.prior
        wins = torch.bincount(winner, minlength=texts).double() + prior
        strength = torch.ones_like(wins)
        for _ in range(self.settings.iterations):
            each = 1 / (strength[winner] + strength[loser])  # (N,)
            games = 2 * prior / (strength + 1)
            games.index_add_(0, winner, each).index_add_(0, loser, each)
            strength = wins / games
        return strength.log()
