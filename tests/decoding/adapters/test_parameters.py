"""What adapters may be asked for."""

import pytest

from prefactor.decoding.adapters import AdapterParameters, DpoParameters
from prefactor.errors import InputError
from prefactor.parameters import build


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rank": 0}, "rank must be at least 1, got 0"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"max_tokens": 0}, "max_tokens must be at least 1, got 0"),
        ({"alpha": 0.0}, "alpha must be positive, got 0.0"),
        ({"dropout": 1.0}, "dropout must be a share below 1, got 1.0"),
        ({"learning_rate": -1.0}, "learning_rate must not be negative, got -1.0"),
        ({"targets": "some"}, "targets must be 'all-linear' or a list of names, got 'some'"),
        ({"beta": 0.0}, "beta must be positive, got 0.0"),
        ({"betas": 1.0}, "unknown key 'betas'; did you mean 'beta'?"),
    ],
)
def test_bad_values_are_refused(values, said):
    with pytest.raises(InputError, match=said.replace("?", r"\?")):
        build(DpoParameters, values, "generation.dpo")


def test_defaults_are_drifts_where_it_names_them():
    for parameters in (AdapterParameters(), DpoParameters()):
        assert (parameters.rank, parameters.alpha) == (8, 32.0)
    assert AdapterParameters().epochs == 5
    assert build(DpoParameters, {"targets": ["q_proj"]}, "x").targets == ("q_proj",)
