"""Filtering pairs one by one: the moments of the exact posterior, no order of users, no blow-up however wrong."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from prefactor.methods import filtering as module
from prefactor.methods.filtering import Belief, absorb
from prefactor.methods.logistic import Observed

WIDTH = 3


def random_pairs(users: int, counts: list[int], width: int = WIDTH, size: float = 1.0) -> Observed:
    """Users in mixed order, ``counts`` (users,) pairs each."""
    generator = torch.Generator().manual_seed(0)
    segment = torch.repeat_interleave(torch.arange(users), torch.tensor(counts))
    segment = segment[torch.randperm(len(segment), generator=generator)]
    difference = size * torch.randn(len(segment), width, generator=generator, dtype=torch.float64)
    offset = torch.randn(len(segment), generator=generator, dtype=torch.float64)
    return Observed(difference, offset, segment, users)


def make_prior(users: int, components: int = 2, width: int = WIDTH, size: float = 1.0) -> Belief:
    generator = torch.Generator().manual_seed(1)
    mean = size * torch.randn(components, width, generator=generator, dtype=torch.float64)
    root = torch.randn(width, width, generator=generator, dtype=torch.float64)
    return Belief.prior(users, mean, root @ root.mT + 0.1 * torch.eye(width, dtype=torch.float64))


def absorbed(belief: Belief, observed: Observed) -> Belief:
    """``absorb`` by Gaussians that not all users have as often."""
    components = belief.mean.shape[1]
    return absorb(belief, torch.linspace(0, -1, components, dtype=torch.float64).log_softmax(0), observed)


def some(observed: Observed, rows: torch.Tensor) -> Observed:
    return Observed(observed.difference[rows], observed.offset[rows], observed.segment[rows], observed.users)


def assert_same(first: Belief, second: Belief) -> None:
    for name in ("mean", "covariance", "evidence"):
        torch.testing.assert_close(getattr(first, name), getattr(second, name))


def exact(observed: Observed, mean: float, variance: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, variance and log evidence of one weight, on a grid."""
    grid = torch.linspace(-40, 40, 160_001, dtype=torch.float64)
    likelihood = F.logsigmoid(observed.difference * grid + observed.offset.unsqueeze(-1)).sum(0)
    joint = likelihood + torch.distributions.Normal(mean, variance**0.5).log_prob(grid)
    weight = joint.softmax(0)
    centre = (weight * grid).sum()
    return centre, (weight * (grid - centre).square()).sum(), joint.logsumexp(0) + torch.log(grid[1] - grid[0])


def test_one_weight_is_close_to_the_exact_posterior() -> None:
    for pairs in (1, 4, 30):
        observed = random_pairs(1, [pairs], width=1)
        prior = Belief.prior(1, torch.tensor([[0.4]]).double(), torch.tensor([[2.0]]).double())
        found = absorbed(prior, observed)
        mean, variance, evidence = exact(observed, 0.4, 2.0)
        assert abs(found.mean[0, 0, 0] - mean) < 0.2 * variance.sqrt()
        assert abs(found.covariance[0, 0, 0] / variance - 1) < 0.2
        assert abs(found.evidence[0, 0] - evidence) < 0.05 * pairs**0.5


def test_later_pairs_need_none_of_the_earlier_ones() -> None:
    observed, prior = random_pairs(5, [6, 0, 3, 9, 1]), make_prior(5)
    first = torch.arange(len(observed.segment)) < 8
    assert_same(absorbed(absorbed(prior, some(observed, first)), some(observed, ~first)), absorbed(prior, observed))


def test_a_user_does_not_depend_on_the_others() -> None:
    counts = [6, 0, 3, 9, 3]
    observed, prior = random_pairs(5, counts), make_prior(5)
    together = absorbed(prior, observed)
    for user in range(5):
        mine = observed.segment == user
        nobody = torch.zeros(counts[user], dtype=torch.long)
        alone = absorbed(make_prior(1), Observed(observed.difference[mine], observed.offset[mine], nobody, 1))
        assert_same(alone, together.rows(slice(user, user + 1)))


def test_no_pairs_at_all_leave_the_prior() -> None:
    assert_same(absorbed(make_prior(4), random_pairs(4, [0] * 4)), make_prior(4))


def test_the_order_of_pairs_moves_a_weight_by_less_than_its_spread() -> None:
    """Random choices, which no weight explains, are the worst case."""
    observed, prior = random_pairs(40, [20] * 40), make_prior(40)
    there, back = absorbed(prior, observed), absorbed(prior, some(observed, torch.arange(800).flip(0)))
    spread = there.covariance.diagonal(dim1=-2, dim2=-1).sqrt()
    assert ((there.mean - back.mean) / spread.unsqueeze(1)).abs().mean() < 0.4


def test_a_belief_far_off_stays_a_belief() -> None:
    """Weights of a thousand logits, all wrong: no step overshoots, and the evidence says how wrong."""
    observed, prior = random_pairs(20, [30] * 20, size=10.0), make_prior(20, size=300.0)
    found = absorbed(prior, observed)
    assert found.mean.isfinite().all() and found.evidence.isfinite().all()
    assert (found.evidence <= 0).all()
    assert (torch.linalg.eigvalsh(found.covariance) > 0).all()
    assert (torch.linalg.eigvalsh(prior.covariance - found.covariance) > -1e-9).all()


def test_the_mode_is_reached_as_pairs_come_in() -> None:
    """Against logistic regression's weight on the same pairs: no bound ties many pairs to the prior."""
    generator = torch.Generator().manual_seed(2)
    weight = torch.tensor([3.0, -2.0, 0.5], dtype=torch.float64)
    difference = torch.randn(3_000, WIDTH, generator=generator, dtype=torch.float64)
    won = torch.rand(3_000, generator=generator, dtype=torch.float64) < torch.sigmoid(difference @ weight)
    difference = torch.where(won.unsqueeze(-1), difference, -difference)
    errors = []
    for pairs in (30, 300, 3_000):
        nobody = torch.zeros(pairs, dtype=torch.long)
        observed = Observed(difference[:pairs], torch.zeros(pairs, dtype=torch.float64), nobody, 1)
        errors.append(float((absorbed(make_prior(1, 1), observed).mean[0, 0] - weight).norm()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.3


def test_a_belief_is_made_of_pairs_as_they_are() -> None:
    """No gradient goes to what pairs are read by, and the belief that was before stays as it was."""
    observed, prior = random_pairs(3, [3, 0, 1]), make_prior(3)
    before = prior.mean.clone(), prior.covariance.clone()
    found = absorbed(prior, replace(observed, difference=observed.difference.requires_grad_()))
    assert not any(values.requires_grad for values in (found.mean, found.covariance, found.evidence))
    assert torch.equal(prior.mean, before[0]) and torch.equal(prior.covariance, before[1])


@pytest.mark.parametrize("cells", [module.CELLS_PER_CHUNK, 50])
def test_every_step_is_that_of_the_formulas(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """User by user and pair by pair, as the module's docstring writes them; many users or few at once.

    Some numbers of pairs differ and are filtered side by side, the shorter ones filled up.
    """
    monkeypatch.setattr(module, "CELLS_PER_CHUNK", cells)
    observed, prior = random_pairs(10, [6, 0, 5, 4, 7, 2, 3, 13, 9, 1]), make_prior(10)
    log_share = torch.tensor([0.2, 0.8], dtype=torch.float64).log()
    found = absorb(prior, log_share, observed)
    for user in range(10):
        m, s, evidence = prior.mean[user], prior.covariance[user], torch.zeros(2).double()
        for row in torch.nonzero(observed.segment == user).flatten():
            d, o = observed.difference[row], observed.offset[row]
            kappa = (1 + torch.pi * (d @ s @ d) / 8) ** -0.5
            p = torch.sigmoid(kappa * (m @ d + o))  # (K,)
            evidence = evidence + p.log()
            rho = (log_share + evidence).softmax(0)
            m = m + kappa * torch.outer(1 - p, s @ d)
            s = s - kappa**2 * (rho * p * (1 - p)).sum() * torch.outer(s @ d, s @ d)
        torch.testing.assert_close(found.mean[user], m)
        torch.testing.assert_close(found.covariance[user], s)
        torch.testing.assert_close(found.evidence[user], evidence)


def test_the_spread_is_that_of_the_gaussian_that_explains_the_choices() -> None:
    """Of two Gaussians far apart one soon has all the evidence: the covariance is as if it were alone."""
    observed = random_pairs(1, [12])
    observed = replace(observed, difference=observed.difference.abs())
    right, wrong = torch.zeros(WIDTH).double(), torch.full((WIDTH,), -300.0).double()
    spread = make_prior(1).covariance[0]
    both = absorbed(Belief.prior(1, torch.stack([right, wrong]), spread), observed)
    alone = absorbed(Belief.prior(1, right.unsqueeze(0), spread), observed)
    assert both.evidence[0, 1] < both.evidence[0, 0] - 100
    torch.testing.assert_close(both.covariance, alone.covariance)
    torch.testing.assert_close(both.mean[:, :1], alone.mean)
