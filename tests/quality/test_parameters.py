"""Parameters of the gate: bounds that make no sense are refused where they are read."""

import pytest

from prefactor.errors import InputError
from prefactor.parameters import build
from prefactor.quality import QualityParameters


def test_built_from_params_yaml() -> None:
    built = build(QualityParameters, {"chosen_longer": [0.2, 0.7], "minimum_pairs_per_user": 4}, "quality")
    assert built == QualityParameters(chosen_longer=(0.2, 0.7), minimum_pairs_per_user=4)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"chosen_longer": [0.9, 0.1]}, "chosen_longer must be two shares in rising order"),
        ({"chosen_first": [0.1, 1.2]}, "chosen_first must be two shares"),
        ({"minimum_characters": 10, "maximum_characters": 9}, "minimum_characters must lie between 0 and"),
        ({"failing_rows": 0}, "must be at least 1"),
        ({"chosen_long": [0.1, 0.9]}, "did you mean 'chosen_longer'"),
    ],
)
def test_refuses_senseless_bounds(values: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build(QualityParameters, values, "quality")
