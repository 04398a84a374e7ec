"""Weights that a user sets are the reward's: a mixture of the bases, and no doubt about it."""

import pytest
import torch

from prefactor.decoding.basis_weights import with_weights
from prefactor.errors import InputError
from prefactor.methods.base import RewardModel
from prefactor.methods.factorised import FactorisedReward
from prefactor.methods.vrf import VRF
from tests.methods.test_contract import SMALL, make_model
from tests.worlds import make_pairs

BASES = {"lore": 5, "pal": 5, "pal/angle": 5, "vrf": 5, "vrf/loadings": 4, "vrf/network": 4, "vrf/filled": 4}
PAIRS = make_pairs(6, 4)


def judged(model: RewardModel, weights: list[float] | torch.Tensor):
    """Margins of the users' pairs under set weights."""
    users = with_weights(model, model.adapt(PAIRS), torch.as_tensor(weights))
    return model.compare(users, PAIRS)


def one_hot(basis: int, bases: int) -> torch.Tensor:
    return torch.eye(bases)[basis]


@pytest.mark.parametrize("name", sorted(BASES))
@torch.no_grad()
def test_rewards_are_those_of_the_bases_mixed_by_the_weights(name: str) -> None:
    model = make_model(name).eval()
    bases = BASES[name]
    weights = torch.rand(bases, generator=torch.Generator().manual_seed(3))
    margin = judged(model, weights)
    each = torch.stack([judged(model, one_hot(basis, bases)).mean for basis in range(bases)])  # (K,N)
    if name == "pal/angle":  # a direction: the mixture's length is taken out
        assert isinstance(model, FactorisedReward)
        each = each * model.prototypes.norm(dim=-1, keepdim=True)
        mixed = (weights @ each) / (weights @ model.prototypes).norm()
    else:
        mixed = (weights / weights.sum()) @ each
    torch.testing.assert_close(margin.mean, mixed, atol=1e-5, rtol=1e-4)
    assert not margin.variance.any()


@pytest.mark.parametrize("name", sorted(BASES))
@torch.no_grad()
def test_setting_what_was_inferred_changes_nothing_but_a_vrfs_doubt(name: str) -> None:
    model = make_model(name).eval()
    users = model.adapt(PAIRS)
    again = with_weights(model, users, users["weight"])
    assert again.tensors.keys() == users.tensors.keys()
    assert all(again[key].shape == users[key].shape and again[key].dtype == users[key].dtype for key in users.tensors)
    if not (isinstance(model, VRF) and model.loadings is not None):  # whose bases the users' pairs had moved
        expected = model.compare(users, PAIRS).mean
        torch.testing.assert_close(model.compare(again, PAIRS).mean, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_loading_is_the_bases_own_whatever_pairs_told() -> None:
    model = make_model("vrf/loadings").eval()
    known, unknown = model.adapt(PAIRS), model.prior_state(6)  # type: ignore[operator]
    first, second = (with_weights(model, users, torch.tensor([1.0, 0, 3, 0])) for users in (known, unknown))
    for name in ("weight", "loading", "covariance", "scale", "widening"):
        assert torch.equal(first[name], second[name])
    difference = model.compare(first, PAIRS).mean - model.compare(second, PAIRS).mean
    assert not difference.any()


@torch.no_grad()
def test_rewards_have_the_scale_of_users_well_known() -> None:
    model = make_model("vrf", calibrated=True).eval()
    assert isinstance(model, VRF)
    model.calibration.range.copy_(torch.tensor([1.0, 20.0]))
    model.calibration.constants[0] = torch.linspace(-1, 1, model.calibration.constants.shape[1])
    users = with_weights(model, model.prior_state(2), torch.ones(5))
    expected = model.calibration.scale(torch.tensor([20.0, 45.0]))
    torch.testing.assert_close(users["scale"], expected)
    assert users["scale"][0] > model.prior_state(1)["scale"][0]


@torch.no_grad()
def test_each_user_may_have_weights_of_their_own() -> None:
    model = make_model("lore").eval()
    weights = torch.rand(6, 5, generator=torch.Generator().manual_seed(1))
    users = with_weights(model, model.adapt(PAIRS), weights)
    torch.testing.assert_close(users["weight"], weights / weights.sum(-1, keepdim=True))


@pytest.mark.parametrize("name", sorted(set(SMALL) - set(BASES)))
def test_others_have_no_bases(name: str) -> None:
    model = make_model(name).eval()
    kind = name.partition("/")[0]
    with pytest.raises(InputError, match=f"{kind} has no bases to weigh: use one of lore, pal, vrf"):
        with_weights(model, make_model("lore").adapt(PAIRS), torch.ones(5))


def test_weights_that_are_none_are_refused() -> None:
    model = make_model("lore").eval()
    users = model.adapt(PAIRS)
    with pytest.raises(InputError, match=r"3 weight\(s\) are given, but the model has 5 bases"):
        with_weights(model, users, torch.ones(3))
    for wrong in ([0.0] * 5, [1.0, -0.1, 0, 0, 0], [float("nan"), 1, 1, 1, 1], [float("inf"), 1, 1, 1, 1]):
        with pytest.raises(InputError, match="must be finite, not negative and not all 0"):
            with_weights(model, users, torch.tensor(wrong))
