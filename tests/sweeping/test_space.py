"""A sweep's space: lists and ranges by key; a grid of all combinations."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefactor.errors import InputError
from prefactor.parameters import merged
from prefactor.sweeping.space import Range, Space, changes, values_at

LISTS = st.lists(st.integers(-9, 9), min_size=1, max_size=3, unique=True)


@given(st.dictionaries(st.sampled_from("ab"), st.dictionaries(st.sampled_from("xy"), LISTS, min_size=1), min_size=1))
def test_a_grid_has_every_combination_once(nest: dict) -> None:
    space = Space.of(nest, "sweep")
    points = space.grid()
    assert len(points) == space.size == math.prod(len(leaf) for leaf in space.leaves.values())
    assert len({repr(point) for point in points}) == len(points)
    for point in points[:20]:
        assert all(value in nest[key[0]][key[2]] for key, value in point.items())
        assert values_at(merged(nest, changes(point)), point) == point


def test_a_range_is_whole_where_its_ends_are() -> None:
    space = Space.of({"a": {"low": 1, "high": 9}, "b": {"low": 1.0, "high": 9}}, "sweep")
    assert [leaf.is_whole for leaf in space.leaves.values()] == [True, False]
    assert space.size is None


def test_a_grid_needs_lists() -> None:
    with pytest.raises(InputError, match="b is a range from 1 to 9, but a grid needs a list"):
        Space({"a": (1, 2), "b": Range(1, 9)}).grid()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"a": {"b": 3}}, r"sweep\.a\.b must be a list of different values"),
        ({"a": {"b": [1, 1]}}, r"sweep\.a\.b must be a list of different values"),
        ({"a": {"b": [[1], [2]]}}, r"sweep\.a\.b must be a list of single values"),
        ({"a": {"low": 2, "high": 1}}, r"sweep\.a: low must be below high"),
        ({"a": {"low": 0, "high": 1, "log": True}}, r"sweep\.a: log needs a low above 0"),
        ({"a": {"low": 1, "high": 2, "steps": 1}}, r"sweep\.a: unknown key 'steps'; did you mean 'step'"),
        ({}, "says of no parameter"),
    ],
)
def test_what_is_no_space_is_named(wrong: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Space.of(wrong, "sweep")


def test_what_a_variant_leaves_to_its_method_has_no_value() -> None:
    assert values_at({"a": {"b": None, "c": 1}}, {"a.b": 0, "a.c": 0, "a.d": 0, "a.c.e": 0}) == {"a.b": None, "a.c": 1}
