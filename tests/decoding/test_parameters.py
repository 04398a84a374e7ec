"""What may be asked of personal generation, and which methods there are."""

import re

import pytest

from prefactor.decoding.parameters import ALONE, BY_REWARD, GenerationParameters, reward_of
from prefactor.errors import InputError
from prefactor.parameters import build


@pytest.mark.parametrize(
    ("values", "said"),
    [
        *(
            ({name: 0}, f"{name} must be at least 1, got 0")
            for name in ("users", "pairs", "prompts", "guided_users", "exhaustive_pairs", "history_pairs")
        ),
        ({"examples": -1}, "examples must be at least 0, got -1"),
        ({"adapters": {"users": 0}}, "users must be at least 1, got 0"),
        ({"decoding": {"kept": 0}}, "kept must be at least 1, got 0"),
        ({"decoding": {"strength": 0.0}}, "strength must be positive, got 0.0"),
        ({"decoding": {"strength": float("nan")}}, "strength must be positive, got nan"),
        ({"shots": []}, "shots must be one or more sizes of at least 1, got []"),
        ({"shots": [5, 0]}, "shots must be one or more sizes of at least 1, got [5, 0]"),
        ({"methods": ["base", "drift", "base"]}, "methods must name each method once, got 'base' 2 times"),
        ({"candidates": {"n": 9, "pool": 8}}, "n must be from 1 to pool, got 9 and 8"),
        ({"models": ["small"]}, "datasets must name at least one where models write"),
        ({"user": 3}, "unknown key 'user'; did you mean 'users'?"),
    ],
)
def test_bad_values_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        build(GenerationParameters, values, "generation")


def test_the_least_values_are_taken() -> None:
    least = {"guided_users": 1, "exhaustive_pairs": 1, "history_pairs": 1, "examples": 0, "shots": [1]}
    parts = {"adapters": {"users": 1}, "decoding": {"kept": 1, "strength": 1e-6}, "methods": []}
    found = build(GenerationParameters, {**least, **parts}, "generation")
    assert (found.examples, found.shots, found.decoding.kept, found.methods) == (0, (1,), 1, ())


@pytest.mark.parametrize("method", ALONE)
def test_methods_that_stand_alone_have_no_reward(method: str) -> None:
    assert reward_of(method) is None


@pytest.mark.parametrize("prefix", BY_REWARD)
def test_other_methods_end_in_their_rewards_name(prefix: str) -> None:
    assert reward_of(f"{prefix}vrf") == "vrf"
    with pytest.raises(InputError, match="unknown method"):
        reward_of(prefix)


def test_an_unknown_method_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown method 'drfit'; did you mean 'drift'\?"):
        reward_of("drfit")
    with pytest.raises(InputError, match=r"unknown method 'zzz'; known methods: .*best_of_n-vrf"):
        build(GenerationParameters, {"methods": ["zzz"]}, "generation")
