"""The cheap personal model: what it learns of tastes, that it is scored on what it has not seen, and what it gains."""

from dataclasses import replace

import pytest
import torch

from prefactor.evaluation import tastes
from prefactor.evaluation.tastes import Moments, SidedPairs, common_reward, deviations, fit, prepare
from prefactor.methods.logistic import Observed, fit_weights

SCALES = (0.5, 1.0, 2.0)
EVERYONE = torch.ones(1000, dtype=torch.bool)


def world(seed: int, taste: float, rank: int = 3, users: int = 300, pairs: int = 24, width: int = 30) -> SidedPairs:
    """Users whose tastes differ along the first ``rank`` dimensions alone; a margin's deviation is ``taste`` logits.

    A third of the pairs is across the sides.
    """
    generator = torch.Generator().manual_seed(seed)
    number = users * pairs
    user = torch.arange(users).repeat_interleave(pairs)
    difference = torch.randn(number, width, generator=generator)
    own = torch.randn(width, generator=generator).expand(users, -1) / width**0.5
    own = own + taste / rank**0.5 * torch.randn(users, width, generator=generator) * (torch.arange(width) < rank)
    first = torch.rand(number, generator=generator) < torch.sigmoid((difference * own[user]).sum(-1))
    difference = torch.where(first.unsqueeze(-1), difference, -difference)
    return SidedPairs(difference, user, torch.arange(number) % 3 - 1, torch.arange(number), users)


def even_prior(pairs: SidedPairs, scale: float) -> float:
    """What is gained, in nats, with the same prior in all directions and one step: a model that learns nothing."""
    common = common_reward(pairs)
    pairs = replace(pairs, **{name: getattr(pairs, name)[pairs.scored] for name in ("difference", "user", "side")})
    margins = pairs.difference @ common.T
    own, other = margins.gather(1, torch.stack([pairs.side, 1 - pairs.side], 1)).T
    observed = Observed(pairs.difference, own, pairs.user + pairs.users * pairs.side, 2 * pairs.users)
    width = pairs.difference.shape[1]
    prior = width / scale**2 * torch.eye(width)
    weights = fit_weights(observed, torch.zeros(2 * pairs.users, width), prior, steps=1).mean
    personal = (pairs.difference * weights[pairs.user + pairs.users * (1 - pairs.side)]).sum(-1)
    return float((torch.sigmoid(other + personal).log() - torch.sigmoid(other).log()).mean())


def test_learnt_tastes_gain_several_times_what_an_even_prior_does() -> None:
    pairs = world(0, 1.5)
    learnt = float(fit(pairs, prepare(pairs), SCALES).log_loss.mean())
    assert learnt > 2 * max(even_prior(pairs, scale) for scale in (0.3, 1.0, 3.0)) > 0


def test_tastes_are_found_where_they_are() -> None:
    pairs = world(1, 1.5)
    known = prepare(pairs)
    basis = Moments.of(pairs, known).tastes(EVERYONE[: pairs.users])  # (D,R)
    root = torch.linalg.lstsq(known.direction, pairs.difference).solution  # (D,D) back to the first coordinates
    spread = (root.T @ basis).square().sum(1)
    assert spread[:3].min() > 5 * spread[3:].max()


def test_even_moments_are_those_of_the_tastes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The margin's variance, summed over directions, is what tastes were drawn with, less the curvature of choices."""
    monkeypatch.setattr(tastes, "LEAST_SPREAD", 0.0)
    pairs = world(2, 0.6, rank=4, users=1000, pairs=60, width=4)
    known = prepare(pairs)
    chance = torch.sigmoid(known.own)
    spread = Moments.of(pairs, known).tastes(EVERYONE).square().sum()
    assert float(spread / (chance * (1 - chance)).mean()) == pytest.approx(0.36, rel=0.35)


def test_a_user_is_scored_by_the_other_side_and_by_other_users() -> None:
    """Turning every label of one side of a user changes how that side is scored, but not what is learnt for it."""
    pairs = world(3, 1.0, users=40)
    known = prepare(pairs)
    mine = (pairs.user == 7) & (pairs.side == 0)
    turned = replace(known, direction=torch.where(mine.unsqueeze(-1), -known.direction, known.direction))
    moments = Moments.of(pairs, replace(known, score=known.score * torch.where(mine, -3.0, 1.0).unsqueeze(-1)))
    others = torch.arange(40) % 5 != 7 % 5
    torch.testing.assert_close(moments.tastes(others), Moments.of(pairs, known).tastes(others))
    before, after = fit(pairs, known, (1.0,)).log_loss, fit(pairs, turned, (1.0,)).log_loss
    same = torch.arange(40) != 7
    torch.testing.assert_close(before[same], after[same])
    assert abs(before[7] - after[7]) > 1e-3


def test_pairs_across_the_sides_are_learnt_from_but_not_scored() -> None:
    pairs = world(4, 1.0, users=100)
    columns = {name: getattr(pairs, name)[pairs.scored] for name in ("difference", "user", "side", "unit")}
    within = replace(pairs, **columns)
    both = [fit(item, prepare(item), SCALES) for item in (pairs, within)]
    assert both[0].log_loss.mean() > both[1].log_loss.mean()
    across = pairs.side < 0
    turned = replace(pairs, difference=torch.where(across.unsqueeze(-1), -pairs.difference, pairs.difference))
    torch.testing.assert_close(common_reward(pairs), common_reward(turned))


def test_steps_are_those_of_newton() -> None:
    pairs = world(5, 1.0, users=5, width=6)
    observed = Observed(pairs.difference, torch.randn(len(pairs.user)), pairs.user, 5)
    for scale, found in zip((0.1, 0.3), deviations(observed, (0.1, 0.3)), strict=True):
        start, precision = torch.zeros(5, 6), torch.eye(6) / scale**2
        torch.testing.assert_close(found, fit_weights(observed, start, precision, steps=2).mean, atol=1e-4, rtol=1e-3)


def test_one_user_has_nobody_to_learn_from() -> None:
    pairs = world(6, 1.0, users=1)
    found = fit(pairs, prepare(pairs), SCALES)
    assert found.log_loss.isfinite().all() and abs(found.reliability) <= 1
