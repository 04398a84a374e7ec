"""LoRe: seen users keep what was learnt, new users are fitted alone, shrinkage pulls towards the population."""

import torch
from torch.nn import functional as F

from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.lore import LoRe, LoReParameters
from prefactor.methods.simplex import AdaptationParameters
from tests.worlds import WIDTH, make_pairs


def make_lore(bases: int = 3, **adaptation: float) -> LoRe:
    settings = LoReParameters(BasisParameters("linear", bases), AdaptationParameters(**adaptation))
    return LoRe(settings, Shape(WIDTH, 6), torch.Generator().manual_seed(0)).eval()


def test_the_loss_is_the_joint_likelihood() -> None:
    model, pairs = make_lore(), make_pairs(6, 4, seen=True)
    states = pairs.responses.views["states"]
    total = torch.tensor(0.0)
    for row in range(len(pairs)):
        weight = model.logits[pairs.segment[row]].softmax(-1)
        difference = model.phi(states[pairs.chosen[row]]) - model.phi(states[pairs.rejected[row]])
        total = total - torch.log(torch.sigmoid(weight @ difference))
    torch.testing.assert_close(model.loss(pairs, torch.Generator()), total / len(pairs))


def test_seen_users_keep_their_trained_weights() -> None:
    model, pairs = make_lore(), make_pairs(6, 4, seen=True)
    torch.testing.assert_close(model.adapt(pairs)["weight"], model.logits.detach().softmax(-1))


def test_a_new_users_weight_is_at_the_minimum_of_their_loss() -> None:
    """With shrinkage the loss is strongly convex around the fit: its gradient vanishes there."""
    model, pairs = make_lore(steps=3000, learning_rate=0.02, shrinkage=2.0), make_pairs(5, 6)
    logits = model.fit_logits(pairs).requires_grad_()
    margin = (logits.softmax(-1)[pairs.segment] * model.basis_differences(pairs).detach()).sum(-1)
    nats = -F.logsigmoid(margin).view(5, 6).mean(1)
    (nats + 2.0 / 12 * (logits - model.mean_logits).square().sum(-1)).sum().backward()
    assert logits.grad.abs().max() < 1e-3


def test_more_shrinkage_stays_closer_to_the_population() -> None:
    pairs = make_pairs(5, 6)
    distance = []
    for shrinkage in (0.01, 1.0, 100.0):
        model = make_lore(shrinkage=shrinkage)
        population = model.mean_logits.softmax(-1)
        distance.append(float((model.adapt(pairs)["weight"] - population).norm()))
    assert distance[0] > distance[1] > distance[2]


def test_rank_one_is_one_reward_for_everyone() -> None:
    model, pairs = make_lore(bases=1), make_pairs(5, 6)
    torch.testing.assert_close(model.adapt(pairs)["weight"], torch.ones(5, 1))
