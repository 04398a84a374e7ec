"""Rules about items: what evaluates is new to the user, or to everyone, whatever the world."""

from collections import defaultdict
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefactor.errors import InputError
from prefactor.splitting import PairShares, SplitParameters, UserShares, split
from tests.jokes import Judged, everyone_judges, item, make_jokes

ITEMS, USERS = 20, 30
SHARES = PairShares(train=20, validation=5, evaluation=6, reference=20)
MID = SplitParameters(leakage="items-within-user", users=UserShares(20, 4, 6), pairs=SHARES)
COLD = replace(MID, leakage="items-global")
RULES = {"items-within-user": MID, "items-global": COLD}
few_examples = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Items = dict[tuple[str, str, str], set[str]]  # the texts of each (user, role, part)


def make_split(folder: Path, rows: list[Judged], parameters: SplitParameters, name: str = "out") -> dict:
    make_jokes(rows).save(folder / "prepared")
    return split(folder / "prepared", folder / name, parameters, threads=1)


def items_of(out: Path) -> Items:
    found: Items = defaultdict(set)
    for row in pq.read_table(out / "pairs.parquet").to_pylist():
        found[row["user_id"], row["role"], row["part"]] |= {row["chosen"], row["rejected"]}
    return found


def held_out(role: str, part: str) -> bool:
    """Is this what a user is scored on? The validation part of validation users mirrors evaluation."""
    return part == "evaluation" or (role == part == "validation")


@pytest.fixture(scope="module")
def mid(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Items]:
    """Manifest and items of a split within users."""
    folder = tmp_path_factory.mktemp("mid")
    return make_split(folder, everyone_judges(USERS, ITEMS), MID), items_of(folder / "out")


@few_examples
@given(share=st.floats(0.3, 1.0), items=st.integers(6, 16), seed=st.integers(0, 99), rule=st.sampled_from(list(RULES)))
def test_rules_hold_in_random_worlds(
    share: float, items: int, seed: int, rule: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("split")
    few = PairShares(train=2, validation=1, evaluation=1, reference=1)
    parameters = replace(RULES[rule], seed=seed, users=UserShares(0.5, 0.2, 0.3), pairs=few)
    try:
        make_split(folder, everyone_judges(8, items, share, seed), parameters)
    except InputError as error:  # legal where chance left too few users a pair in every pool
        assert "users have enough pairs" in str(error)
        return
    found = items_of(folder / "out")
    for (user, role, part), evaluated in found.items():
        if (rule == "items-global" and part != "evaluation") or not held_out(role, part):
            continue
        for (other, _, where), known in found.items():
            if where != part and (rule == "items-global" or other == user):
                assert not evaluated & known


def test_a_draw_for_all_held_out_users_and_one_for_each_seen_user(mid: tuple[dict, Items]) -> None:
    """Else seen users would tell nothing about new items, or nobody would be trained on those that evaluate."""
    _, found = mid
    scored = [texts for (_, role, part), texts in found.items() if role != "seen" and held_out(role, part)]
    described = [texts for (_, _, part), texts in found.items() if part == "reference"]
    assert len(set.union(*scored)) == 0.3 * ITEMS
    assert len(set.union(*described)) == 0.7 * ITEMS
    assert not set.union(*scored) & set.union(*described)
    own = [texts for (_, role, part), texts in found.items() if role == "seen" and part == "evaluation"]
    assert len(own) == 20 and all(one != other for one, other in combinations(own, 2))
    trained = [texts for (_, _, part), texts in found.items() if part == "train"]
    assert set.union(*trained) == {item(number) for number in range(ITEMS)}


def test_seen_users_are_validated_on_items_they_train_on(mid: tuple[dict, Items]) -> None:
    _, found = mid
    users = {user for user, role, _ in found if role == "seen"}
    assert all(found[user, "seen", "validation"] & found[user, "seen", "train"] for user in users)
    assert not any(found[user, "seen", "validation"] & found[user, "seen", "evaluation"] for user in users)


def test_under_the_global_rule_evaluation_items_are_new_to_everyone(tmp_path: Path) -> None:
    parameters = replace(COLD, pairs=replace(SHARES, validation=1))
    manifest = make_split(tmp_path, everyone_judges(USERS, ITEMS), parameters)
    assert {pool: found["items"] for pool, found in manifest["pools"].items()} == {
        "train": 12,
        "validation": 2,
        "evaluation": 6,
    }
    pools = defaultdict(set)
    for (_, _, part), texts in items_of(tmp_path / "out").items():
        pools["train" if part == "reference" else part] |= texts
    assert sorted(len(texts) for texts in pools.values()) == [2, 6, 12]
    assert len(set.union(*pools.values())) == ITEMS


def test_the_manifest_counts_pairs_across_pools(mid: tuple[dict, Items]) -> None:
    """Each of 20 items is in a user's pool of 14 or of 6: 91 + 15 of the 190 pairs are within one."""
    manifest, _ = mid
    assert manifest["rule"] == "items-within-user"
    assert manifest["pools"] == {
        "train": {"items": 14, "pairs": 91 * USERS},
        "evaluation": {"items": 6, "pairs": 15 * USERS},
        "own_train": {"items": 14, "pairs": 91 * USERS},
        "own_evaluation": {"items": 6, "pairs": 15 * USERS},
    }
    assert manifest["pairs"]["seen"] == {"train": 400, "validation": 100, "evaluation": 120}
    assert manifest["pairs"]["unused"] == {
        "dropped_users": 0,
        "unused_users": 0,
        "across_pools": USERS * (190 - 91 - 15),
        "spare": USERS * (91 + 15) - 20 * 31 - 10 * 26,
    }


def test_a_group_of_two_pools_is_not_used(tmp_path: Path) -> None:
    """Pairs of one group stay together, so that one pair across pools takes its group with it."""
    preferences = make_jokes(everyone_judges(USERS, ITEMS))
    pairs = preferences.pairs.to_pandas()
    pairs.loc[pairs.groupby("user_id").head(3).index, "group_id"] = "linked"  # items 0 and 1, 0 and 2, 0 and 3
    linked = pa.Table.from_pandas(pairs, preferences.pairs.schema, preserve_index=False)
    replace(preferences, pairs=linked).save(tmp_path / "prepared")
    split(tmp_path / "prepared", tmp_path / "out", replace(MID, pairs=PairShares(1.0, 0, 1.0, 1.0)), threads=1)
    parts = defaultdict(list)
    for row in pq.read_table(tmp_path / "out" / "pairs.parquet").to_pylist():
        if row["group_id"] == "linked":
            parts[row["user_id"]].append(row["part"])
    assert parts and all(len(found) == 3 and len(set(found)) == 1 for found in parts.values())
    assert len(parts) < USERS


@pytest.mark.parametrize("parameters", [MID, replace(COLD, pairs=replace(SHARES, validation=1))])
def test_same_bytes_whatever_row_order_and_threads(tmp_path: Path, parameters: SplitParameters) -> None:
    rows = everyone_judges(USERS, ITEMS)
    make_split(tmp_path / "a", rows, parameters)
    make_jokes(rows[::-1]).save(tmp_path / "b" / "prepared")
    split(tmp_path / "b" / "prepared", tmp_path / "b" / "out", parameters, threads=3)
    for name in ("pairs.parquet", "users.parquet", "manifest.json"):
        assert (tmp_path / "a" / "out" / name).read_bytes() == (tmp_path / "b" / "out" / name).read_bytes()


def test_another_seed_is_another_draw_of_items(tmp_path: Path) -> None:
    rows = everyone_judges(USERS, ITEMS)
    drawn = []
    for seed in range(2):
        make_split(tmp_path, rows, replace(MID, seed=seed), f"out{seed}")
        found = items_of(tmp_path / f"out{seed}")
        drawn.append(set.union(*(texts for (_, _, part), texts in found.items() if part == "reference")))
    assert drawn[0] != drawn[1]
