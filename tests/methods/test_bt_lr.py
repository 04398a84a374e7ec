"""BT+LR: BT without pairs and in the limit of the prior; the deviation explains what BT leaves open."""

import pytest
import torch

from prefactor.errors import InputError
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.bt import BT, BTParameters
from prefactor.methods.bt_lr import BTLR, BTLRParameters
from prefactor.methods.logistic import Observed, log_posterior
from tests.worlds import WIDTH, make_pairs


def make_bt_lr(ridge: float = 2.0) -> tuple[BTLR, BT]:
    settings = BTLRParameters(ridge, BTParameters(BasisParameters("mlp", 1, 0.2)))
    model = BTLR(settings, Shape(WIDTH, 6), torch.Generator().manual_seed(0))
    bt = model.first_step(torch.Generator().manual_seed(1))
    for one in (model, bt):
        one.standardise(make_pairs(1, 1).responses)
    model.start_from(bt.eval())
    return model.eval(), bt


def test_without_pairs_it_is_bt_exactly() -> None:
    model, bt = make_bt_lr()
    pairs = make_pairs(4, 5)
    nobody = pairs.select(torch.zeros(len(pairs), dtype=torch.bool))
    found, expected = model.compare(model.adapt(nobody), pairs), bt.compare(bt.adapt(nobody), pairs)
    assert torch.equal(found.mean, expected.mean)
    assert (found.variance > 0).all()


def test_in_the_limit_of_an_infinite_ridge_it_is_bt() -> None:
    model, bt = make_bt_lr(1e12)
    pairs = make_pairs(4, 5)
    found, expected = model.compare(model.adapt(pairs), pairs), bt.compare(bt.adapt(pairs), pairs)
    torch.testing.assert_close(found.mean, expected.mean)
    torch.testing.assert_close(found.variance, expected.variance, atol=1e-6, rtol=0)


def test_the_deviation_is_at_the_mode_given_bt_as_offset() -> None:
    model, bt = make_bt_lr()
    pairs = make_pairs(4, 7)
    states = pairs.responses.views["states"]
    reward = bt.phi((states - states.mean(0)) / states.std(0)).squeeze(-1).detach()
    scaled = model.scaler(states)
    observed = Observed(
        scaled[pairs.chosen] - scaled[pairs.rejected], reward[pairs.chosen] - reward[pairs.rejected], pairs.segment, 4
    )
    at = model.adapt(pairs)["mean"].requires_grad_()
    log_posterior(observed, at, torch.zeros_like(at), 2.0 * torch.eye(WIDTH)).sum().backward()
    assert at.grad.abs().max() < 1e-4


def test_bt_stays_as_the_first_step_left_it() -> None:
    model, bt = make_bt_lr()
    model.fit(make_pairs(6, 5, seen=True))
    assert not [parameter for parameter in model.parameters() if parameter.requires_grad]
    for name, tensor in bt.state_dict().items():
        assert torch.equal(model.first.state_dict()[name], tensor)


def test_without_a_first_step_it_says_what_is_missing() -> None:
    model = BTLR(BTLRParameters(), Shape(WIDTH, 6), torch.Generator())
    with pytest.raises(InputError, match="needs a trained BT to start from: give it a basis_training"):
        model.fit(make_pairs(6, 5, seen=True))
