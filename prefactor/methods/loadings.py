"""Bases that carry a reward loading: each preference basis is a Gaussian over users' reward weights.

Ours, not the paper's. Basis k has a latent part N(mu_k, sigma_k^2), which the encoder's posterior is matched to, and a
loading part N(m_k, diag 1/c_k) over weights of phi, from which a user's own pairs move their weight in closed form.
With m_k the k-th unit vector and no variance it is the published model, r_u = w_u . phi.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from prefactor.methods.logistic import LONGEST_STEP, Observed
from prefactor.methods.mixture import Mixture, expand, learn_mixture

LOG_PRECISION_RANGE = (-4.0, 8.0)


@dataclass(frozen=True)
class LoadingParameters:
    """Preference bases over phi's outputs.

    bases          K, the number of preference bases; phi's outputs may be fewer or more
    matched        a user's share of each basis comes from the encoder, by Wasserstein distance; False: no encoder, the
                   shares are those of the mixture of Gaussians that the bases are
    evidence       the share of a basis also weighs how well it explains the user's pairs, by Laplace's approximation
    refined        the pairs move a user's weight around each basis' loading, one Newton step from m_k; False: they only
                   choose among loadings
    iterations     of the expectation maximisation that the bases start from
    prior_users    how strongly it draws a basis' covariance to that of all bases, in users
    """

    bases: int = 20
    matched: bool = True
    evidence: bool = False
    refined: bool = True
    iterations: int = 8
    prior_users: float = 20.0

    def __post_init__(self) -> None:
        if self.bases < 1 or self.iterations < 1 or self.prior_users <= 0:
            raise ValueError(
                "bases and iterations must be at least 1 and prior_users positive, "
                f"got {self.bases}, {self.iterations} and {self.prior_users}"
            )
        if not (self.matched or self.evidence):
            raise ValueError("a user's shares need a source: set matched or evidence")


class Loadings(nn.Module):
    """K Gaussians over weights of F features: m_k (K, F), precision c_k (K, F), log share (K,)."""

    def __init__(self, settings: LoadingParameters, features: int, generator: torch.Generator) -> None:
        super().__init__()
        self.settings = settings
        self.mean = nn.Parameter(torch.randn(settings.bases, features, generator=generator))
        self.log_precision = nn.Parameter(torch.zeros(settings.bases, features))
        self.log_share = nn.Parameter(torch.zeros(settings.bases))

    @property
    def precision(self) -> Tensor:
        """(K, F) c_k."""
        return self.log_precision.clamp(*LOG_PRECISION_RANGE).exp()

    @torch.no_grad()
    def start(self, observed: Observed, generator: torch.Generator) -> Tensor:
        """Fit the mixture to seen users' pairs; return the (F, F) map L that phi is to be multiplied by.

        The mixture is expressed in units of its pooled spread: weights w = L^-T w', so that phi' = L^T phi has weights
        w' of unit variance around their bases, and a diagonal is enough for each basis' own.
        """
        settings = self.settings
        mixture = learn_mixture(observed, settings.bases, settings.iterations, settings.prior_users, generator)
        share = mixture.log_share.exp()
        factor = torch.linalg.cholesky((share[:, None, None] * mixture.covariance).sum(0))  # (F,F) L
        self._take(mixture, factor)
        return factor

    def _take(self, mixture: Mixture, factor: Tensor) -> None:
        solve = torch.linalg.solve_triangular
        within = solve(factor, solve(factor, mixture.covariance, upper=False).mT, upper=False)  # L^-1 S_k L^-T
        self.mean.copy_(solve(factor, mixture.mean.T, upper=False).T)
        self.log_precision.copy_(-within.diagonal(dim1=-2, dim2=-1).log())
        self.log_share.copy_(mixture.log_share)

    def sums(self, observed: Observed) -> dict[str, Tensor]:
        """What pairs add to a user's state, at m_k: likelihood (U, K), gradient (U, K, F), curvature (U, K, F, F)."""
        found = expand(observed, self.mean)
        return {"likelihood": found.value, "gradient": found.gradient, "curvature": found.curvature}

    def no_sums(self, users: int) -> dict[str, Tensor]:
        """The sums of users without pairs."""
        nothing = self.mean.new_zeros(0, self.mean.shape[1])
        return self.sums(Observed(nothing, nothing.sum(-1), torch.zeros(0, dtype=torch.long), users))

    def posterior(self, sums: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """A user's weight under each basis: mean (U, K, F), covariance (U, K, F, F), log evidence (U, K) in nats.

        One Newton step from m_k: the sums, unlike the mode, can be kept up to date without the earlier pairs.
        """
        precision = torch.diag_embed(self.precision) + sums["curvature"]  # (U,K,F,F)
        factor = torch.linalg.cholesky(precision)
        step = torch.cholesky_solve(sums["gradient"].unsqueeze(-1), factor).squeeze(-1)  # (U,K,F)
        volume = self.precision.log().sum(-1) / 2 - factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        evidence = sums["likelihood"] + (sums["gradient"] * step).sum(-1) / 2 + volume
        if not self.settings.refined:
            spread = torch.diag_embed(self.precision.reciprocal()).expand_as(precision)
            return self.mean.expand_as(step), spread, evidence
        return self.mean + _bounded(step, sums["curvature"]), torch.cholesky_inverse(factor), evidence


def _bounded(step: Tensor, curvature: Tensor) -> Tensor:
    """Steps (U, K, F) no longer than what the expansion can vouch for: sqrt(step' H step) within LONGEST_STEP logits.

    The root of the curvature along the step is the root mean square change of the margins, weighted by p(1-p) / n.
    """
    square = (step.unsqueeze(-2) @ curvature @ step.unsqueeze(-1)).squeeze((-1, -2))  # (U,K)
    return step * (LONGEST_STEP / square.clamp(min=LONGEST_STEP**2).sqrt()).unsqueeze(-1)


def pooled(weight: Tensor, mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (U, F) and covariance (U, F, F) of a user's weight over the bases, weighed by their shares (U, K)."""
    centre = (weight.unsqueeze(-1) * mean).sum(1)  # (U,F)
    away = mean - centre.unsqueeze(1)  # (U,K,F)
    between = (weight.unsqueeze(-1) * away).mT @ away  # (U,F,K)@(U,K,F)
    return centre, between + (weight[..., None, None] * covariance).sum(1)
