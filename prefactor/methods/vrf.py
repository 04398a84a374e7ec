"""VRF: variational reward factorisation. Users are Gaussians, matched to K Gaussian bases by Wasserstein distance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.errors import InputError
from prefactor.methods.base import Margin, RewardModel, Shape, UserState
from prefactor.methods.basis import BasisAndCommon
from prefactor.methods.calibration import Calibration
from prefactor.methods.factorised import FactorisedReward
from prefactor.methods.filtering import Belief
from prefactor.methods.gaussians import (
    Gaussians,
    divergence_from_mixture,
    divergence_from_standard,
    from_natural,
    variance_along,
    wasserstein,
)
from prefactor.methods.loadings import POWERS, Loadings, Power, pooled
from prefactor.methods.logistic import Observed
from prefactor.methods.lore import LoRe, LoReParameters
from prefactor.methods.pair_encoder import LOG_STD_RANGE, PairEncoder
from prefactor.methods.pref import PReF, PReFParameters
from prefactor.methods.taste_axes import FilledParameters, leading_tastes
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.preferences import PairBatch

BELIEF = ("belief", "spread", "evidence")


class VRF(FactorisedReward):
    """Variational Reward Factorisation.

    Published: r_u = w_u . phi. With loadings: r_u = b + lambda_u . phi, where lambda_u is the mean of the user's
    weights under the bases, weighed by w_u; phi's last output is then the common reward b, if there is one.
    """

    name = "vrf"
    Parameters = VRFParameters
    probabilistic = True
    settings: VRFParameters
    mean_weight: Tensor

    def __init__(self, settings: VRFParameters, shape: Shape, generator: torch.Generator) -> None:
        filled = 0 if settings.filled is None else settings.filled.outputs
        self.features = settings.basis.bases + filled  # outputs of phi that user weights act on
        within = settings.common and settings.common_network is None
        basis = replace(settings.basis, bases=self.features + within)
        super().__init__(basis, settings, shape, generator, common=settings.common_network)
        loadings, latent = settings.loadings, settings.latent
        self.loadings = None if loadings is None else Loadings(loadings, self.features, generator)
        bases = self.features if loadings is None else loadings.bases
        self.matched = loadings is None or loadings.matched
        if self.matched:
            width = settings.encoder_width or max(shape.width // 2, 1)
            self.encoder = PairEncoder(shape.width, width, latent, settings.encoder_dropout, generator)
            self.basis_mean = nn.Parameter(settings.basis_mean_scale * torch.randn(bases, latent, generator=generator))
            self.basis_log_std = nn.Parameter(torch.full((bases, latent), settings.basis_log_std))
        for part, share in self._rates():
            part.requires_grad_(share > 0)
        self.calibration = Calibration(settings.lapses)
        self.register_buffer("mean_weight", torch.full((bases,), 1 / bases))
        self.started = loadings is None

    @property
    def bases(self) -> Gaussians:
        """The K preference bases p_k: mean and std (K, D)."""
        return Gaussians(self.basis_mean, self.basis_log_std.clamp(*LOG_STD_RANGE).exp())

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        """L = L_VBT + L_SEP + beta L_REG (VRF Eq. 9): mean over target pairs, sum over base pairs, mean over users."""
        self.train_noise(generator)
        (states, judged), targets = self.both_states(batch.responses), batch.targets()
        phi = self.phi(judged)
        users = self._state(self._absorbed(self._nothing(batch.n_users), batch.references(), states, phi))
        margin = self.judge(users, targets.segment, self.differences(phi, targets))
        loss = -F.logsigmoid(margin.attenuated() if self.settings.attenuated else margin.mean).mean()
        return loss + self.latent_loss(users, generator) if self.matched else loss

    def latent_loss(self, users: UserState, generator: torch.Generator) -> Tensor:
        """L_SEP + beta L_REG, as far as they are switched on."""
        loss = users["mean"].new_zeros(())
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

        State: what later pairs move on, ``count`` (U,), ``shift`` and ``precision`` (U, D), and with loadings
        ``belief`` (U, K, R), ``spread`` (U, R, R), ``evidence`` (U, K); ``mean`` and ``std`` (U, D) of q_u;
        ``weight`` (U, K); with loadings ``loading`` (U, R) and ``covariance`` (U, R, R) of lambda_u's live entries;
        ``scale``, ``widening`` (U,).
        """
        return self._after(self._nothing(reference.n_users), reference)

    def update(self, users: UserState, reference: PairBatch) -> UserState:
        """The users' state after further pairs, without the earlier ones; equal to adapting on all of them in turn."""
        return self._after(users.tensors, reference)

    def prior_state(self, users: int) -> UserState:
        """The state of users of whom nothing is known."""
        return self._state(self._nothing(users))

    def kept(self, users: UserState) -> dict[str, Tensor]:
        """What ``update`` goes on from: the tensors of a state that are stored, and all others follow from."""
        return {name: users[name] for name in self._nothing(0)}

    def from_kept(self, kept: Mapping[str, Tensor]) -> UserState:
        """The state that they were kept of."""
        return self._state(kept)

    def weights(self, users: UserState) -> Tensor:
        """(U, K) w_u; with loadings (U, F) lambda_u, or (U, F + 1) with the common reward's weight."""
        if self.loadings is None:
            return users["weight"] * users["scale"].unsqueeze(-1)
        whole = F.pad(users["loading"], (0, self.features - self.loadings.live))  # (U,R) -> (U,F)
        return F.pad(whole, (0, int(self.settings.common)), value=1.0) * users["scale"].unsqueeze(-1)

    def judge(self, users: UserState, segment: Tensor, difference: Tensor) -> Margin:
        """VRF Eq. (7); with loadings the variance of lambda_u . dphi, of which Eq. (7) is the case of unit loadings."""
        scale, widening = users["scale"][segment], users["widening"][segment]
        if self.loadings is None:
            margin = self.margin(users["weight"][segment], difference)
            return Margin(margin.mean * scale, margin.variance * scale.square() * widening, self.calibration.lapse)
        mean = (self.weights(users)[segment] * difference).sum(-1)  # (N,F+1),(N,F+1) -> (N,) logit
        variance = variance_along(difference[:, : self.loadings.live], users["covariance"], segment)  # (N,) logit^2
        return Margin(mean, variance * scale.square() * widening, self.calibration.lapse)

    @property
    def rewards_known(self) -> bool:
        return self.loadings is not None  # as published, reference pairs go to the encoder alone

    def uncertainty(self, users: UserState) -> Tensor:
        """(U,) mean over the dimensions of sigma_u (VRF section 5); without an encoder, of lambda_u's deviation."""
        if self.matched:
            return users["std"].mean(-1)
        return users["covariance"].diagonal(dim1=-2, dim2=-1).sqrt().mean(-1)

    def uncertainties(self, users: UserState) -> dict[str, Tensor]:
        """``sigma``, as published; with loadings ``weight_spread``, lambda_u's mean deviation,
        and ``disagreement`` of the shares that the encoder gives with those that the evidence gives, in [0, 1]."""
        found = {"sigma": users["std"].mean(-1)} if self.matched else {}
        if self.loadings is None:
            return found
        found["weight_spread"] = users["covariance"].diagonal(dim1=-2, dim2=-1).sqrt().mean(-1)
        if self.matched:
            found["disagreement"] = self.disagreement(self.nearness(users.tensors), users["evidence"])
        return found

    def disagreement(self, nearness: Tensor, evidence: Tensor) -> Tensor:
        """(U,) half the absolute difference of the shares that the encoder and that the evidence give, in [0, 1].

        ``nearness`` and ``evidence`` (U, K) as for ``shares``.
        """
        assert self.loadings is not None
        read = _normalised(self.loadings.log_share + nearness)  # (U,K)
        explained = _normalised(self.loadings.log_share + evidence)
        return (read - explained).abs().sum(-1) / 2

    def first_step(self, generator: torch.Generator) -> RewardModel | None:
        """phi with free weights per seen user: simplex weights (LoRe), or with loadings unconstrained ones (PReF)."""
        if self.loadings is None:
            return LoRe(LoReParameters(basis=self.basis_settings), self.shape, generator)
        settings = PReFParameters(
            basis=self.settings.basis,
            shrinkage=self.settings.first_ridge,
            svd_start=self.settings.start != "random",
            detected=self.settings.start == "detected",
            common=self.settings.common,
            common_network=self.settings.common_network,
        )
        return PReF(settings, self.shape, generator)

    def start_from(self, basis: RewardModel) -> None:
        """Take over phi and the input's scale; outputs that are to be filled are zero until then."""
        assert isinstance(basis, LoRe | PReF)
        theirs = basis.phi.state_dict()
        if self.settings.filled is not None:
            fitted, further = self.settings.basis.bases, self.settings.filled.outputs
            for name in ("layers.weight", "layers.bias"):
                personal, common = theirs[name][:fitted], theirs[name][fitted:]
                nothing = personal.new_zeros(further, *personal.shape[1:])
                theirs[name] = torch.cat([personal, nothing, common])
        self.phi.load_state_dict(theirs)
        self.scaler.load_state_dict(basis.scaler.state_dict())
        self.started = True

    @torch.no_grad()
    def prepare(self, known: PairBatch, generator: torch.Generator) -> None:
        """With loadings: the bases become the mixture that seen users' weights come from, then phi is filled."""
        if self.loadings is None:
            return
        if not self.started:
            raise InputError("vrf with loadings needs a trained phi to start from: give it a basis_training, not null")
        known = known.compact()
        states = self.reward_states(known.responses)
        # Of the outputs found alone: among many weak ones the mixture's means are mostly noise.
        found = self.phi.used(self.features)
        self.loadings.rank.fill_(max(found, 1))
        self.loadings.start(self._observed(known, self.phi(states)), generator)
        if self.settings.filled is not None:
            self._fill(found, known, states, self.settings.filled)
            self.loadings.rank.fill_(self.phi.live(self.features))

    def _fill(self, found: int, known: PairBatch, states: Tensor, parameters: FilledParameters) -> None:
        """Outputs after those found; where no taste stood out nobody differs, and the mean is everyone's."""
        last = self.phi.last
        tastes = leading_tastes(known, states, last.weight[:found], parameters)
        if found > (not self.settings.common):  # the common taste is an output like others where it has none of its own
            last.weight[found : found + parameters.outputs] = tastes.features
        elif self.settings.common:
            layer, row = (self.phi.common, 0) if isinstance(self.phi, BasisAndCommon) else (last, self.features)
            if isinstance(layer, nn.Linear):
                layer.weight[row], layer.bias[row] = tastes.common, 0.0

    def learnable(self, learning_rate: float) -> list[dict[str, Any]]:
        """phi's parts at their own rates."""
        apart = {id(parameter) for parameter in self.phi.parameters()}
        others = [p for p in self.parameters() if p.requires_grad and id(p) not in apart]
        groups: list[dict[str, Any]] = [{"params": others, "lr": learning_rate}] if others else []
        rates = [(part, share * learning_rate) for part, share in self._rates() if share]
        return groups + [{"params": list(part.parameters()), "lr": rate} for part, rate in rates]

    def _rates(self) -> Iterator[tuple[nn.Module, float]]:
        """phi's parts, each with its learning rate as a share of the encoder's."""
        yield self.phi.layers, self.settings.phi_learning_rate
        if isinstance(self.phi, BasisAndCommon):
            yield self.phi.common, self.settings.common_rate

    @torch.no_grad()
    def finish(self, reference: PairBatch) -> None:
        """Keep the mean weight of seen users: the answer for a user without pairs when there is no unit prior."""
        users = self.adapt(reference)
        self.mean_weight.copy_(users["weight"][users["count"] > 0].mean(0))

    @torch.no_grad()
    def calibrate(self, known: Sequence[PairBatch], pairs: PairBatch) -> None:
        weighed = self.loadings is not None and self.matched and self.loadings.settings.weighed
        if not (weighed or self.settings.calibrated):
            return
        pairs = pairs.compact()
        states = [self.adapt(reference) for reference in known]
        if self.loadings is not None and weighed:
            losses = {power: self._calibrated(states, known, pairs, power) for power in POWERS}
            self.loadings.power.copy_(torch.tensor(min(losses, key=losses.__getitem__)))
        self.calibration.reset()
        if self.settings.calibrated:
            self._calibrated(states, known, pairs)

    def _calibrated(
        self, states: Sequence[UserState], known: Sequence[PairBatch], pairs: PairBatch, power: Power | None = None
    ) -> float:
        """Calibrate, with other powers of encoder and evidence where given; the mean log loss in nats."""
        if self.loadings is not None and power is not None:
            self.loadings.power.copy_(torch.tensor(power))
        self.calibration.reset()
        return self.calibration.fit_users(self, [self._state(state.tensors) for state in states], known, pairs)

    def _nothing(self, users: int) -> dict[str, Tensor]:
        """What is known of users without pairs."""
        like = self.mean_weight
        state = {"count": like.new_zeros(users)}
        if self.matched:
            state |= {name: like.new_zeros(users, self.settings.latent) for name in ("shift", "precision")}
        if self.loadings is not None:
            state |= _stored(self.loadings.prior(users))
        return state

    def _after(self, state: Mapping[str, Tensor], reference: PairBatch) -> UserState:
        """The state after further pairs."""
        reference = reference.compact()
        if self.loadings is None:
            return self._state(self._absorbed(state, reference, self.scaled(reference.responses), None))
        states, judged = self.both_states(reference.responses)
        phi = self.phi(judged)
        return self._state(self._absorbed(state, reference, states, phi))

    def _absorbed(
        self, state: Mapping[str, Tensor], reference: PairBatch, states: Tensor, phi: Tensor | None
    ) -> dict[str, Tensor]:
        """What is kept of the users' pairs, from standardised states (T, H) and, with loadings, phi of them."""
        found = {"count": state["count"] + reference.pairs_per_user()}
        if self.matched:
            found |= {name: state[name] + more for name, more in self._latent_sums(reference, states).items()}
        if self.loadings is not None:
            assert phi is not None
            belief = Belief(*(state[name] for name in BELIEF))
            found |= _stored(self.loadings.absorbed(belief, self._observed(reference, phi)))
        return found

    def _latent_sums(self, reference: PairBatch, states: Tensor) -> dict[str, Tensor]:
        """Shift (U, D) and precision (U, D): natural parameters for the product; for mean pooling sums of moments."""
        shift = self.basis_mean.new_zeros(reference.n_users, self.settings.latent)
        precision = torch.zeros_like(shift)
        product = self.settings.pooling == "product"
        for rows, pairs in self.encoder(states, reference.chosen, reference.rejected):
            variance, segment = pairs.std.square(), reference.segment[rows]
            shift.index_add_(0, segment, pairs.mean / variance if product else pairs.mean)
            precision.index_add_(0, segment, variance.reciprocal() if product else variance)
        return {"shift": shift, "precision": precision}

    def _observed(self, pairs: PairBatch, phi: Tensor) -> Observed:
        """phi (T, F) or (T, F + 1) to what loadings see of pairs: its R live outputs, and the common reward."""
        assert self.loadings is not None
        observed = Observed.personal(self.differences(phi, pairs), self.features, pairs)
        return replace(observed, difference=observed.difference[:, : self.loadings.live])

    def _state(self, kept: Mapping[str, Tensor]) -> UserState:
        """What is kept of the users' pairs, and all that follows from it."""
        state = dict(kept)
        count = state["count"]
        if self.matched:
            posterior = self.posterior(state["shift"], state["precision"], count)
            state |= {"mean": posterior.mean, "std": posterior.std}
        weight = self.shares(self.nearness(state), state.get("evidence"))
        if not self.settings.unit_prior:
            weight = torch.where(count.unsqueeze(-1) > 0, weight, self.mean_weight)
        state["weight"] = weight
        if self.loadings is not None:
            mean, covariance = self.loadings.weights(Belief(*(state[name] for name in BELIEF)))
            state["loading"], state["covariance"] = pooled(weight, mean, covariance)
        calibration = {"scale": self.calibration.scale(count), "widening": self.calibration.widening(count)}
        return UserState({**state, **calibration})

    def shares(self, nearness: Tensor, evidence: Tensor | None) -> Tensor:
        """(U, K) shares of the bases: by distance (VRF Eq. 6), with loadings also by share and evidence of a basis.

        ``nearness`` (U, K) as below; ``evidence`` (U, K) in nats, None without loadings.
        """
        if self.loadings is None:
            return _normalised(nearness)
        assert evidence is not None
        read, explained = self.loadings.power
        return _normalised(self.loadings.log_share + read * nearness + explained * evidence)

    def nearness(self, state: Mapping[str, Tensor]) -> Tensor:
        """(U, K) -W^2 / tau_w of the users' posteriors and the bases; 0 without an encoder."""
        if not self.matched:
            return self.mean_weight.new_zeros(len(state["count"]), len(self.mean_weight))
        posterior = Gaussians(state["mean"], state["std"])
        return -wasserstein(posterior, self.bases, self.settings.distance_factor) / self.settings.temperature

    def posterior(self, shift: Tensor, precision: Tensor, count: Tensor) -> Gaussians:
        """q_u (VRF Eq. 5). Without pairs and without a prior factor it is undefined: N(0, I) stands in."""
        if self.settings.unit_prior:
            return from_natural(shift, precision + 1)
        known = count.unsqueeze(-1) > 0
        if self.settings.pooling == "product":
            return from_natural(shift, torch.where(known, precision, torch.ones_like(precision)))
        number = count.clamp(min=1).unsqueeze(-1)
        return Gaussians(shift / number, torch.where(known, precision / number, torch.ones_like(precision)).sqrt())


def _normalised(log_share: Tensor) -> Tensor:
    """Softmax of (U, K) over K. Rows are short, and torch is many times as fast along columns."""
    return log_share.mT.softmax(0).mT.contiguous()


def _stored(belief: Belief) -> dict[str, Tensor]:
    """A belief about weights as part of a user's state."""
    return {"belief": belief.mean, "spread": belief.covariance, "evidence": belief.evidence}
