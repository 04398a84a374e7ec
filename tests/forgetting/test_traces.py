"""What a person is found by."""

import pytest

from prefactor.forgetting.traces import Traces, is_distinct
from prefactor.preferences import content_id


@pytest.mark.parametrize(
    ("name", "distinct"),
    [
        ("7", False),
        ("24983", False),
        ("anna", False),
        ("seed-0", False),
        ("rater 1", False),
        ("alexandra", False),
        ("user-0000007", True),
        ("a@b", True),
        ("123456789012", True),
        (content_id("anyone"), True),
    ],
)
def test_ids_that_say_enough_by_themselves(name: str, distinct: bool) -> None:
    assert is_distinct(name) == distinct


def test_traces_survive_a_round_trip_and_are_joined_and_parted() -> None:
    one = Traces(users=frozenset({"7"}), hashes=frozenset({"a", "b"}))
    other = Traces(groups=frozenset({"g"}), hashes=frozenset({"b"}))
    assert Traces.from_json(one.as_json()) == one
    assert (one | other) == Traces(frozenset({"7"}), frozenset({"g"}), frozenset(), frozenset({"a", "b"}))
    assert (one | other) - other == Traces(users=frozenset({"7"}), hashes=frozenset({"a"}))


def test_a_pseudonym_is_looked_for_like_a_content_hash() -> None:
    name = content_id("somebody")
    assert Traces(users=frozenset({name, "7"})).hex == {name}
