"""Criteria: what an answer tells is what the update makes of it; clusters; PReF's own choice; published VRF."""

import math

import pytest
import torch

from prefactor.asking.belief import Margins, weight_belief
from prefactor.asking.criteria import (
    CRITERIA,
    information,
    laplace_information,
    least_certain,
    pooled_information,
    pref,
    pref_choice,
    weight_information,
)
from prefactor.asking.evidence import by_evidence
from prefactor.asking.questions import scores
from prefactor.preferences import PairBatch
from tests.asking.worlds import answers, make_pool, make_pref, make_vrf
from tests.worlds import make_pairs


def one_gaussian(mean: torch.Tensor, variance: torch.Tensor, lapse: float = 0.0) -> Margins:
    return Margins(torch.ones(1, 1), mean.view(1, 1, -1), variance.view(1, -1), lapse)


def share_entropy(share: torch.Tensor) -> torch.Tensor:
    return -torch.xlogy(share, share).sum(-1)


def test_information_is_how_much_the_update_is_expected_to_lower_the_entropy_of_the_shares() -> None:
    model, pool, known = by_evidence(make_vrf(), 1.0), make_pool(6), make_pairs(4, 3, seed=8)
    users = model.adapt(known)
    found = scores("information", model, users, pool)
    margins = weight_belief(model, users).margins(model.basis_differences(_everything(pool)))
    wider = (1 + torch.pi / 8 * margins.variance.unsqueeze(1)).rsqrt()
    first = (margins.share.unsqueeze(-1) * torch.sigmoid(margins.mean * wider)).sum(1)  # (U,N) P(first preferred)
    for row in range(len(pool)):
        rows, sides = torch.full((4,), row), (torch.ones(4, dtype=torch.bool), torch.zeros(4, dtype=torch.bool))
        after = [share_entropy(model.update(users, answers(pool, rows, side))["weight"]) for side in sides]
        expected = first[:, row] * after[0] + (1 - first[:, row]) * after[1]
        torch.testing.assert_close(found[:, row], share_entropy(users["weight"]) - expected, atol=2e-6, rtol=1e-4)


def test_one_answer_tells_of_the_weight_what_it_tells_of_the_basis_and_within_it() -> None:
    model, pool = by_evidence(make_vrf(), 1.0), make_pool(40)
    users = model.adapt(make_pairs(5, 4, seed=8))
    parts, whole = (scores(name, model, users, pool) for name in ("information", "weight_information"))
    assert (parts >= 0).all() and (whole <= math.log(2)).all()
    assert (whole - parts).min() > -0.02  # the two are approximations of their own


def test_of_two_tastes_far_apart_an_answer_tells_log_2_and_one_gaussian_does_not_know() -> None:
    apart = Margins(torch.tensor([[0.5, 0.5]]), torch.tensor([[[20.0], [-20.0]]]), torch.tensor([[0.1]]), 0.0)
    for criterion in (information, weight_information):
        torch.testing.assert_close(criterion(apart), torch.tensor([[math.log(2)]]), atol=1e-4, rtol=0)
    assert 0.5 < pooled_information(apart) < 0.65
    torch.testing.assert_close(pref(apart), torch.tensor([[400.1]]))


def test_what_is_known_tells_nothing_and_doubt_more_the_larger_it_is() -> None:
    variance = torch.tensor([0.0, 0.1, 1.0, 10.0, 100.0])
    for mean in (0.0, 1.5, -4.0):
        margins = one_gaussian(torch.full((5,), mean), variance)
        for criterion in (weight_information, pooled_information, laplace_information, pref, pref_choice):
            found = criterion(margins).flatten()
            assert found[0] < 2e-5
            assert (found.diff() > 0).all()


def test_lapses_tell_less() -> None:
    mean, variance = torch.tensor([0.0, 1.0, -3.0]), torch.tensor([2.0, 5.0, 9.0])
    share, means = torch.tensor([[0.3, 0.7]]), torch.tensor([[[4.0], [-2.0]]])
    for lapse in (0.05, 0.3):
        assert (
            weight_information(one_gaussian(mean, variance, lapse)) < weight_information(one_gaussian(mean, variance))
        ).all()
        wide = torch.tensor([[1.0]])
        assert information(Margins(share, means, wide, lapse)) < information(Margins(share, means, wide, 0.0))


def test_pref_asks_as_its_own_model_does_and_its_code_prefers_less_sure_answers() -> None:
    model, pool = make_pref(), make_pool()
    users = model.adapt(make_pairs(3, 5, seed=8))
    everything = _everything(pool, users=3)
    asked = model.next_question(users, everything) % len(pool)
    assert torch.equal(scores("pref", model, users, pool).argmax(1), asked)
    sure, unsure = one_gaussian(torch.tensor([6.0]), torch.ones(1)), one_gaussian(torch.zeros(1), torch.ones(1))
    assert pref(sure) == pref(unsure)
    assert pref_choice(sure) < pref_choice(unsure) == 1 / 16
    assert least_certain(sure) < least_certain(unsure)


def test_a_single_gaussian_has_no_basis_to_find_so_information_is_about_its_weight() -> None:
    model, pool = make_pref(), make_pool()
    users = model.adapt(make_pairs(3, 5, seed=8))
    about = (scores(name, model, users, pool) for name in ("information", "weight_information", "pooled_information"))
    basis, weight, one = about
    assert torch.equal(basis, weight)
    torch.testing.assert_close(weight, one)


def test_vrf_as_published_is_uncertain_of_its_basis_alone() -> None:
    """With w_u the chances of K bases (its Eq. 7), an answer tells which of them it is."""
    model, pool = make_vrf(loadings=None, common=False), make_pool(8)
    users = model.adapt(make_pairs(4, 3, seed=8))
    difference = model.basis_differences(_everything(pool))
    choice = torch.sigmoid(difference)  # (N,K)
    mixed = users["weight"] @ choice.T  # (U,K)@(K,N)
    expected = torch.special.entr(mixed) + torch.special.entr(1 - mixed)
    expected -= users["weight"] @ (torch.special.entr(choice) + torch.special.entr(1 - choice)).T
    torch.testing.assert_close(scores("information", model, users, pool), expected, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(scores("weight_information", model, users, pool), expected, atol=2e-4, rtol=0)
    margin = model.compare(users, _everything(pool, users=4))
    torch.testing.assert_close(scores("pref", model, users, pool).flatten(), margin.variance, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("common", [True, False])
def test_margins_are_those_that_the_model_compares_by(common: bool) -> None:
    model, pool = make_vrf(common=common), make_pool()
    users = model.adapt(make_pairs(4, 3, seed=8))
    margin = model.compare(users, _everything(pool, users=4))  # not calibrated: scale 1
    torch.testing.assert_close(scores("pref", model, users, pool).flatten(), margin.variance, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        scores("least_certain", model, users, pool).flatten(), -margin.mean.abs(), atol=1e-5, rtol=1e-4
    )


def test_criteria_say_what_they_are() -> None:
    assert {"information", "pref", "random"} <= CRITERIA.keys()
    assert len({criterion.words for criterion in CRITERIA.values()}) == len(CRITERIA)


def _everything(pool, users: int = 1) -> PairBatch:
    """All pairs of the pool, judged by each user in turn."""
    segment = torch.arange(users).repeat_interleave(len(pool))
    nobody = torch.full((users,), -1)
    return PairBatch(pool.responses, pool.first.repeat(users), pool.second.repeat(users), segment, nobody)
