"""Bases that carry a reward loading: each preference basis is a Gaussian over users' reward weights.

Ours, not the paper's. Basis k has a latent part N(mu_k, sigma_k^2), which the encoder's posterior is matched to, and a
loading part N(m_k, diag 1/c_k) over weights of phi, from which a user's own pairs move their weight in closed form.
With m_k the k-th unit vector and no variance it is the published model, r_u = w_u . phi.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from prefactor.methods.filtering import Belief
from prefactor.methods.logistic import Observed
from prefactor.methods.mixture import Mixture, learn_mixture

LOG_PRECISION_RANGE = (-4.0, 8.0)
Power = tuple[float, float]  # of the encoder's share of a basis, and of how well the basis explains the pairs
POWERS: Sequence[Power] = ((1.0, 0.0), (1.0, 0.25), (1.0, 0.5), (0.5, 0.5), (0.0, 1.0))


@dataclass(frozen=True)
class LoadingParameters:
    """Preference bases over phi's outputs.

    bases          K, the number of preference bases; phi's outputs may be fewer or more
    matched        a user's share of each basis comes from the encoder, by Wasserstein distance; False: no encoder, the
                   shares are those of the mixture of Gaussians that the bases are, by Bayes' rule
    weighed        after training, the powers of the encoder and of the evidence, how well a basis explains the user's
                   pairs, are the best of POWERS on held-out users. (1, 0) trusts the encoder alone, as in training,
                   where evidence would spare it the work; (0, 1) is Bayes' rule alone
    refined        the pairs move a user's weight around each basis' loading; False: they only choose among loadings
    learnt         loadings, their precisions and shares are trained; False: they stay the mixture that they start as,
                   and no gradient goes through the filter, where most of a training step's time goes
    iterations     of the expectation maximisation that the bases start from
    prior_users    how strongly it draws a basis' covariance to that of all bases, in users
    """

    bases: int = 20
    matched: bool = True
    weighed: bool = True
    refined: bool = True
    learnt: bool = True
    iterations: int = 8
    prior_users: float = 20.0

    def __post_init__(self) -> None:
        if self.bases < 1 or self.iterations < 1 or self.prior_users <= 0:
            raise ValueError(
                "bases and iterations must be at least 1 and prior_users positive, "
                f"got {self.bases}, {self.iterations} and {self.prior_users}"
            )


class Loadings(nn.Module):
    """K Gaussians over weights of F features: m_k (K, F), precision c_k (K, F), log share (K,).

    Of the features the first R are ``live``: the others are zero, and so are loadings on them. Beliefs are about the
    live ones alone. ``power`` (2,) is that of the encoder's shares and that of the evidence in a user's shares.
    """

    power: Tensor
    rank: Tensor

    def __init__(self, settings: LoadingParameters, features: int, generator: torch.Generator) -> None:
        super().__init__()
        self.settings = settings
        self.mean = nn.Parameter(torch.randn(settings.bases, features, generator=generator))
        self.log_precision = nn.Parameter(torch.zeros(settings.bases, features))
        self.log_share = nn.Parameter(torch.zeros(settings.bases))
        self.requires_grad_(settings.learnt)
        self.register_buffer("power", torch.tensor((1.0, 0.0) if settings.matched else (0.0, 1.0)))
        self.register_buffer("rank", torch.tensor(features))

    @property
    def live(self) -> int:
        """R."""
        return int(self.rank)

    @property
    def precision(self) -> Tensor:
        """(K, F) c_k."""
        return self.log_precision.clamp(*LOG_PRECISION_RANGE).exp()

    @torch.no_grad()
    def start(self, observed: Observed, generator: torch.Generator) -> Tensor:
        """Fit the mixture to seen users' pairs, seen by R features; return the (R, R) map L to multiply phi by.

        The mixture is expressed in units of its pooled spread: weights w = L w', so that phi' = L' phi has weights w'
        of unit variance around their bases, and a diagonal is enough for each basis' own.
        """
        settings = self.settings
        mixture = learn_mixture(observed, settings.bases, settings.iterations, settings.prior_users, generator)
        share = mixture.log_share.exp()
        factor = torch.linalg.cholesky((share[:, None, None] * mixture.covariance).sum(0))  # (R,R) L
        self._take(mixture, factor)
        return factor

    def _take(self, mixture: Mixture, factor: Tensor) -> None:
        solve = torch.linalg.solve_triangular
        within = solve(factor, solve(factor, mixture.covariance, upper=False).mT, upper=False)  # L^-1 S_k L^-T
        live = self.live
        self.mean.zero_()[:, :live] = solve(factor, mixture.mean.T, upper=False).T
        self.log_precision.zero_()[:, :live] = -within.diagonal(dim1=-2, dim2=-1).log()
        self.log_share.copy_(mixture.log_share)

    def prior(self, users: int) -> Belief:
        """What is known of users without pairs: the bases themselves."""
        live = self.live
        return Belief.prior(users, self.mean[:, :live], torch.diag_embed(self.precision[:, :live].reciprocal()))

    def weights(self, belief: Belief) -> tuple[Tensor, Tensor]:
        """Mean (U, K, R) and covariance (U, K, R, R) of the users' weights under each basis."""
        told = belief if self.settings.refined else self.prior(len(belief.mean))
        return told.mean, told.covariance


def pooled(weight: Tensor, mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (U, R) and covariance (U, R, R) of a user's weight over the bases, weighed by their shares (U, K)."""
    centre = (weight.unsqueeze(-1) * mean).sum(1)  # (U,R)
    away = mean - centre.unsqueeze(1)  # (U,K,R)
    between = (weight.unsqueeze(-1) * away).mT @ away  # (U,R,K)@(U,K,R)
    return centre, between + (weight[..., None, None] * covariance).sum(1)
