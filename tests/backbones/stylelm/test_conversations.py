"""The forms of a conversation, and how they are drawn."""

import numpy as np
import pytest

from prefactor.backbones.stylelm.attributes import system_prompt
from prefactor.backbones.stylelm.conversations import Turns, draw
from prefactor.backbones.stylelm.parameters import FormShares

NEUTRAL = system_prompt(None)
HAS = ["concise", "formal", "direct", "narrative"]


def drawn(attributes: list[str], shares: FormShares, count: int = 400) -> list[Turns]:
    random = np.random.default_rng(0)
    return [draw("Why?", attributes, shares, random) for _ in range(count)]


def test_every_form_occurs_and_names_only_what_the_response_has():
    turns = drawn(HAS, FormShares(0.3, 0.4, 0.3, neutral=0.25))
    lines = [turn.user.removeprefix("Why?\nAttributes: ") for turn in turns if turn.user != "Why?"]
    systems = [turn.system for turn in turns if turn.system is not None]
    assert all(turn.system is None or turn.user == "Why?" for turn in turns)
    assert {len(line.split(", ")) for line in lines} == {1, 2, 3}
    assert {name for line in lines for name in line.split(", ")} == set(HAS)
    assert all(len(set(line.split(", "))) == len(line.split(", ")) for line in lines)
    assert set(systems) == {NEUTRAL, *map(system_prompt, HAS)}
    assert 90 < len(lines) < 150 and 120 < len(systems) < 200  # within five deviations of what is asked


def test_the_order_of_named_attributes_is_random():
    firsts = {turn.user.split(": ")[1].split(", ")[0] for turn in drawn(HAS, FormShares(0, 0, 1))}
    assert firsts == set(HAS)


def test_a_response_without_attributes_gets_none():
    turns = drawn([], FormShares(0.2, 0.4, 0.4))
    assert {(turn.system, turn.user) for turn in turns} == {(None, "Why?"), (NEUTRAL, "Why?")}


def test_one_seed_draws_the_same_forms():
    assert drawn(HAS, FormShares()) == drawn(HAS, FormShares())


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (-0.5, 1.0, 0.5)])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match="add up to 1"):
        FormShares(*shares)
