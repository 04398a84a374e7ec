"""PAL: distances and angles to ideal points, one user and one response at a time."""

import pytest
import torch

from prefactor.errors import InputError
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.pal import PAL, PALParameters
from prefactor.parameters import build
from tests.worlds import WIDTH, make_pairs


def make_pal(form: str, prototypes: int = 5) -> PAL:
    settings = PALParameters(BasisParameters("mlp", 4), prototypes, form)  # type: ignore[arg-type]
    model = PAL(settings, Shape(WIDTH, 6), torch.Generator().manual_seed(0))
    model.standardise(make_pairs(1, 1).responses)
    return model.eval()


def published_reward(model: PAL, state: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """() the reward of one state (H,) for one user's weight (K,), from the formulas alone."""
    point = model.phi(state)
    ideal = torch.zeros_like(point)
    for share, prototype in zip(weight, model.prototypes, strict=True):
        ideal = ideal + share * prototype
    if model.settings.form == "distance":
        return -((point - ideal) ** 2).sum()
    return model.log_scale.exp() * torch.nn.functional.cosine_similarity(point, ideal, dim=0)


@pytest.mark.parametrize("form", ["distance", "angle"])
def test_margins_and_rewards_as_published(form: str) -> None:
    model, pairs = make_pal(form), make_pairs(3, 4, seen=True)
    users = model.adapt(pairs)
    states = model.scaler(pairs.responses.views["states"])
    margin = model.compare(users, pairs)
    for row in range(len(pairs)):
        weight = model.logits[pairs.segment[row]].softmax(-1)
        plus, minus = (published_reward(model, states[side[row]], weight) for side in (pairs.chosen, pairs.rejected))
        torch.testing.assert_close(margin.mean[row], plus - minus, atol=1e-5, rtol=1e-4)
    candidates, judge = pairs.responses[torch.arange(9)], torch.arange(9) % 3
    centred = model.against_mean(users, candidates, judge).mean
    for user in range(3):
        rewards = torch.stack(
            [published_reward(model, states[row], users["weight"][user]) for row in range(9) if row % 3 == user]
        )
        torch.testing.assert_close(centred[judge == user], rewards - rewards.mean(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("form", ["distance", "angle"])
def test_the_loss_is_the_joint_likelihood(form: str) -> None:
    model, pairs = make_pal(form), make_pairs(6, 4, seen=True)
    states = model.scaler(pairs.responses.views["states"])
    total = torch.tensor(0.0)
    for row in range(len(pairs)):
        weight = model.logits[pairs.segment[row]].softmax(-1)
        plus, minus = (published_reward(model, states[side[row]], weight) for side in (pairs.chosen, pairs.rejected))
        total = total - torch.log(torch.sigmoid(plus - minus))
    torch.testing.assert_close(model.loss(pairs, torch.Generator()), total / len(pairs))


def test_the_nearest_response_is_the_best() -> None:
    model, pairs = make_pal("distance"), make_pairs(1, 5)
    users = model.adapt(pairs)
    points = model.phi(model.scaled(pairs.responses))
    distance = (points - model.ideal_points(users["weight"])).norm(dim=-1)
    reward = model.reward(users, pairs.responses, torch.zeros(len(points), dtype=torch.long))
    assert torch.equal(reward.argsort(descending=True)[:5], distance.argsort()[:5])


def test_gradients_pass_through_the_angles_weights() -> None:
    model = make_pal("angle").double()
    weight = torch.rand(7, 5, dtype=torch.float64).requires_grad_()
    slope = torch.randn(7, 5, dtype=torch.float64)
    (expected,) = torch.autograd.grad(model.on_bases(weight), weight, slope)
    torch.testing.assert_close(model.through_bases(weight, slope), expected)


@pytest.mark.parametrize("form", ["distance", "angle"])
def test_users_differ_by_their_prototypes_and_by_nothing_else(form: str) -> None:
    model, pairs = make_pal(form, prototypes=4), make_pairs(5, 6)
    everyone = torch.arange(5).repeat_interleave(len(pairs.responses))
    responses = pairs.responses[torch.arange(len(pairs.responses)).repeat(5)]

    def rewards() -> torch.Tensor:
        users = model.adapt(pairs)
        assert users["weight"].shape == (5, 4) and (users["weight"] >= 0).all()
        torch.testing.assert_close(users["weight"].sum(-1), torch.ones(5))
        return model.against_mean(users, responses, everyone).mean.view(5, -1)

    assert (rewards()[1:] - rewards()[0]).abs().amax(-1).min() > 1e-3
    with torch.no_grad():
        model.prototypes[:] = model.prototypes[2].clone()  # whatever the weights, the ideal point is this one
    torch.testing.assert_close(rewards(), rewards()[:1].expand(5, -1), atol=1e-4, rtol=1e-4)


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InputError, match="prototypes must be at least 1, got 0"):
        build(PALParameters, {"prototypes": 0}, "test")
    with pytest.raises(InputError, match="angle"):
        build(PALParameters, {"form": "hyperbolic"}, "test")
