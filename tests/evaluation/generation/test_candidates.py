"""Shares of being chosen: equal to trying every subset, and to drawing many; tables of candidates as sets."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.generation.candidates import candidate_sets, choice_shares, each


def by_enumeration(reward: np.ndarray, drawn: int) -> np.ndarray:
    """(M,) every subset once, its best candidates sharing it."""
    share = np.zeros(len(reward))
    subsets = [np.array(subset) for subset in combinations(range(len(reward)), drawn)]
    for subset in subsets:
        best = subset[reward[subset] == reward[subset].max()]
        share[best] += 1 / len(best)
    return share / len(subsets)


@pytest.mark.parametrize("levels", [1, 2, 3, 100])
@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_shares_are_those_of_all_subsets(size: int, levels: int) -> None:
    reward = np.random.default_rng(size * levels).integers(0, levels, (4, size)).astype(float)
    for drawn in range(1, size + 1):
        found = choice_shares(reward, drawn)
        assert found == pytest.approx(np.stack([by_enumeration(row, drawn) for row in reward]), abs=1e-12)
        assert found.sum(1) == pytest.approx(np.ones(4))


def test_shares_are_those_of_many_draws() -> None:
    generator = np.random.default_rng(0)
    reward = generator.integers(0, 12, 32).astype(float)
    drawn, draws = 8, 40_000
    places = generator.random((draws, 32)).argsort(1)[:, :drawn]  # subsets without replacement
    noise = 1e-6 * generator.random((draws, drawn))  # deals ties out
    chosen = np.take_along_axis(places, (reward[places] + noise).argmax(1)[:, None], 1)[:, 0]
    frequency = np.bincount(chosen, minlength=32) / draws
    assert np.abs(frequency - choice_shares(reward[None], drawn)[0]).max() < 4 * np.sqrt(0.25 / draws)


def test_more_candidates_than_there_are_cannot_be_drawn() -> None:
    for drawn in (0, 4):
        with pytest.raises(InputError, match="of 3 candidates cannot be drawn"):
            choice_shares(np.zeros((1, 3)), drawn)


def table() -> pd.DataFrame:
    """Three candidates each for two users, four for a third, in disorder."""
    rows = [(f"u{user}", "g", sample, float(sample), -float(sample)) for user in range(3) for sample in range(3)]
    rows.append(("u2", "g", 3, 3.0, -3.0))
    found = pd.DataFrame(rows, columns=["user_id", "group_id", "sample", "utility", "reward_bt"])
    return found.sample(frac=1, random_state=1)


def test_sets_of_equal_size_stand_together() -> None:
    small, large = candidate_sets(table())
    assert small.utility.tolist() == [[0, 1, 2]] * 2 and large.utility.tolist() == [[0, 1, 2, 3]]
    assert (small.rewards["bt"] == -small.utility).all() and small.scale.tolist() == [1, 1]
    assert small.keys["user_id"].tolist() == ["u0", "u1"]
    assert [(found.size, size) for found, size in each([small, large], (1, 3, 4))] == [(3, 1), (3, 3), (4, 1), (4, 3)]


def test_what_is_no_set_is_refused() -> None:
    good = table()
    with pytest.raises(InputError, match="reward_<method>"):
        candidate_sets(good.drop(columns="reward_bt"))
    with pytest.raises(InputError, match=r"1 value\(s\) of reward_bt"):
        candidate_sets(good.assign(reward_bt=[np.nan, *good["reward_bt"][1:]]))
    with pytest.raises(InputError, match="twice"):
        candidate_sets(pd.concat([good, good[:1]]))
