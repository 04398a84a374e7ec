"""The project's own spaces: one for every method that can be swept, of parameters that there are; the paper's grid."""

import random
from pathlib import Path
from typing import get_args

import pytest

from prefactor.choices import choices_of
from prefactor.errors import InputError
from prefactor.methods import METHODS
from prefactor.parameters import build, load_parameters, merged, section
from prefactor.sweeping.parameters import SweepParameters
from prefactor.sweeping.space import Range, changes
from prefactor.sweeping.ways import Method
from stages.trainings import MethodParameters

PARAMETERS = load_parameters(Path(__file__).resolve().parents[2] / "params.yaml")
SWEEP = build(SweepParameters, PARAMETERS["sweep"], "sweep")
SPACES = [(method, variant) for method, variants in SWEEP.spaces.items() for variant in variants]


def test_every_method_of_the_form_has_a_space_and_no_other() -> None:
    assert set(get_args(Method)) == set(SWEEP.spaces) and set(SWEEP.spaces) < set(METHODS)


def test_the_papers_grid_is_whole() -> None:
    space = SWEEP.space("vrf", "faithful")
    assert len(space.grid()) == 60
    assert space.leaves["model.basis.bases"] == (4, 8, 12, 16, 20)
    assert space.leaves["model.basis.dropout"] == (0.0, 0.1)
    assert space.leaves["training.weight_decay"] == (0.001, 0.01)


@pytest.mark.parametrize(("method", "variant"), SPACES)
def test_whatever_a_space_holds_are_parameters_of_its_method(method: str, variant: str) -> None:
    dice, base = random.Random(0), section(PARAMETERS, f"methods.{method}.{variant}")
    for _ in range(5):
        leaves = SWEEP.space(method, variant).leaves
        drawn = {k: leaf.high if isinstance(leaf, Range) else dice.choice(leaf) for k, leaf in leaves.items()}
        found = build(MethodParameters, merged(base, changes(drawn)), method)
        model, _ = choices_of(found.model)
        build(METHODS[method].Parameters, model, f"{method}.model")


def test_a_variant_without_a_space_is_named() -> None:
    with pytest.raises(InputError, match=r"sweep\.spaces\.bt has no 'defualt'.*did you mean 'default'"):
        SWEEP.space("bt", "defualt")


def test_shots_are_numbers_of_pairs() -> None:
    with pytest.raises(InputError, match="shots must be numbers of pairs"):
        build(SweepParameters, {"shots": [0]}, "sweep")
