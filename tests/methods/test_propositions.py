"""The paper's two propositions (VRF, appendix C), by property: where each holds, and where its wording goes too far."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from prefactor.methods.base import Margin, Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters

QUOTIENT = math.pi / 8  # c of the paper
MODEL = VRF(VRFParameters(BasisParameters("linear", 2)), Shape(2, 1), torch.Generator().manual_seed(0))
rewards = st.floats(-20, 20, allow_subnormal=False)


def margin(weight: Tensor, difference: Tensor) -> Margin:
    """VRF Eq. (7) for one pair: weights and basis reward differences (K,)."""
    return MODEL.margin(weight.unsqueeze(0), difference.unsqueeze(0))


def variance(weight: Tensor, difference: Tensor) -> Tensor:
    """sigma_Delta^2 of one pair."""
    return margin(weight, difference).variance[0]


def loss(found: Margin) -> Tensor:
    """L_VBT."""
    return -F.logsigmoid(found.attenuated()).sum()


@st.composite
def worlds(draw: st.DrawFn, weights: int = 1) -> list[Tensor]:
    """Basis reward differences (K,), and so many weights (K,) on the simplex."""
    bases = draw(st.integers(2, 6))
    difference = torch.tensor(draw(st.lists(rewards, min_size=bases, max_size=bases)), dtype=torch.float64)
    masses = st.lists(st.floats(0.01, 1), min_size=bases, max_size=bases)
    drawn = [torch.tensor(draw(masses), dtype=torch.float64) for _ in range(weights)]
    return [difference, *(weight / weight.sum() for weight in drawn)]


@given(worlds(weights=2), st.floats(0, 1))
@settings(deadline=None)
def test_variance_is_concave_in_the_weights(world: list[Tensor], share: float) -> None:
    """Proposition 1, by its definition: no chord between two points of the simplex lies above the variance."""
    difference, one, other = world
    between = variance(share * one + (1 - share) * other, difference)
    chord = share * variance(one, difference) + (1 - share) * variance(other, difference)
    assert float(between) >= float(chord) - 1e-9


@given(worlds(weights=2))
@settings(deadline=None, max_examples=40)
def test_curvature_of_the_variance_is_eq_11(world: list[Tensor]) -> None:
    """v' H v = -2 (v . dP)^2 along the simplex, where the entries of v sum to 0.

    Off the simplex Eq. (10) is not the Hessian of what Eq. (7) prints, but of its form for weights that sum to 1.
    """
    difference, one, other = world
    direction = one - other
    hessian = torch.autograd.functional.hessian(lambda weight: variance(weight, difference), one)
    expected = -2 * (direction @ difference).square()
    torch.testing.assert_close(direction @ hessian @ direction, expected, rtol=1e-6, atol=1e-6)


@given(worlds())
@settings(deadline=None)
def test_variance_is_zero_at_the_vertices_and_only_where_bases_agree(world: list[Tensor]) -> None:
    difference, weight = world
    for vertex in torch.eye(len(difference), dtype=torch.float64):
        assert variance(vertex, difference) == 0
    found, apart = float(variance(weight, difference)), float(difference.max() - difference.min())
    assert found >= 0
    if apart > 1e-3:
        assert found > 0


def test_more_diffuse_weights_need_not_have_more_variance() -> None:
    """The proof's remark that variance grows with diffuseness is not part of the proposition, and not so in general."""
    difference = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    uniform, uneven = torch.full((3,), 1 / 3, dtype=torch.float64), torch.tensor([0.25, 0.25, 0.5], dtype=torch.float64)
    assert torch.special.entr(uniform).sum() > torch.special.entr(uneven).sum()
    assert variance(uniform, difference) < variance(uneven, difference)


@given(st.floats(-30, 30), st.floats(0, 1e6))
@settings(deadline=None)
def test_gradients_by_mean_and_variance_are_eq_12_and_13(mean: float, spread: float) -> None:
    mu = torch.tensor([mean], dtype=torch.float64, requires_grad=True)
    s = torch.tensor([spread], dtype=torch.float64, requires_grad=True)
    by_mean, by_variance = (float(part) for part in torch.autograd.grad(loss(Margin(mu, s)), (mu, s)))
    root = math.sqrt(1 + QUOTIENT * spread)
    wrong = 1 - 1 / (1 + math.exp(-mean / root))  # 1 - sigma(z)
    assert by_mean == pytest.approx(-wrong / root, rel=1e-6, abs=1e-9)
    assert by_variance == pytest.approx(wrong * mean * QUOTIENT / (2 * root**3), rel=1e-6, abs=1e-9)


@given(st.floats(-30, 30), st.floats(1, 1e4))
@settings(deadline=None)
def test_gradients_by_mean_and_variance_vanish_whatever_the_sign(mean: float, spread: float) -> None:
    """Proposition 2: both are within a bound that falls with the variance, as s^-1/2 and s^-3/2."""
    mu = torch.tensor([mean], dtype=torch.float64, requires_grad=True)
    for grown in (spread, 1e4 * spread, 1e8 * spread):
        s = torch.tensor([grown], dtype=torch.float64, requires_grad=True)
        by_mean, by_variance = (float(part.abs()) for part in torch.autograd.grad(loss(Margin(mu, s)), (mu, s)))
        assert by_mean <= (QUOTIENT * grown) ** -0.5
        assert by_variance <= abs(mean) * QUOTIENT / 2 * (QUOTIENT * grown) ** -1.5


def spread_apart(mean: float, scale: float) -> tuple[Tensor, Tensor]:
    """Weights, and basis differences of weighted mean ``mean`` whose variance is ``scale`` squared times a constant."""
    weight = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64, requires_grad=True)
    away = torch.tensor([1.0, -3.0, 2.0], dtype=torch.float64)  # of weighted mean 0
    return weight, (mean + scale * away).requires_grad_()


@pytest.mark.parametrize("mean", [-3.0, 0.0, 3.0])
def test_gradients_by_basis_rewards_vanish(mean: float) -> None:
    """Proposition 2 for phi: the variance grows because the bases' differences move apart."""
    sizes = []
    for scale in (1e1, 1e3, 1e5):
        weight, difference = spread_apart(mean, scale)
        (gradient,) = torch.autograd.grad(loss(margin(weight, difference)), difference)
        sizes.append(float(gradient.abs().max()))
    assert sizes[0] > 50 * sizes[1] > 2500 * sizes[2] and sizes[2] < 1e-5


@pytest.mark.parametrize("mean", [-3.0, 0.0, 3.0])
def test_gradients_by_weights_stay(mean: float) -> None:
    """Proposition 2 as printed says that those of w_u vanish too. They do not.

    Weights are bounded, so the variance can only grow with dP; and d mu / d w = dP grows as fast as dL / d mu falls:
    the limit is -(dP - mu) / (2 sqrt(c) sigma).
    """
    weight, difference = spread_apart(mean, 1e6)
    (gradient,) = torch.autograd.grad(loss(margin(weight, difference)), weight)
    away = difference.detach() - mean
    expected = -away / (2 * math.sqrt(QUOTIENT) * (weight.detach() @ away.square()).sqrt())
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-4)
    assert float(gradient.abs().max()) > 0.1
