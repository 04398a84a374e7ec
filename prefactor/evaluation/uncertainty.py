"""Which users will a model get wrong? Candidate uncertainties of a user, and how well each orders users by error.

All candidates grow with doubt and are compared at a fixed number of reference pairs. Those pairs are all they need to
know of a user, so they can be told before the questions are; all but ``low_confidence`` and ``fitted``, which read the
very pairs to predict, though not their labels:

    sigma and others    what the method itself offers: ``RewardModel.uncertainties``
    entropy             of w_u in nats, where w_u is a point on a simplex of more than one basis
    expected_error      mean over a pool of unlabelled pairs, the same for all users, of min(p, 1 - p)
    plain_doubt         the same of the plain probability, without the margin's variance
    reference_nll       mean -log p of the user's own references, which the model has seen
    held_out_nll        the same of each half of them by a model that has adapted to the other half
    flip_rate           the share of references that those probabilities take for slips
    combined            z(ln expected_error) + z(ln held_out_nll), z by mean and deviation over validation users
    combined_more       the same + z(ln disagreement), where the method offers a disagreement
    combined_flips      z(ln expected_error) + z(ln flip_rate), the same z
    low_confidence      one minus the mean plain confidence in the very pairs to predict: the one to beat
    fitted              the four z that need nothing of the method, low_confidence among them, weighed by ridge
                        regression of validation users' error
    fitted_before       the same of the three others: what can be known before the questions are

Lack of data shows in the first two and in what the variance adds to expected_error; inconsistency, of labels with a
model or with each other, in the two nll and in flip_rate. The first two are free, the next three cost a comparison,
and the halves as much as adapting once more. Which of them orders users by error is for ``evaluation.ranking`` to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.cohorts import Cohort
from prefactor.evaluation.accuracy import asked_of_everyone
from prefactor.methods.base import Margin, RewardModel, UserState
from prefactor.preferences import PairBatch
from prefactor.seeds import generator
from prefactor.segments import places, segment_mean, segment_sum

POOL = 64  # pairs: the mean of min(p, 1 - p) over them is known to about 0.02, and all users share the error
LEAST = 1e-6  # before a logarithm
BT = "bt"  # its confidence is what others have to beat
COMBINED, BY_CONFIDENCE = "combined", "low_confidence"
FITTED, FITTED_BEFORE = "fitted", "fitted_before"
RECIPES = {
    COMBINED: ("expected_error", "held_out_nll"),
    "combined_more": ("expected_error", "held_out_nll", "disagreement"),
    "combined_flips": ("expected_error", "flip_rate"),
}
FITS = {
    FITTED: ("expected_error", "reference_nll", "held_out_nll", BY_CONFIDENCE),
    FITTED_BEFORE: ("expected_error", "reference_nll", "held_out_nll"),
}
OF_QUESTIONS = (FITTED, BY_CONFIDENCE)  # what reads the pairs to predict; all others make do with reference pairs
RIDGE = 10.0  # users' worth of evidence that a weight is 0
GENERAL = (  # what can be computed of any method
    "entropy",
    "expected_error",
    "plain_doubt",
    "reference_nll",
    "held_out_nll",
    "flip_rate",
    *RECIPES,
    *FITS,
    BY_CONFIDENCE,
)
FLIP_PRIOR = (1.0, 19.0)  # slips and meant choices seen before any pair: one slip in twenty
FLIP_STEPS = 10

Doubts = dict[str, Tensor]


@dataclass(frozen=True)
class Scales:
    """The constants of combinations, from validation users known by as many pairs as the users who are judged.

    ``by_name`` has mean and standard deviation of ln x by candidate; ``weights`` those of each of FITS by candidate.
    """

    by_name: Mapping[str, tuple[float, float]]
    weights: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(cls, doubts: Mapping[str, Tensor], error: Tensor) -> Self:
        """From candidates (U,) and error rates (U,) on validation pairs; NaN for a user without any.

        A candidate that is the same for all of them has no scale. Weights are those of ridge regression.
        """
        logs = {name: _log(values[~values.isnan()]) for name, values in doubts.items()}
        found = {name: (float(log.mean()), float(log.std())) for name, log in logs.items() if len(log) > 1}
        scales = cls({name: (mean, std) for name, (mean, std) in found.items() if std > LEAST}, {})
        return replace(scales, weights={name: scales._fit(parts, doubts, error) for name, parts in FITS.items()})

    def combined(self, doubts: Mapping[str, Tensor]) -> Doubts:
        """The combinations that the candidates allow."""
        recipes = {**{name: dict.fromkeys(parts, 1.0) for name, parts in RECIPES.items()}, **self.weights}
        return {
            name: torch.stack([weight * self._z(part, doubts[part]) for part, weight in weights.items()]).sum(0)
            for name, weights in recipes.items()
            if weights and all(part in self.by_name and part in doubts for part in weights)
        }

    def _fit(self, names: Sequence[str], doubts: Mapping[str, Tensor], error: Tensor) -> dict[str, float]:
        """Weights of those that have a scale, by ridge regression of the error (U,) of users who have all of them."""
        parts = [name for name in names if name in self.by_name]
        if not parts:
            return {}
        design = torch.stack([self._z(name, doubts[name]) for name in parts], 1)  # (U,P)
        known = ~(design.isnan().any(1) | error.isnan())
        design, target = design[known], error[known] - error[known].mean()
        gram = design.T @ design + RIDGE * torch.eye(len(parts), dtype=design.dtype)  # (P,U)@(U,P)
        return dict(zip(parts, torch.linalg.solve(gram, design.T @ target).tolist(), strict=True))

    def _z(self, name: str, values: Tensor) -> Tensor:
        mean, std = self.by_name[name]
        return (_log(values) - mean) / std


def make_pool(seen: Cohort, size: int = POOL) -> PairBatch:
    """Up to ``size`` different pairs of responses that training users compared, without saying which was chosen."""
    known = seen.known()
    both = torch.unique(torch.stack([known.chosen, known.rejected], 1).sort(1).values, dim=0)
    drawn = both[torch.randperm(len(both), generator=generator(0, "uncertainty", "pool"))[:size]]
    nobody = torch.full((1,), -1)
    pool = PairBatch(known.responses, drawn[:, 0], drawn[:, 1], torch.zeros(len(drawn), dtype=torch.long), nobody)
    return pool.compact()


def is_asked(model: RewardModel) -> bool:
    """Whether every candidate is worth its cost: of a method that offers some of its own, and of BT beside it."""
    return type(model).uncertainties is not RewardModel.uncertainties or model.name == BT


@torch.no_grad()
def user_doubts(model: RewardModel, users: UserState, known: PairBatch, pool: PairBatch) -> Doubts:
    """Every candidate but the combinations, (U,) each, of users who have adapted to ``known``; NaN without pairs."""
    halves = held_out_margin(model, known)
    return {
        **{name: values.double() for name, values in model.uncertainties(users).items()},
        **_entropy(users),
        **pool_doubts(model, users, pool),
        "reference_nll": _mean(-F.logsigmoid(model.compare(users, known).logit()), known),
        "held_out_nll": _mean(-halves.probability().double().clamp(min=LEAST).log(), known),
        "flip_rate": flip_rate(torch.sigmoid(halves.attenuated().double()), known),
    }


def pool_doubts(model: RewardModel, users: UserState, pool: PairBatch) -> Doubts:
    """(U,) means over the pool of min(p, 1 - p), for both forms of the probability."""
    found = []
    for margin in asked_of_everyone(model, users, pool):
        logits = torch.stack([margin.logit(), margin.plain()])  # (2,u,P)
        found.append(torch.sigmoid(-logits.double().abs()).mean(-1))  # (2,u,P) -> (2,u)
    attenuated, plain = torch.cat(found, 1)
    return {"expected_error": attenuated, "plain_doubt": plain}


def held_out_margin(model: RewardModel, known: PairBatch) -> Margin:
    """The margin (N,) of every known pair, by the model adapted to the other half of the same user's pairs."""
    place, _ = places(known.segment, known.n_users)
    odd = place % 2
    nobody = known.users.new_full((2 * known.n_users,), -1)  # each half is a stranger's
    halves = replace(known, segment=2 * known.segment + odd, users=nobody)
    others = replace(known, segment=2 * known.segment + 1 - odd, users=nobody)
    return model.compare(model.adapt(halves), others)


def flip_rate(chance: Tensor, known: PairBatch) -> Tensor:
    """(U,) rate of reversed labels: EM for a mixture of p and 1 - p, with prior counts; NaN without pairs.

    A label of probability p (N,) is as likely to be a slip as e (1 - p) is to (1 - e) p; p is that of a choice that is
    meant, or slips would be counted twice.
    """
    count = known.pairs_per_user().double()
    first, second = FLIP_PRIOR
    rate = torch.full_like(count, first / (first + second))
    for _ in range(FLIP_STEPS):
        each = rate[known.segment]
        slip, meant = each * (1 - chance), (1 - each) * chance
        slips = segment_sum(slip / (slip + meant).clamp(min=LEAST), known.segment, known.n_users)
        rate = (first + slips) / (first + second + count)
    return torch.where(count > 0, rate, torch.nan)


def _entropy(users: UserState) -> Doubts:
    """Of weights that lie on a simplex; a method whose weights are free, or one, has none."""
    weight = users.tensors.get("weight")
    if weight is None or weight.shape[-1] == 1:
        return {}
    on_simplex = bool((weight >= 0).all()) and torch.allclose(weight.sum(-1), torch.ones(len(weight)), atol=1e-3)
    return {"entropy": torch.special.entr(weight.double()).sum(-1)} if on_simplex else {}


def _mean(values: Tensor, pairs: PairBatch) -> Tensor:
    """(N,) -> (U,), NaN for a user without pairs."""
    mean = segment_mean(values.double(), pairs.segment, pairs.n_users)
    return torch.where(pairs.pairs_per_user() > 0, mean, torch.nan)


def _log(values: Tensor) -> Tensor:
    return values.clamp(min=LEAST).log()
