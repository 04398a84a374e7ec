"""Rewards with a mean and a log-variance per user and response (TTP): what Prob and its global form share."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.methods.base import Margin, UserState
from prefactor.methods.factorised import BASIS, FactorisedReward
from prefactor.methods.prob_noise import Noise, NoiseParameters
from prefactor.methods.prob_scores import known_margins, logits_of, negative_log_likelihood, unit_of
from prefactor.preferences import PairBatch, Responses
from prefactor.segments import segment_mean, segment_sum

NOISE = "noise"  # the view of responses that have been read, beside that of their basis rewards


class ProbabilisticReward(FactorisedReward):
    """r_u(y) ~ N(mu_u(y), s_u^2(y)), independent between responses: mu_u as the factorised reward has it.

    P(y+ > y-) = sigmoid((mu+ - mu-) / sqrt(1 + pi (s+^2 + s-^2) / 8)). A subclass calls ``add_noise`` last when it is
    built, so that all else is drawn as if there were no variance.

    With ``likelihood`` scores, mean and variance are in units, of which one is ``unit`` in scores and
    ``logits_per_unit`` in logits; ``variance_share`` is how much of the variance choices show. All three are 1 for
    pairs, whose unit is the logit.
    """

    settings: NoiseParameters
    noise: Noise | None
    unit: Tensor
    logits_per_unit: Tensor
    variance_share: Tensor

    def add_noise(self, personal: int, generator: torch.Generator) -> None:
        """Give it its variance, of which ``personal`` = K outputs are a user's, and its units."""
        settings = self.settings
        self.noise = Noise(settings, personal, self.shape.width, generator) if settings.variance else None
        for name in ("unit", "logits_per_unit", "variance_share"):
            self.register_buffer(name, torch.ones(()))

    @property
    def of_scores(self) -> bool:
        """Whether it is fitted to scores."""
        return self.settings.likelihood == "scores"

    def prepare(self, known: PairBatch, generator: torch.Generator) -> None:
        """Take the unit of the scores from the training pairs."""
        if self.of_scores:
            self.unit.copy_(unit_of(known_margins(known)))
        super().prepare(known, generator)

    def score_differences(self, pairs: PairBatch) -> Tensor:
        """(N,) d, in units. Raises InputError where a score is missing."""
        return known_margins(pairs).to(self.unit) / self.unit

    def difference(self, weights: Tensor, pairs: PairBatch) -> Margin:
        """Mean and variance (N,) of r_u(y+) - r_u(y-) in units, by the users' weights (U, K) of the bases."""
        states = self.reward_states(pairs.responses)
        own = weights[pairs.segment]  # (N,K)
        mean = (own * self.differences(self.phi(states), pairs)).sum(-1)
        return Margin(mean, self.noise_of(own, None if self.noise is None else self.noise(states), pairs))

    def noise_of(self, own: Tensor, found: Tensor | None, pairs: PairBatch) -> Tensor:
        """(N,) s+^2 + s-^2 by each pair's weights (N, K) and psi and c (T, K + 1) of responses; 0 without variance."""
        if self.noise is None or found is None:
            return own.new_zeros(len(pairs))
        return self.noise.variance(own, found[pairs.chosen]) + self.noise.variance(own, found[pairs.rejected])

    def pair_losses(self, margin: Margin, pairs: PairBatch) -> Tensor:
        """(N,) -log likelihood in nats, of choices or of scores, for margins in units."""
        if not self.of_scores:
            return -F.logsigmoid(margin.attenuated())
        return negative_log_likelihood(
            self.score_differences(pairs), Margin(margin.mean, self.score_variance(margin.variance))
        )

    def score_variance(self, variance: Tensor) -> Tensor:
        """(N,) of score differences: that of the margins, or 1 where none is learnt, which is least squares."""
        return torch.ones_like(variance) if self.noise is None else variance

    def in_logits(self, margin: Margin) -> Margin:
        """From units to logits."""
        scale = self.logits_per_unit
        return Margin(scale * margin.mean, scale.square() * self.variance_share * margin.variance)

    def reward(self, users: UserState, responses: Responses, segment: Tensor) -> Tensor:
        return self.logits_per_unit * super().reward(users, responses, segment)

    def compare(self, users: UserState, pairs: PairBatch) -> Margin:
        return self.in_logits(self.difference(self.weights(users), pairs))

    def read(self, responses: Responses) -> Responses:
        """Their basis rewards (T, K), and psi and c (T, K + 1) if it has a variance."""
        states = self.reward_states(responses)
        views = {BASIS: self.phi(states)}
        if self.noise is not None:
            views[NOISE] = self.noise(states)
        return Responses(views, responses.text)

    def against_mean_of(self, users: UserState, read: Responses, segment: Tensor) -> Margin:
        """The variance of r_y less the mean of M independent rewards is s_y^2 (1 - 2 / M) + sum of s^2 / M^2."""
        own = self.weights(users)[segment]
        mean = (own * read.views[BASIS]).sum(-1)  # (T,K),(T,K) -> (T,)
        mean = mean - segment_mean(mean, segment, len(users))[segment]
        if self.noise is None:
            return self.in_logits(Margin(mean, torch.zeros_like(mean)))
        variance = self.noise.variance(own, read.views[NOISE])  # (T,)
        several = torch.bincount(segment, minlength=len(users))[segment].to(variance)  # (T,) M
        of_mean = segment_sum(variance, segment, len(users))[segment] / several.square()
        return self.in_logits(Margin(mean, (variance * (1 - 2 / several) + of_mean).clamp(min=0)))

    def calibrate(self, known: Sequence[PairBatch], pairs: PairBatch) -> None:
        """How many logits a unit of the score is, from held-out users' choices; a model of pairs is in logits."""
        super().calibrate(known, pairs)
        if not self.of_scores:
            return
        pairs = pairs.compact()
        with torch.no_grad():
            found = [self.difference(self.weights(self.adapt(reference)), pairs) for reference in known]
        every = Margin(torch.cat([m.mean for m in found]), torch.cat([m.variance for m in found]))
        scale, share = logits_of(every)
        self.logits_per_unit.fill_(scale)
        self.variance_share.fill_(share)
