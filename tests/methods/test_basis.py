"""Pieces of phi: the input's scale, and dropout from an explicit generator."""

import pytest
import torch

from prefactor.errors import InputError
from prefactor.methods.basis import BasisParameters, Dropout, Standardise
from prefactor.parameters import build


def test_standardised_states_have_mean_0_and_deviation_1() -> None:
    states = torch.randn(500, 4) * torch.tensor([1.0, 100.0, 1e-3, 0.0]) + 7
    scaler = Standardise(4)
    scaler.fit(states)
    scaled = scaler(states)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(scaled.std(0), torch.tensor([1.0, 1.0, 1.0, 0.0]), atol=1e-3, rtol=0)


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5])
def test_dropout_keeps_the_mean_and_drops_its_share(rate: float) -> None:
    dropout, values = Dropout(rate), torch.ones(400, 501)
    dropout.generator = torch.Generator().manual_seed(0)
    kept = dropout(values)
    assert float((kept == 0).float().mean()) == pytest.approx(rate, abs=0.005)
    assert float(kept.mean()) == pytest.approx(1, abs=0.01)


def test_dropout_is_a_function_of_its_generator_and_off_at_evaluation() -> None:
    dropout, values = Dropout(0.3), torch.ones(50, 30)
    drawn = []
    for seed in (0, 0, 1):
        dropout.generator = torch.Generator().manual_seed(seed)
        drawn.append(dropout(values))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert dropout.eval()(values) is values


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InputError, match="bases must be at least 1, got 0"):
        build(BasisParameters, {"bases": 0}, "basis")
    with pytest.raises(InputError, match="did you mean 'dropout'"):
        build(BasisParameters, {"dropuot": 0.1}, "basis")
