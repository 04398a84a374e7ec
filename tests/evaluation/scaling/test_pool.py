"""Tables of scored candidates: what they become, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.scaling.pool import read_pool


def table(users: int = 2, queries: int = 2, candidates: int = 3) -> pd.DataFrame:
    rows = [(f"u{u}", f"q{q}", f"c{c}") for u in range(users) for q in range(queries) for c in range(candidates)]
    found = pd.DataFrame(rows, columns=["user", "query", "candidate"])
    numbers = np.random.default_rng(0).standard_normal((4, len(found)))
    names = ("gold", "bt", "vrf#0", "vrf#1")
    return found.assign(**dict(zip(names, numbers, strict=True)), **{"std:vrf#0": 1.0, "user:pairs": 4})


def test_models_have_their_seeds_and_deviations_are_no_scores() -> None:
    pool = read_pool(table())
    assert pool.models == ("bt", "vrf") and pool.sets == 4 and pool.least == 3
    assert [len(score) for score in pool.blocks[0].scores.values()] == [1, 2]
    assert pool.traits["pairs"].tolist() == [4, 4]


def test_a_trait_may_be_about_one_model_alone() -> None:
    pool = read_pool(table().assign(**{"user:vrf:sigma": 0.5, "user:bt:sigma": 0.7}))
    assert {name: values[0] for name, values in pool.traits_of("vrf").items()} == {"pairs": 4, "sigma": 0.5}
    assert {name: values[0] for name, values in pool.traits_of("bt").items()} == {"pairs": 4, "sigma": 0.7}


def test_the_order_of_rows_does_not_matter() -> None:
    straight, mixed = (read_pool(rows).blocks[0] for rows in (table(), table().sample(frac=1, random_state=3)))
    assert (straight.gold == mixed.gold).all() and (straight.scores["vrf"] == mixed.scores["vrf"]).all()
    assert (straight.candidate == mixed.candidate).all() and (straight.query == mixed.query).all()


def test_sets_of_one_size_stand_together() -> None:
    rows = table()
    pool = read_pool(rows[~((rows["user"] == "u1") & (rows["candidate"] == "c2"))])
    assert [block.gold.shape for block in pool.blocks] == [(2, 2), (2, 3)]


def test_without_a_candidate_all_else_is_there() -> None:
    rows = table()
    pool, expected = read_pool(rows), read_pool(rows[rows["candidate"] != "c1"])
    (left,) = pool.without_candidates(np.array([pool.candidate_ids.index("c1")])).blocks
    assert (left.gold == expected.blocks[0].gold).all()
    assert (left.scores["vrf"] == expected.blocks[0].scores["vrf"]).all()
    assert pool.without_candidates(np.array([0, 1])).blocks == ()


REFUSED = {
    "no column 'gold'": lambda rows: rows.drop(columns="gold"),
    "is empty": lambda rows: rows[:0],
    "has no scores": lambda rows: rows[["user", "query", "candidate", "gold"]],
    "'#1' names no model": lambda rows: rows.assign(**{"#1": 1.0}),
    "'oracle': the name stands for": lambda rows: rows.assign(oracle=1.0),
    "column bt, row 2: 'high' is no number": lambda rows: rows.assign(bt=["1", "high", *["1"] * (len(rows) - 2)]),
    "row 3, column gold: nan cannot be ranked": lambda rows: rows.assign(gold=rows["gold"].where(rows.index != 2)),
    "row 1, column bt: inf": lambda rows: rows.assign(bt=rows["bt"].where(rows.index != 0, np.inf)),
    "row 5, column user: no value": lambda rows: rows.assign(user=rows["user"].where(rows.index != 4)),
    "rows 1 and 13 are the same candidate": lambda rows: pd.concat([rows, rows[:1]], ignore_index=True),
    "row 13 is its user's and query's only": lambda rows: pd.concat(
        [rows, rows[:1].assign(query="new")], ignore_index=True
    ),
    "row 2, column user:pairs: another value": lambda rows: rows.assign(**{"user:pairs": np.arange(len(rows))}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_wrong_is_named_with_its_row(message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_pool(REFUSED[message](table()))
