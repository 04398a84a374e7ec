"""Bases that carry a reward loading: each preference basis is a Gaussian over users' reward weights.

Ours, not the paper's. Basis k has a latent part N(mu_k, sigma_k^2), which the encoder's posterior is matched to, and a
loading part N(m_k, S) over weights of phi, from which a user's own pairs move their weight in closed form.
With m_k the k-th unit vector and S = 0 it is the published model, r_u = w_u . phi.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from prefactor.methods.filtering import Belief, absorb
from prefactor.methods.logistic import Observed
from prefactor.methods.mixture import learn_mixture

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
    iterations     of the expectation maximisation that the bases start from
    """

    bases: int = 20
    matched: bool = True
    weighed: bool = True
    refined: bool = True
    iterations: int = 8

    def __post_init__(self) -> None:
        if self.bases < 1 or self.iterations < 1:
            raise ValueError(f"bases and iterations must be at least 1, got {self.bases} and {self.iterations}")


class Loadings(nn.Module):
    """K Gaussians over weights of F features: ``mean`` m_k (K, F), ``covariance`` S (F, F), ``log_share`` (K,) in nats.

    Of the features the first R are ``live``: the others are zero, and so are loadings on them. Beliefs are about the
    live ones alone. ``power`` (2,) is that of the encoder's shares and that of the evidence in a user's shares. Nothing
    here is learnt by gradient: the bases' loadings are the mixture that seen users' weights come from.
    """

    power: Tensor
    rank: Tensor

    def __init__(self, settings: LoadingParameters, features: int, generator: torch.Generator) -> None:
        super().__init__()
        self.settings = settings
        self.mean = nn.Parameter(torch.randn(settings.bases, features, generator=generator), requires_grad=False)
        self.covariance = nn.Parameter(torch.eye(features), requires_grad=False)
        self.log_share = nn.Parameter(torch.zeros(settings.bases), requires_grad=False)
        self.register_buffer("power", torch.tensor((1.0, 0.0) if settings.matched else (0.0, 1.0)))
        self.register_buffer("rank", torch.tensor(features))

    @property
    def live(self) -> int:
        """R."""
        return int(self.rank)

    @torch.no_grad()
    def start(self, observed: Observed, generator: torch.Generator) -> None:
        """The mixture that seen users' weights on the live features come from; features beside them get N(0, I)."""
        mixture = learn_mixture(observed, self.settings.bases, self.settings.iterations, generator)
        live = self.live
        self.mean.zero_()[:, :live] = mixture.mean
        self.covariance.copy_(torch.eye(len(self.covariance)))[:live, :live] = mixture.covariance
        self.log_share.copy_(mixture.log_share)

    def prior(self, users: int) -> Belief:
        """What is known of users without pairs: the bases themselves."""
        live = self.live
        return Belief.prior(users, self.mean[:, :live], self.covariance[:live, :live])

    def absorbed(self, belief: Belief, observed: Observed) -> Belief:
        """The users' belief after further pairs."""
        return absorb(belief, self.log_share, observed)

    def weights(self, belief: Belief) -> tuple[Tensor, Tensor]:
        """Mean (U, K, R) of the users' weights under each basis, and covariance (U, R, R) around it."""
        told = belief if self.settings.refined else self.prior(len(belief.mean))
        return told.mean, told.covariance


def pooled(weight: Tensor, mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (U, R) and covariance (U, R, R) of a user's weight over the bases, weighed by their shares (U, K)."""
    centre = (weight.unsqueeze(-1) * mean).sum(1)  # (U,R)
    away = mean - centre.unsqueeze(1)  # (U,K,R)
    between = (weight.unsqueeze(-1) * away).mT @ away  # (U,R,K)@(U,K,R)
    return centre, between + covariance
