"""EXACT's parameters from params.yaml."""

import pytest

from prefactor.decoding.exact.parameters import ExactParameters
from prefactor.errors import InputError
from prefactor.parameters import build


@pytest.mark.parametrize(
    ("values", "message"),
    [({"k": 0}, "k must be at least 1"), ({"retrieval": "best"}, "retrieval"), ({"postive": True}, "'positive'")],
)
def test_impossible_ones_are_refused(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(ExactParameters, values, "exact")
