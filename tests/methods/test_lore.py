"""LoRe: the joint likelihood term by term, its rank, its size; rank 1 is Bradley-Terry."""

import torch

from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.bt import BT, BTParameters
from prefactor.methods.lore import LoRe, LoReParameters
from prefactor.training import trainable
from tests.worlds import WIDTH, make_pairs


def make_lore(bases: int = 3, users: int = 6) -> LoRe:
    settings = LoReParameters(BasisParameters("linear", bases))
    return LoRe(settings, Shape(WIDTH, users), torch.Generator().manual_seed(0)).eval()


def test_the_loss_is_the_joint_likelihood() -> None:
    model, pairs = make_lore(), make_pairs(6, 4, seen=True)
    states = pairs.responses.views["states"]
    total = torch.tensor(0.0)
    for row in range(len(pairs)):
        weight = model.logits[pairs.segment[row]].softmax(-1)
        difference = model.phi(states[pairs.chosen[row]]) - model.phi(states[pairs.rejected[row]])
        total = total - torch.log(torch.sigmoid(weight @ difference))
    torch.testing.assert_close(model.loss(pairs, torch.Generator()), total / len(pairs))


def test_rank_one_is_bradley_terry() -> None:
    lore, pairs = make_lore(bases=1), make_pairs(6, 6, seen=True)
    bt = BT(BTParameters(BasisParameters("linear", 1)), Shape(WIDTH, 6), torch.Generator().manual_seed(5)).eval()
    bt.phi.load_state_dict(lore.phi.state_dict())
    torch.testing.assert_close(lore.loss(pairs, torch.Generator()), bt.loss(pairs, torch.Generator()))
    new = make_pairs(5, 6, seed=3)
    for known in (pairs, new):  # seen users and new ones
        ours, theirs = lore.compare(lore.adapt(known), known), bt.compare(bt.adapt(known), known)
        torch.testing.assert_close(ours.mean, theirs.mean)


def test_rewards_of_all_users_have_the_rank_of_the_basis() -> None:
    """The matrix of users' margins over shared pairs is W dPhi': its rank is at most the number of bases."""
    for bases in (1, 2, 4):
        model, pairs = make_lore(bases, users=8), make_pairs(8, 5, seen=True)
        difference = model.basis_differences(pairs)  # (40,K)
        margins = model.weights(model.adapt(pairs)) @ difference.T  # (8,40)
        assert int(torch.linalg.matrix_rank(margins.detach(), rtol=1e-5)) == bases


def test_a_further_user_costs_one_number_per_basis() -> None:
    """Their Figure 3: parameters against the number of seen users."""
    few, many = trainable(make_lore(3, users=10)), trainable(make_lore(3, users=1000))
    assert few == 3 * WIDTH + 3 + 10 * 3
    assert many - few == 990 * 3
