"""VRF: variational reward factorisation. Users are Gaussians, matched to K Gaussian bases by Wasserstein distance."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.base import RewardModel, Shape, UserState
from prefactor.methods.basis import BasisParameters, Dropout, initialise
from prefactor.methods.factorised import FactorisedReward
from prefactor.methods.gaussians import (
    Gaussians,
    divergence_from_mixture,
    divergence_from_standard,
    from_natural,
    wasserstein,
)
from prefactor.methods.lore import LoRe, LoReParameters
from prefactor.preferences import PairBatch

LOG_STD_RANGE = (-6.0, 4.0)  # keeps precisions within float32 when thousands of pairs are multiplied
PAIRS_PER_CHUNK = 8_192  # a chunk stays in the processor's cache, and memory does not grow with the users


@dataclass(frozen=True)
class VRFParameters:
    """Every part of VRF, each switchable for its ablation. The defaults are the published values where one exists.

    latent                D
    encoder_width         hidden width of the pair encoder; None is H/2 (the paper does not say)
    encoder_dropout       dropout on the encoder's standardised input
    temperature           tau_w, divides W^2 in the softmax
    distance_factor       factor before W^2: 1, or the 1/2 that the paper prints
    margin                tau_m of L_SEP
    regularisation        beta, the weight of L_REG
    samples               S, Monte Carlo samples of L_REG
    attenuated            L_VBT; False is the plain BT loss on the mean difference (ablation a)
    separated             L_SEP (ablation b)
    regularised           L_REG (ablation c)
    prior                 ``mixture`` of the bases, or the ``standard`` normal (ablation d)
    pooling               ``product`` of Gaussians, or the ``mean`` of their parameters (ablation e)
    unit_prior            a factor N(0, I) in the product, so that a user without pairs has a posterior
    basis_mean_scale      standard deviation of the bases' initial means. N(0, 1) at D = 64 sets the distances so far
                          apart that every user starts, and stays, at the same one-hot weight
    basis_log_std         initial log standard deviation of the bases
    phi_learning_rate     phi's learning rate as a share of the encoder's; 0 freezes what the first step learnt
    """

    basis: BasisParameters = field(default_factory=BasisParameters)
    latent: int = 64
    encoder_width: int | None = None
    encoder_dropout: float = 0.0
    temperature: float = 1.0
    distance_factor: float = 1.0
    margin: float = 1.0
    regularisation: float = 0.001
    samples: int = 5
    attenuated: bool = True
    separated: bool = True
    regularised: bool = True
    prior: Literal["mixture", "standard"] = "mixture"
    pooling: Literal["product", "mean"] = "product"
    unit_prior: bool = False
    basis_mean_scale: float = 0.1
    basis_log_std: float = -1.0
    phi_learning_rate: float = 1.0

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}")
        if self.pooling == "mean" and self.unit_prior:
            raise ValueError("unit_prior is a factor of the product of Gaussians: set pooling to 'product'")


class PairEncoder(nn.Module):
    """A reference pair (h+, h-) to a diagonal Gaussian in R^D (VRF section 4.1).

    Two layers over v = [(h+ + h-)/2 || h+ - h-]. The first is linear in h+ and h-, so it is applied once per unique
    response where pairs share responses: W v = (W_m/2 + W_d) h+ + (W_m/2 - W_d) h-.
    """

    def __init__(self, width: int, settings: VRFParameters, generator: torch.Generator) -> None:
        super().__init__()
        hidden = settings.encoder_width or max(width // 2, 1)
        self.dropout = Dropout(settings.encoder_dropout)
        self.first = nn.Linear(2 * width, hidden)
        self.second = nn.Linear(hidden, 2 * settings.latent)
        initialise(self, generator)

    def forward(self, states: Tensor, chosen: Tensor, rejected: Tensor) -> Iterator[tuple[Tensor, Gaussians]]:
        """States (T, H) and rows (N,), (N,) of y+ and y- to Gaussians, by chunks: pair numbers, and one for each."""
        states = self.dropout(states)
        halves = self.halves(states) if len(states) < len(chosen) else None
        for rows in torch.arange(len(chosen), device=states.device).split(PAIRS_PER_CHUNK):
            plus, minus = chosen[rows], rejected[rows]
            hidden = self.direct_first(states, plus, minus) if halves is None else halves[0][plus] + halves[1][minus]
            mean, log_std = self.second(F.gelu(hidden)).chunk(2, -1)  # (N,2D) -> (N,D),(N,D)
            yield rows, Gaussians(mean, log_std.clamp(*LOG_STD_RANGE).exp())

    def direct_first(self, states: Tensor, chosen: Tensor, rejected: Tensor) -> Tensor:
        """(N, hidden) first layer, pair by pair."""
        plus, minus = states[chosen], states[rejected]  # (N,H),(N,H)
        return self.first(torch.cat([(plus + minus) / 2, plus - minus], -1))  # (N,2H)@(2H,hidden)

    def halves(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """What each response adds to the first layer as y+ and as y-: (T, H) to (T, hidden) twice.

        The chosen one's first half plus the rejected one's second equals ``direct_first``.
        """
        for_mean, for_difference = self.first.weight.chunk(2, -1)  # (hidden,H),(hidden,H)
        plus = F.linear(states, for_mean / 2 + for_difference, self.first.bias)  # (T,H)@(H,hidden)
        return plus, F.linear(states, for_mean / 2 - for_difference)


class VRF(FactorisedReward):
    """Variational Reward Factorisation."""

    name = "vrf"
    Parameters = VRFParameters
    probabilistic = True
    settings: VRFParameters
    mean_weight: Tensor

    def __init__(self, settings: VRFParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings.basis, settings, shape, generator)
        bases, latent = settings.basis.bases, settings.latent
        self.encoder = PairEncoder(shape.width, settings, generator)
        self.basis_mean = nn.Parameter(settings.basis_mean_scale * torch.randn(bases, latent, generator=generator))
        self.basis_log_std = nn.Parameter(torch.full((bases, latent), settings.basis_log_std))
        self.register_buffer("mean_weight", torch.full((bases,), 1 / bases))

    @property
    def bases(self) -> Gaussians:
        """The K preference bases p_k: mean and std (K, D)."""
        return Gaussians(self.basis_mean, self.basis_log_std.clamp(*LOG_STD_RANGE).exp())

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        """L = L_VBT + L_SEP + beta L_REG (VRF Eq. 9): mean over target pairs, sum over base pairs, mean over users."""
        self.train_noise(generator)
        states, targets = self.scaled(batch.responses), batch.targets()
        users = self._state(*self._evidence(batch.references(), states))
        margin = self.margin(self.weights(users)[targets.segment], self.differences(self.phi(states), targets))
        loss = -F.logsigmoid(margin.attenuated() if self.settings.attenuated else margin.mean).mean()
        if self.settings.separated:
            loss = loss + self.separation()
        if self.settings.regularised:
            # Without pairs and without a prior factor a user has no posterior to regularise.
            described = users if self.settings.unit_prior else users.rows(users["count"] > 0)
            loss = loss + self.settings.regularisation * self.divergence(described, generator).mean()
        return loss

    def separation(self) -> Tensor:
        """L_SEP: sum over i < j of max(0, tau_m - W^2(p_i, p_j))."""
        distances = wasserstein(self.bases, self.bases, self.settings.distance_factor)  # (K,K)
        first, second = torch.triu_indices(len(distances), len(distances), 1, device=distances.device)
        return F.relu(self.settings.margin - distances[first, second]).sum()

    def divergence(self, users: UserState, generator: torch.Generator) -> Tensor:
        """L_REG per user (U,), in nats: KL of q_u from the mixture of the bases, or from N(0, I)."""
        posterior = Gaussians(users["mean"], users["std"])
        if self.settings.prior == "standard":
            return divergence_from_standard(posterior)
        return divergence_from_mixture(posterior, self.bases, self.settings.samples, generator)

    def adapt(self, reference: PairBatch) -> UserState:
        """Each user's posterior and weight, in one forward pass.

        State: ``shift`` and ``precision`` (U, D), ``count`` (U,), the sums that later pairs add to; ``mean`` and
        ``std`` (U, D) of q_u; ``weight`` (U, K).
        """
        reference = reference.compact()
        return self._state(*self._evidence(reference, self.scaled(reference.responses)))

    def update(self, users: UserState, reference: PairBatch) -> UserState:
        """The users' state after further pairs, without the earlier ones; equal to adapting on all of them."""
        reference = reference.compact()
        more = self._evidence(reference, self.scaled(reference.responses))
        return self._state(
            *(users[name] + new for name, new in zip(("shift", "precision", "count"), more, strict=True))
        )

    def prior_state(self, users: int) -> UserState:
        """The state of users of whom nothing is known."""
        empty = self.basis_mean.new_zeros(users, self.settings.latent)
        return self._state(empty, empty.clone(), empty.new_zeros(users))

    def weights(self, users: UserState) -> Tensor:
        return users["weight"]

    def uncertainty(self, users: UserState) -> Tensor:
        """(U,) mean over the dimensions of sigma_u (VRF section 5)."""
        return users["std"].mean(-1)

    def first_step(self, generator: torch.Generator) -> RewardModel | None:
        """phi with free simplex weights per seen user, which is LoRe with phi's form."""
        return LoRe(LoReParameters(basis=self.basis_settings), self.shape, generator)

    def start_from(self, basis: RewardModel) -> None:
        """Take over phi and the input's scale."""
        assert isinstance(basis, LoRe)
        self.phi.load_state_dict(basis.phi.state_dict())
        self.scaler.load_state_dict(basis.scaler.state_dict())

    def learnable(self, learning_rate: float) -> list[dict[str, Any]]:
        phi = {id(parameter) for parameter in self.phi.parameters()}
        others = [p for p in self.parameters() if id(p) not in phi]
        share = self.settings.phi_learning_rate
        self.phi.requires_grad_(share > 0)
        phi_group = {"params": list(self.phi.parameters()), "lr": share * learning_rate}
        return [{"params": others, "lr": learning_rate}, *([phi_group] if share else [])]

    @torch.no_grad()
    def finish(self, reference: PairBatch) -> None:
        """Keep the mean weight of seen users: the answer for a user without pairs when there is no unit prior."""
        users = self.adapt(reference)
        self.mean_weight.copy_(users["weight"][users["count"] > 0].mean(0))

    def _evidence(self, reference: PairBatch, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sums over each user's pairs, from standardised states (T, H): shift (U, D), precision (U, D), count (U,).

        For the product these are natural parameters; for mean pooling, sums of means and of variances.
        """
        shift = self.basis_mean.new_zeros(reference.n_users, self.settings.latent)
        precision = torch.zeros_like(shift)
        product = self.settings.pooling == "product"
        for rows, pairs in self.encoder(states, reference.chosen, reference.rejected):
            variance, segment = pairs.std.square(), reference.segment[rows]
            shift.index_add_(0, segment, pairs.mean / variance if product else pairs.mean)
            precision.index_add_(0, segment, variance.reciprocal() if product else variance)
        return shift, precision, reference.pairs_per_user().to(states.dtype)

    def _state(self, shift: Tensor, precision: Tensor, count: Tensor) -> UserState:
        posterior = self._posterior(shift, precision, count)
        distances = wasserstein(posterior, self.bases, self.settings.distance_factor)  # (U,K)
        weight = torch.softmax(-distances / self.settings.temperature, -1)  # VRF Eq. (6)
        if not self.settings.unit_prior:
            weight = torch.where(count.unsqueeze(-1) > 0, weight, self.mean_weight)
        evidence = {"shift": shift, "precision": precision, "count": count}
        return UserState({**evidence, "mean": posterior.mean, "std": posterior.std, "weight": weight})

    def _posterior(self, shift: Tensor, precision: Tensor, count: Tensor) -> Gaussians:
        """q_u (VRF Eq. 5). Without pairs and without a prior factor it is undefined: N(0, I) stands in."""
        if self.settings.unit_prior:
            return from_natural(shift, precision + 1)
        known = count.unsqueeze(-1) > 0
        if self.settings.pooling == "product":
            return from_natural(shift, torch.where(known, precision, torch.ones_like(precision)))
        number = count.clamp(min=1).unsqueeze(-1)
        return Gaussians(shift / number, torch.where(known, precision / number, torch.ones_like(precision)).sqrt())
