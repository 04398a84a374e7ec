"""Drift's closed form: the best of all weights of length 1, pair by pair or all at once, for any number of users."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from prefactor.decoding.drift.rewards import PairRewards
from prefactor.decoding.drift.weights import Direction, largest, spread, unit

ATTRIBUTES = 5
seeds = settings(deadline=None, max_examples=25)


def draw(users: int, seed: int, most: int = 7) -> PairRewards:
    """Users with 0 .. ``most`` pairs each, in no order."""
    generator = torch.Generator().manual_seed(seed)
    segment = torch.arange(users).repeat_interleave(torch.randint(0, most + 1, (users,), generator=generator))
    segment = segment[torch.randperm(len(segment), generator=generator)]
    shape = (2, len(segment), ATTRIBUTES)
    chosen, rejected = 10 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return PairRewards(chosen, rejected, segment, users)


def take(pairs: PairRewards, rows: torch.Tensor) -> PairRewards:
    return replace(pairs, chosen=pairs.chosen[rows], rejected=pairs.rejected[rows], segment=pairs.segment[rows])


@seeds
@given(st.integers(0, 10_000))
def test_the_closed_form_is_the_best_of_all_weights_of_length_1(seed: int) -> None:
    direction = Direction.of(draw(6, seed))
    weights = direction.weights()
    reached = (weights * direction.total).sum(-1)
    generator = torch.Generator().manual_seed(seed)
    others = F.normalize(torch.randn(500, ATTRIBUTES, generator=generator, dtype=torch.float64), dim=-1)
    assert (direction.total @ others.T <= reached.unsqueeze(-1) + 1e-9).all()


@seeds
@given(st.integers(0, 10_000))
def test_projected_gradient_ascent_ends_at_the_closed_form(seed: int) -> None:
    direction = Direction.of(draw(4, seed))
    at = torch.full_like(direction.total, ATTRIBUTES**-0.5).requires_grad_()
    for _ in range(300):
        (slope,) = torch.autograd.grad((at * direction.total).sum(), at)
        at = F.normalize(at + 0.1 * slope, dim=-1).detach().requires_grad_()
    torch.testing.assert_close(at[direction.tells].detach(), direction.weights()[direction.tells], atol=1e-5, rtol=0)


@seeds
@given(st.integers(0, 10_000), st.integers(0, 30))
def test_updates_pair_by_pair_are_the_batch_in_any_order(seed: int, cut: int) -> None:
    pairs = draw(6, seed)
    order = torch.randperm(len(pairs.segment), generator=torch.Generator().manual_seed(seed))
    whole = Direction.of(pairs)
    halves = Direction.of(take(pairs, order[:cut])).update(take(pairs, order[cut:]))
    single = Direction.nothing(6, pairs.chosen)
    for row in order:
        single = single.update(take(pairs, row.unsqueeze(0)))
    for other in (halves, single):
        torch.testing.assert_close(other.total, whole.total)
        assert torch.equal(other.pairs, whole.pairs)


def test_a_user_does_not_depend_on_the_others() -> None:
    pairs = draw(8, 3)
    together = Direction.of(pairs)
    for user in range(8):
        mine = take(pairs, pairs.segment == user)
        alone = Direction.of(replace(mine, segment=torch.zeros_like(mine.segment), users=1))
        torch.testing.assert_close(alone.weights()[0], together.weights()[user])
        torch.testing.assert_close(alone.preference()[0], together.preference()[user])


def test_weights_have_length_1_or_are_0_where_nothing_is_told() -> None:
    direction = Direction.of(draw(40, 1, most=2))
    assert torch.equal(direction.tells, direction.pairs > 0)
    assert 0 < int(direction.tells.sum()) < 40
    torch.testing.assert_close(direction.weights().norm(dim=-1), direction.tells.double())


def test_pairs_that_contradict_each_other_tell_nothing() -> None:
    pairs = draw(1, 0)
    back = replace(pairs, chosen=pairs.rejected, rejected=pairs.chosen)
    shuffled = take(back, torch.arange(len(back.segment)).flip(0))
    direction = Direction.of(pairs).update(shuffled)
    assert not direction.tells.any()
    assert not direction.weights().any()
    assert direction.pairs.tolist() == [2 * len(pairs.segment)]


def test_preference_is_the_mean_of_chosen_less_that_of_rejected() -> None:
    pairs = draw(5, 2)
    for user, bars in enumerate(Direction.of(pairs).preference()):
        mine = take(pairs, pairs.segment == user)
        expected = mine.chosen.mean(0) - mine.rejected.mean(0) if len(mine.segment) else torch.zeros_like(bars)
        torch.testing.assert_close(bars, expected)


def test_the_largest_are_kept_the_first_of_equals() -> None:
    weights = torch.tensor([[0.5, -0.5, 0.1, -0.7, 0.0], [0.2, 0.2, -0.2, 0.2, 0.2]])
    assert largest(weights, 2).tolist() == [[True, False, False, True, False], [True, True, False, False, False]]
    assert largest(weights, 3)[0].tolist() == [True, True, False, True, False]


@pytest.mark.parametrize("kept", [5, 9, None])
def test_as_many_as_there_are_keep_all(kept: int | None) -> None:
    assert largest(torch.randn(3, ATTRIBUTES, generator=torch.Generator().manual_seed(0)), kept).all()


@seeds
@given(st.integers(0, 10_000), st.integers(1, ATTRIBUTES))
def test_what_is_kept_is_the_closed_form_among_the_kept_at_length_1(seed: int, kept: int) -> None:
    direction = Direction.of(draw(6, seed))
    weights = direction.weights()
    mask = largest(weights, kept)
    assert (mask.sum(-1) == kept).all()
    left_out = weights.abs().masked_fill(mask, 0).amax(-1)
    assert (weights.abs().masked_fill(~mask, 9).amin(-1) >= left_out).all()
    among = replace(direction, total=direction.total * mask)
    torch.testing.assert_close(unit(weights * mask), among.weights())


def test_units_of_rewards_cancel_where_they_are_scaled() -> None:
    pairs = draw(6, 4)
    units = torch.tensor([1.0, 100.0, 0.01, 3.0, 7.0], dtype=torch.float64)
    other = replace(pairs, chosen=pairs.chosen * units, rejected=pairs.rejected * units)
    first, second = (Direction.of(each).weights(spread(each.difference)) for each in (pairs, other))
    torch.testing.assert_close(first, second)


def test_the_spread_does_not_depend_on_what_was_chosen_and_is_1_where_there_is_none() -> None:
    pairs = draw(6, 5)
    torch.testing.assert_close(spread(pairs.difference), spread(-pairs.difference))
    assert spread(torch.zeros(4, 2)).tolist() == [1, 1]
    assert spread(torch.zeros(0, 3)).tolist() == [1, 1, 1]
