"""Halves of the same people: found by their splits, pooled so that every user counts once."""

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from prefactor.cohorts import load_cohorts
from prefactor.evaluation.comparison import paired_differences
from prefactor.evaluation.halves import (
    Halves,
    find_halves,
    halves_of,
    item_names,
    pooled_outcomes,
    pooled_rows,
    pooled_users,
)
from prefactor.evaluation.items import Outcomes
from prefactor.evaluation.results import PER_USER

IDENTITY = {"dataset": "a + b", "protocol": "p", "backbone": "b", "method": "m", "variant": "v", "run": "r"}
USERS = 30


def manifest(reverse: bool = False, rows: str = "x", **parameters: object) -> dict:
    given = {"reverse": reverse, "seed": 0, "memory_limit": "1GB" if reverse else "2GB", **parameters}
    return {"parameters": given, "checksums": {"input": {"pairs": {"fingerprint": rows}}}}


def figures(accuracy: np.ndarray, first: int, split: str = "unseen") -> pd.DataFrame:
    """Users numbered from ``first``, two seeds 0.02 apart."""
    names = [f"u{first + number:03}" for number in range(len(accuracy))]
    rows = {"user_id": names, "split": split, "shots": pd.array([None] * len(names), "Int64"), "pairs": 4}
    values = {seed: accuracy + shift for seed, shift in (("0", -0.01), ("1", 0.01))}
    return pd.concat([pd.DataFrame({**rows, "seed": s, **dict.fromkeys(PER_USER, v)}) for s, v in values.items()])


def test_halves_are_splits_of_the_same_rows_that_differ_in_reverse_alone() -> None:
    known = {"a": manifest(), "b": manifest(reverse=True), "c": manifest(rows="y", reverse=True), "d": manifest(seed=1)}
    assert find_halves(known) == [Halves("a", "b")]
    assert find_halves({"a": manifest(), "b": manifest()}) == []
    unchecked = copy.deepcopy({name: known[name] for name in "ab"})
    for one in unchecked.values():
        del one["checksums"]
    assert find_halves(unchecked) == []
    assert halves_of(Halves("a", "b").name) == ("a", "b") and halves_of("a") == ()


def test_every_user_counts_once_and_the_pooled_interval_is_narrower() -> None:
    noise = np.random.default_rng(0)
    first, second = noise.random(USERS), noise.random(2 * USERS)
    users = pooled_users(figures(first, 0), figures(second, USERS))
    row = pooled_rows(users, {}, IDENTITY).query("metric == 'accuracy' and seed == 'all'").iloc[0]
    assert row.value == pytest.approx(np.concatenate([first, second]).mean())  # not the mean of the halves' means
    assert (row.n_users, row.n_pairs, row.dataset, row.split) == (3 * USERS, 12 * USERS, "a + b", "unseen")
    alone = pooled_rows(figures(first, 0), {}, IDENTITY).query("metric == 'accuracy' and seed == 'all'").iloc[0]
    assert row.ci_high - row.ci_low < alone.ci_high - alone.ci_low
    seeds = pooled_rows(users, {}, IDENTITY).query("metric == 'log_loss'").set_index("seed")["value"]
    assert seeds["1"] - seeds["0"] == pytest.approx(0.02) and set(seeds.index) == {"0", "1", "all"}


def test_what_neither_half_tells_from_zero_both_together_may() -> None:
    """A difference of two of its standard errors in each half is of nearly three in both."""
    noise = np.random.default_rng(1).normal(0, 0.1, 2 * USERS)
    gain = 1.8 * 0.1 / USERS**0.5
    parts = [(part - part.mean()) / part.std() * 0.1 + gain for part in (noise[:USERS], noise[USERS:])]
    tables = [(figures(part, USERS * at), figures(0 * part, USERS * at)) for at, part in enumerate(parts)]
    both = [pooled_users(*sides) for sides in zip(*tables, strict=True)]
    low = [paired_differences(*pair, IDENTITY, "bt", "default").iloc[0].ci_low for pair in (*tables, both)]
    assert max(low[:2]) < 0 < low[2]


def test_a_split_that_somebody_is_in_twice_is_left_out() -> None:
    level = np.full(USERS, 0.5)
    first = pd.concat([figures(level, 0), figures(level, 100, "seen")])
    second = pd.concat([figures(level, USERS), figures(level, 100 + USERS - 1, "seen")])
    assert set(pooled_users(first, second)["split"]) == {"unseen"}
    assert pooled_users(figures(level, 0), figures(level, 0)).empty


def test_items_are_the_same_where_their_names_are_and_users_never() -> None:
    at = ("unseen", None)
    one = Outcomes(np.array([1.0, 0.0]), np.array([0, 1]), np.array([[0, 1], [1, 2]]), "items")
    other = Outcomes(np.array([0.5, 0.5]), np.array([0, 1]), np.array([[0, 1], [0, 2]]), "items")
    names = {"unseen": np.array(["x", "y", "z"], object)}, {"unseen": np.array(["z", "y", "w"], object)}
    found = pooled_outcomes({at: one}, {at: other}, names)[at]
    assert found.user.tolist() == [0, 1, 2, 3] and found.value.tolist() == [1, 0, 0.5, 0.5]
    x, y, z, w = (["w", "x", "y", "z"].index(name) for name in "xyzw")
    assert found.items.tolist() == [[x, y], [y, z], [y, z], [w, z]]


@pytest.mark.parametrize("kind", ["prompts", "items"])
def test_names_are_those_of_the_split_s_numbers(tmp_path: Path, kind: str) -> None:
    """Joined anew from the tables, as stage evaluate numbered them."""
    noise = np.random.default_rng(0)
    rows = [
        {"user_id": f"u{user}", "role": role, "part": part, "rank": rank, "group_id": f"g{noise.integers(9)}"}
        | dict(zip(("chosen", "rejected"), (f"t{number}" for number in noise.choice(20, 2, False)), strict=True))
        for user, role in enumerate(("seen", "seen", "validation", "unseen", "unseen"))
        for part in (("train" if role == "seen" else "reference"), "evaluation")
        for rank in range(4)
    ]
    table = pd.DataFrame(rows)
    table.to_parquet(tmp_path / "pairs.parquet")
    cohort = load_cohorts(tmp_path, {})["unseen"]
    outcomes = Outcomes.of(cohort, [torch.ones(8)], kind)  # type: ignore[arg-type]
    assert outcomes is not None
    named = item_names(tmp_path, kind)["unseen"][outcomes.items]  # type: ignore[arg-type]
    wanted = table.query("role == 'unseen' and part == 'evaluation'")
    columns = ["group_id"] if kind == "prompts" else ["chosen", "rejected"]
    assert sorted(map(sorted, named.tolist())) == sorted(map(sorted, wanted[columns].to_numpy().tolist()))
