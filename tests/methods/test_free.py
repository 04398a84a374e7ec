"""Free weights: the loss is the joint posterior; a new user's weight is its optimum given phi."""

import torch

from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.free import FreeWeights, FreeWeightsParameters
from tests.worlds import WIDTH, make_pairs


def make_free(ridge: float = 2.0, bases: int = 3) -> FreeWeights:
    settings = FreeWeightsParameters(BasisParameters("mlp", bases), ridge)
    model = FreeWeights(settings, Shape(WIDTH, 6), torch.Generator().manual_seed(0))
    model.standardise(make_pairs(1, 1).responses)
    return model.eval()


def test_the_loss_is_the_negative_log_of_the_joint_posterior() -> None:
    model, pairs = make_free(), make_pairs(6, 4, seen=True)
    states = model.scaler(pairs.responses.views["states"])
    total = 2.0 / 2 * sum(weight @ weight for weight in model.user_weights)
    for row in range(len(pairs)):
        plus, minus = states[pairs.chosen[row]], states[pairs.rejected[row]]
        weight = model.user_weights[pairs.segment[row]]
        margin = (model.head(plus) - model.head(minus)).squeeze() + weight @ (model.phi(plus) - model.phi(minus))
        total = total - torch.log(torch.sigmoid(margin))
    torch.testing.assert_close(model.loss(pairs, torch.Generator()), total / len(pairs))


def test_adaptation_is_the_optimum_of_the_loss_given_phi() -> None:
    model, pairs = make_free(), make_pairs(6, 8, seen=True)
    with torch.no_grad():
        model.user_weights.copy_(model.adapt(pairs)["mean"])
    model.loss(pairs, torch.Generator()).backward()
    assert model.user_weights.grad.abs().max() < 1e-6
    assert model.phi.layers[0].weight.grad.abs().max() > 1e-4


def test_without_pairs_the_common_reward_answers() -> None:
    model, pairs = make_free(), make_pairs(3, 4)
    nobody = pairs.select(torch.zeros(len(pairs), dtype=torch.bool))
    reward = model.common(pairs.responses)
    expected = reward[pairs.chosen] - reward[pairs.rejected]
    assert torch.equal(model.compare(model.adapt(nobody), pairs).mean, expected)
