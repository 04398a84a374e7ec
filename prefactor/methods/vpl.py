"""VPL: variational preference learning: a user is a latent vector inferred from pairs (Poddar et al. 2024)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.base import Margin, Shape, UserState
from prefactor.methods.basis import Dropout, initialise
from prefactor.methods.gaussians import Gaussians, divergence_from_standard
from prefactor.methods.standardised import StandardisedReward
from prefactor.preferences import PairBatch, Responses
from prefactor.segments import groups_by_length, segment_mean

NEGATIVE_SLOPE = 0.2  # of every LeakyReLU
POSTERIOR_RANGE = (-1.0, 1.0)  # of mu and of log sigma^2
ROWS_PER_CHUNK = 8_192  # a chunk stays in the processor's cache, and memory does not grow with the users
ATTENTION_CELLS = 4_000_000  # of a group's attention weights


@dataclass(frozen=True)
class VPLParameters:
    """Widths, regularisation and the input.

    latent              D; None is H, as in the authors' language models, where widths are about the backbone's
    encoder_width       hidden width of the pair encoder; None is H
    reward_width        hidden width of the reward; None is H
    reward_layers       linear layers of the reward
    regularisation      lambda, the final weight of the KL divergence
    annealing_steps     training steps over which lambda rises linearly from 0
    dropout             dropout on the standardised input, of encoder and reward
    standardise         scale every dimension of the states to mean 0 and variance 1 over the training responses
    """

    latent: int | None = None
    encoder_width: int | None = None
    reward_width: int | None = None
    reward_layers: int = 3
    regularisation: float = 1e-4
    annealing_steps: int = 500
    dropout: float = 0.0
    standardise: bool = True

    def __post_init__(self) -> None:
        for name in ("latent", "encoder_width", "reward_width"):
            if (width := getattr(self, name)) is not None and width < 1:
                raise ValueError(f"{name} must be at least 1, or null for the states' width, got {width}")
        if self.reward_layers < 2:
            raise ValueError(f"reward_layers must be at least 2, got {self.reward_layers}")
        if self.regularisation < 0:
            raise ValueError(f"regularisation must not be negative, got {self.regularisation}")
        if self.annealing_steps < 0:
            raise ValueError(f"annealing_steps must not be negative, got {self.annealing_steps}: 0 turns it off")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")


class PairEncoder(nn.Module):
    """A reference pair to a code in R^D: three layers over [h+ || h-].

    The first is linear in h+ and h-, so it is applied once per unique response: W [h+ || h-] = W+ h+ + W- h-.
    """

    def __init__(self, width: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.first = nn.Linear(2 * width, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.third = nn.Linear(hidden, latent)

    def forward(self, states: Tensor, chosen: Tensor, rejected: Tensor) -> Tensor:
        """States (T, H) and rows (N,), (N,) of y+ and y- to codes (N, D)."""
        of_chosen, of_rejected = self.first.weight.chunk(2, -1)  # (hidden,H),(hidden,H)
        plus = F.linear(states, of_chosen, self.first.bias)  # (T,H)@(H,hidden)
        minus = F.linear(states, of_rejected)
        codes = []
        for rows in torch.arange(len(chosen), device=states.device).split(ROWS_PER_CHUNK):
            hidden = F.leaky_relu(plus[chosen[rows]] + minus[rejected[rows]], NEGATIVE_SLOPE)
            codes.append(self.third(F.leaky_relu(self.second(hidden), NEGATIVE_SLOPE)))
        return torch.cat(codes)


class PairAttention(nn.Module):
    """Self-attention with one head over each user's pairs, then the mean over them.

    The mean of attended values is the value layer at the mean of attended codes, because attention weights sum to 1:
    the layer is applied once per user. The key layer has no bias, which would change no weight.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.query = nn.Linear(latent, latent)
        self.key = nn.Linear(latent, latent, bias=False)
        self.value = nn.Linear(latent, latent)

    def forward(self, codes: Tensor, segment: Tensor, users: int) -> Tensor:
        """Codes (N, D) of pairs to (U, D); the value layer's bias for a user without pairs."""
        query = self.query(codes) * codes.shape[-1] ** -0.5  # (N,D)
        key = self.key(codes)
        attended = torch.zeros(users, codes.shape[-1], dtype=codes.dtype, device=codes.device)
        for chosen, rows, real in groups_by_length(segment, users, lambda n: ATTENTION_CELLS // n**2):
            scores = query[rows] @ key[rows].mT  # (u,n,D)@(u,D,n) -> (u,n,n)
            weight = scores.masked_fill(~real.unsqueeze(-2), -torch.inf).softmax(-1)
            received = (weight * real.unsqueeze(-1)).sum(-2) / real.sum(-1, keepdim=True)  # (u,n): mean over queries
            mean = (received.unsqueeze(-2) @ codes[rows]).squeeze(-2)  # (u,1,n)@(u,n,D) -> (u,D)
            attended = attended.index_add(0, chosen, mean)
        return self.value(attended)


class LatentReward(nn.Module):
    """r(h, z): an MLP over [h || z], whose first layer is applied to each response and to each user once."""

    def __init__(self, width: int, latent: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.first = nn.Linear(width + latent, hidden)
        self.middle = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers - 2))
        self.last = nn.Linear(hidden, 1)

    def forward(self, states: Tensor, latents: Tensor, response: Tensor, user: Tensor) -> Tensor:
        """States (T, H), latents (U, D), and which of each meet, (M,) and (M,), to rewards (M,) in logits."""
        of_state, of_latent = self.first.weight.split([states.shape[-1], latents.shape[-1]], -1)
        from_state = F.linear(states, of_state, self.first.bias)  # (T,H)@(H,hidden)
        from_latent = F.linear(latents, of_latent)  # (U,D)@(D,hidden)
        rewards = []
        for rows in torch.arange(len(response), device=states.device).split(ROWS_PER_CHUNK):
            hidden = F.leaky_relu(from_state[response[rows]] + from_latent[user[rows]], NEGATIVE_SLOPE)
            for layer in self.middle:
                hidden = F.leaky_relu(layer(hidden), NEGATIVE_SLOPE)
            rewards.append(self.last(hidden).squeeze(-1))
        return torch.cat(rewards)


class VPL(StandardisedReward):
    """q(z | C_u) = N(mu, diag sigma^2), r_u = r(h, z): z is drawn in training and the mean mu afterwards."""

    name = "vpl"
    Parameters = VPLParameters
    settings: VPLParameters
    steps: Tensor

    def __init__(self, settings: VPLParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings.standardise, settings, shape)
        width = shape.width
        latent = settings.latent or width
        self.dropout = Dropout(settings.dropout)
        self.encoder = PairEncoder(width, settings.encoder_width or width, latent)
        self.attention = PairAttention(latent)
        self.mean = nn.Linear(latent, latent)
        self.log_variance = nn.Linear(latent, latent)
        self.head = LatentReward(width, latent, settings.reward_width or width, settings.reward_layers)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))  # training steps taken, for annealing
        initialise(self, generator)

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        """BT on target pairs, mean over pairs, + lambda_t KL(q_u || N(0, I)), mean over users, in nats."""
        self.train_noise(generator)
        (states, judged), targets = self._inputs(batch.responses), batch.targets()
        posterior = self.posterior(batch.references(), states)
        noise = torch.randn(posterior.mean.shape, generator=generator, device=states.device)
        margin = self._margin(judged, posterior.mean + posterior.std * noise, targets)
        self.steps += int(self.training)
        return -F.logsigmoid(margin).mean() + self.annealed() * divergence_from_standard(posterior).mean()

    def _inputs(self, responses: Responses) -> tuple[Tensor, Tensor]:
        """What the encoder and what the reward reads, with dropout: drawn once where they read the same."""
        states, judged = self.both_states(responses)
        dropped = self.dropout(states)
        return dropped, self.dropout(judged) if self.shape.tuned else dropped

    @property
    def rewards_known(self) -> bool:
        return False

    def annealed(self) -> Tensor:
        """() lambda at the present step."""
        rising = self.settings.annealing_steps
        return self.settings.regularisation * ((self.steps / rising).clamp(max=1) if rising else torch.ones(()))

    def posterior(self, reference: PairBatch, states: Tensor) -> Gaussians:
        """q(z | C_u) of every user, (U, D), from input states (T, H); the prior N(0, I) for a user without pairs."""
        codes = self.encoder(states, reference.chosen, reference.rejected)  # (N,D)
        context = self.attention(codes, reference.segment, reference.n_users)  # (U,D)
        known = (reference.pairs_per_user() > 0).unsqueeze(-1)  # (U,1)
        mean = self.mean(context).clamp(*POSTERIOR_RANGE) * known
        log_variance = self.log_variance(context).clamp(*POSTERIOR_RANGE) * known
        return Gaussians(mean, (log_variance / 2).exp())

    def adapt(self, reference: PairBatch) -> UserState:
        """One forward pass. State: ``mean`` and ``std`` (U, D) of q(z | C_u)."""
        reference = reference.compact()
        posterior = self.posterior(reference, self.scaled(reference.responses))
        return UserState({"mean": posterior.mean, "std": posterior.std})

    def reward(self, users: UserState, responses: Responses, segment: Tensor) -> Tensor:
        row = torch.arange(len(responses), device=segment.device)
        return self.head(self.reward_states(responses), users["mean"], row, segment)

    def compare(self, users: UserState, pairs: PairBatch) -> Margin:
        mean = self._margin(self.reward_states(pairs.responses), users["mean"], pairs)
        return Margin(mean, torch.zeros_like(mean))

    def against_mean(self, users: UserState, responses: Responses, segment: Tensor) -> Margin:
        reward = self.reward(users, responses, segment)  # (T,)
        mean = reward - segment_mean(reward, segment, len(users))[segment]
        return Margin(mean, torch.zeros_like(mean))

    def _margin(self, states: Tensor, latents: Tensor, pairs: PairBatch) -> Tensor:
        """(N,) r(h+, z_u) - r(h-, z_u)."""
        both = torch.cat([pairs.chosen, pairs.rejected])  # (2N,)
        plus, minus = self.head(states, latents, both, pairs.segment.repeat(2)).chunk(2)
        return plus - minus
