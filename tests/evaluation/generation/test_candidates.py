"""Tables of candidates as sets."""

import numpy as np
import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.generation.candidates import candidate_sets, each


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
