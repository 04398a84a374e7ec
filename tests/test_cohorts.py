"""A split joined with states: roles, parts, nested reference sets, every pair's states where they belong."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from prefactor.cohorts import load_cohorts
from prefactor.errors import InputError

ROWS = [
    (user, role, part, rank)
    for user, role, parts in [
        ("b", "seen", {"train": 3, "validation": 1, "evaluation": 2}),
        ("a", "seen", {"train": 2, "validation": 1, "evaluation": 2}),
        ("v", "validation", {"reference": 4, "validation": 1}),
        ("x", "unseen", {"reference": 5, "evaluation": 2}),
    ]
    for part, size in parts.items()
    for rank in range(size)
]


class HashedStates:
    """States that tell which text they belong to."""

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        return np.array([[float(int(text_id[1:]))] for text_id in text_ids], dtype=np.float32)


@pytest.fixture
def split(tmp_path: Path) -> Path:
    columns = dict(zip(("user_id", "role", "part", "rank"), map(list, zip(*ROWS, strict=True)), strict=True))
    names = {"chosen": [f"t{2 * n}" for n in range(len(ROWS))], "rejected": [f"t{2 * n + 1}" for n in range(len(ROWS))]}
    table = pa.table({**columns, **names}).take(np.random.default_rng(0).permutation(len(ROWS)))
    pq.write_table(table, tmp_path / "pairs.parquet")
    return tmp_path


def test_every_role_has_its_users_and_parts(split: Path) -> None:
    cohorts = load_cohorts(split, {"states": HashedStates()})
    assert cohorts["seen"].user_ids == ("b", "a")  # by the hash of the id: 3e23... before ca97...
    assert cohorts["seen"].known().pairs_per_user().tolist() == [3, 2]
    assert len(cohorts["seen"].to_predict("evaluation")) == 4
    assert len(cohorts["unseen"].known()) == 5
    assert cohorts["unseen"].pairs.users.tolist() == [-1]
    assert cohorts["seen"].pairs.users.tolist() == [0, 1]


def test_margins_stay_with_their_pairs(split: Path) -> None:
    table = pq.read_table(split / "pairs.parquet")
    assert load_cohorts(split, {})["seen"].pairs.margin is None
    number = [int(text_id[1:]) for text_id in table["chosen"].to_pylist()]
    margin = pa.array([None if n == 6 else float(n) for n in number], pa.float64())
    pq.write_table(table.append_column("margin", margin), split / "pairs.parquet")
    cohorts = load_cohorts(split, {"states": HashedStates()})
    for cohort in cohorts.values():
        pairs = cohort.pairs
        chosen = pairs.responses.views["states"][pairs.chosen].flatten()
        torch.testing.assert_close(pairs.margin, torch.where(chosen == 6, torch.nan, chosen), equal_nan=True)


def test_groups_are_numbered_across_roles(split: Path) -> None:
    table = pq.read_table(split / "pairs.parquet")
    assert load_cohorts(split, {})["seen"].group is None
    number = [int(text_id[1:]) // 2 % 5 for text_id in table["chosen"].to_pylist()]
    pq.write_table(table.append_column("group_id", pa.array([f"g{n}" for n in number])), split / "pairs.parquet")
    found: dict[int, set[int]] = {}
    for cohort in load_cohorts(split, {"states": HashedStates()}).values():
        assert cohort.group is not None
        texts = cohort.pairs.responses.views["states"][cohort.pairs.chosen, 0].long() // 2 % 5
        for group, expected in zip(cohort.group.tolist(), texts.tolist(), strict=True):
            found.setdefault(group, set()).add(expected)
    assert sorted(map(sorted, found.values())) == [[0], [1], [2], [3], [4]]
    first = load_cohorts(split, {})["seen"].first(1)
    assert first.group is not None and len(first.group) == len(first.pairs)


def test_reference_sets_are_nested_and_first_by_rank(split: Path) -> None:
    unseen = load_cohorts(split, {"states": HashedStates()})["unseen"]
    sets = [set(unseen.known(n).chosen.tolist()) for n in range(7)]
    assert [len(one) for one in sets] == [0, 1, 2, 3, 4, 5, 5]
    assert all(small <= large for small, large in pairwise(sets))


def test_states_follow_their_texts(split: Path) -> None:
    for cohort in load_cohorts(split, {"states": HashedStates()}).values():
        states = cohort.pairs.responses.views["states"]
        chosen, rejected = states[cohort.pairs.chosen], states[cohort.pairs.rejected]
        torch.testing.assert_close(rejected, chosen + 1)  # t2n against t2n+1


def test_first_users_keep_their_own_pairs(split: Path) -> None:
    seen = load_cohorts(split, {"states": HashedStates()})["seen"]
    one = seen.first(1)
    assert one.user_ids == ("b",) and one.pairs.n_users == 1
    assert one.known().chosen.tolist() == seen.known().chosen[:3].tolist()


def test_a_split_without_a_role_is_refused(split: Path) -> None:
    table = pq.read_table(split / "pairs.parquet")
    pq.write_table(table.filter(pa.compute.not_equal(table["role"], "unseen")), split / "pairs.parquet")
    with pytest.raises(InputError, match="no unseen users: give them a share"):
        load_cohorts(split, {"states": HashedStates()})
