"""Weights that users set: read, normalised, and refused with what to write instead."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.attributes import read_attributes
from prefactor.decoding.user_weights import attribute_weights, basis_weights
from prefactor.errors import InputError

NAMES = read_attributes().names
numbers = st.floats(allow_nan=False, allow_infinity=False).filter(bool)


def written(chosen: dict[str, float]) -> str:
    return ",".join(f"{name}={value!r}" for name, value in chosen.items())


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from(NAMES), numbers, min_size=1))
def test_attributes_have_length_1_and_the_users_proportions(chosen: dict[str, float]) -> None:
    weights = attribute_weights(written(chosen), NAMES)
    torch.testing.assert_close(weights.norm(), torch.ones((), dtype=torch.float64))
    largest = max(chosen, key=lambda name: abs(chosen[name]))
    for name, weight in zip(NAMES, weights.tolist(), strict=True):
        expected = chosen.get(name, 0.0) / abs(chosen[largest])
        assert weight == pytest.approx(expected * abs(weights[NAMES.index(largest)].item()))


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.integers(0, 6), numbers.map(abs), min_size=1))
def test_bases_are_on_the_simplex(chosen: dict[int, float]) -> None:
    weights = basis_weights(written({f"basis:{number}": value for number, value in chosen.items()}), 7)
    assert weights.shape == (7,)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(), torch.ones((), dtype=torch.float64))


def test_spaces_are_of_no_matter() -> None:
    assert torch.equal(
        attribute_weights(" concise = 1 , formal=-0.5", NAMES), attribute_weights("formal=-1,concise=2", NAMES)
    )


def test_a_name_may_hold_a_sign_of_equality() -> None:
    assert attribute_weights("a=b=2", ["a", "a=b"]).tolist() == [0, 1]


def test_shares_of_bases_are_kept() -> None:
    assert basis_weights("basis:0=7,basis:3=3", 4).tolist() == pytest.approx([0.7, 0, 0, 0.3])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is not NAME=NUMBER: write e.g. concise=1"),
        ("concise=1,", "'' is not NAME=NUMBER"),
        ("concise", "'concise' is not NAME=NUMBER"),
        ("concise=", "'concise=' is not NAME=NUMBER"),
        ("=1", "'=1' is not NAME=NUMBER"),
        ("concize=1", "'concize' is not among the attributes; did you mean 'concise'"),
        ("concise=much", "concise is 'much', which is no number"),
        ("concise=nan", "concise is nan: give a finite number"),
        ("concise=-inf", "concise is -inf: give a finite number"),
        ("concise=1,concise=2", "concise is given twice"),
        ("concise=0,formal=0", "all are 0"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        attribute_weights(text, NAMES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("basis:0=1,basis:1=-0.5", "basis:1 is negative"),
        ("basis:4=1", "'basis:4' is not among the bases; did you mean"),
        ("concise=1", "known bases: basis:0, basis:1, basis:2, basis:3"),
        ("basis:0=0", "all are 0"),
    ],
)
def test_bases_that_make_no_sense_are_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        basis_weights(text, 4)
