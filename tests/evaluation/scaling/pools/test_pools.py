"""Pools of every kind of dataset: gold against the truth one by one, whose sets they are, what limits leave."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.ceiling import Truth, read_truth
from prefactor.evaluation.scaling.pool import read_pool
from prefactor.evaluation.scaling.pools import Asked, Limits, find_pool, read_asked
from prefactor.parameters import build
from prefactor.preferences import content_id

ALL = Limits(queries=99, candidates=99)
USERS = ("ann", "bob", "eve")
ROLE = {"ann": "unseen", "bob": "unseen", "eve": "unseen", "kim": "validation", "sue": "seen"}
Pair = tuple[str, str, str, str, str]  # user, part, group, chosen, rejected


def write(folder: Path, pairs: list[Pair], source: dict[str, object], **tables: pd.DataFrame) -> Path:
    rows = pd.DataFrame(pairs, columns=["user_id", "part", "group_id", "chosen", "rejected"])
    rows.assign(role=rows["user_id"].map(ROLE)).to_parquet(folder / "pairs.parquet")
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet")
    (folder / "source.json").write_text(json.dumps(source))
    return folder


def pool_of(folder: Path, limits: Limits = ALL, role: str = "unseen", users: tuple[str, ...] = USERS) -> pd.DataFrame:
    found = find_pool(folder, read_asked(folder, role, users), limits)
    assert found is not None
    assert [*found.columns] == ["user", "query", "candidate", "gold"]
    if len(found):
        read_pool(found.assign(model=0.0))  # a whole and proper table
    return found


def texts(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"text_id": list(names)})


CANDIDATES = pd.DataFrame(
    {
        "group_id": ["p"] * 4 + ["q"] * 3 + ["r"] * 2 + ["s"] * 2,
        "text_id": ["p1", "p2", "p3", "p4", "q1", "q2", "q3", "r1", "r2", "s1", "s2"],
        "warm": np.arange(11.0),
        "brief": np.cos(np.arange(11.0)),
    }
)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Prompts p, q and r are evaluated on, s is trained on; Bob told something of q; nobody compared p4."""
    pairs: list[Pair] = [
        ("ann", "evaluation", "p", "p1", "p2"),
        ("ann", "reference", "s", "s1", "s2"),
        ("bob", "evaluation", "q", "q1", "q2"),
        ("bob", "evaluation", "r", "r1", "r2"),
        ("bob", "reference", "q", "q2", "q3"),
        ("eve", "reference", "s", "s2", "s1"),
        ("kim", "validation", "s", "s1", "s2"),
        ("kim", "reference", "r", "r1", "r2"),
        ("sue", "evaluation", "s", "s1", "s2"),
    ]
    tastes = np.random.default_rng(0).normal(size=(len(ROLE), 2, 2, 2))  # users, draws, contexts, scores
    users = pd.DataFrame({"user_id": [*ROLE], "utilities": [cells.reshape(4, 2).tolist() for cells in tastes]})
    source = {"truth": True, "scorers": ["warm", "brief"], "contexts": ["one", "other"]}
    context_of = {"p": "one", "q": "other", "r": "one", "s": "other"}
    compared = texts(*(name for name in CANDIDATES["text_id"] if name != "p4"))
    return write(
        tmp_path, pairs, source | {"context_of": context_of}, users=users, candidates=CANDIDATES, texts=compared
    )


def test_gold_is_the_true_utility_of_every_user_and_candidate(world: Path) -> None:
    found, truth = pool_of(world), read_truth(world)
    assert isinstance(truth, Truth)
    for row in found.itertuples():
        known = truth.gather([row.candidate])[0]
        expected = float(truth.utilities[row.user][int(known[-1])] @ known[:-1])
        assert row.gold == pytest.approx(expected, rel=1e-6)


def test_sets_are_the_evaluations_prompts_that_a_user_has_told_nothing_of(world: Path) -> None:
    found = pool_of(world)
    sets = found.groupby(["user", "query"])["candidate"].apply(set)
    whole = {"p": {"p1", "p2", "p3"}, "q": {"q1", "q2", "q3"}, "r": {"r1", "r2"}}
    assert sets.to_dict() == {(user, q): whole[q] for user in USERS for q in "pqr" if (user, q) != ("bob", "q")}
    assert set(pool_of(world, role="validation", users=("kim",))["query"]) == {"s"}


def test_limits_take_the_same_prompts_and_candidates_for_all(world: Path) -> None:
    found = pool_of(world, Limits(queries=2, candidates=2))
    prompts = sorted("pqr", key=content_id)[:2]
    assert set(found["query"]) == {*prompts}
    for (_, query), mine in found.groupby(["user", "query"]):
        named = [name for name in CANDIDATES.loc[CANDIDATES["group_id"] == query, "text_id"] if name != "p4"]
        assert [*mine["candidate"]] == sorted(sorted(named, key=content_id)[:2])


def test_a_users_rated_items_of_the_evaluation_are_one_set(tmp_path: Path) -> None:
    pairs: list[Pair] = [
        ("ann", "evaluation", "1-2", "j1", "j2"),
        ("bob", "evaluation", "3-4", "j4", "j3"),
        ("bob", "reference", "0-5", "j0", "j5"),
        ("kim", "validation", "0-5", "j0", "j5"),
    ]
    rating = np.random.default_rng(0).normal(size=(len(ROLE), 6)).astype(np.float32)
    rating[1, 3] = np.nan  # Bob has not rated j3
    rating[2, 1:4] = np.nan  # of four items Eve rated one
    users = pd.DataFrame({"user_id": [*ROLE], "ratings": rating.tolist()})
    items = [f"j{number}" for number in range(6)]
    write(tmp_path, pairs, {"truth": False, "items": items}, users=users, texts=texts(*items))
    found = pool_of(tmp_path)
    assert found.groupby("user")["candidate"].apply(list).to_dict() == {
        "ann": ["j1", "j2", "j3", "j4"],
        "bob": ["j1", "j2", "j4"],
    }
    for row in found.itertuples():
        assert row.gold == pytest.approx(rating[[*ROLE].index(row.user), items.index(row.candidate)])
    assert found["query"].nunique() == 1
    told = [*pairs, ("ann", "reference", "2-4", "j2", "j4")]  # a split that lets users know what they are asked about
    write(tmp_path, told, {"truth": False, "items": items}, users=users, texts=texts(*items))
    assert [*pool_of(tmp_path).query("user == 'ann'")["candidate"]] == ["j1", "j3"]
    write(tmp_path, pairs, {"truth": False, "items": items}, users=users, texts=texts(*items))
    few = pool_of(tmp_path, Limits(queries=1, candidates=3))
    assert set(few["candidate"]) == {*sorted(items[1:5], key=content_id)[:3]}
    assert set(pool_of(tmp_path, role="validation", users=("kim",))["candidate"]) == {"j0", "j5"}


@pytest.mark.parametrize("owned", [True, False])
def test_a_sources_own_gold_is_that_of_whoever_is_asked(tmp_path: Path, owned: bool) -> None:
    pairs: list[Pair] = [
        ("ann", "evaluation", "p", "p1", "p2"),
        ("ann", "evaluation", "q", "q1", "q2"),
        ("bob", "evaluation", "p", "p2", "p3"),
        ("eve", "reference", "p", "p1", "p3"),
    ]
    table = CANDIDATES[["group_id", "text_id"]].assign(gold=np.arange(11.0))
    table.loc[table["text_id"] == "q3", "gold"] = np.nan
    if owned:
        table = pd.concat([table.assign(user_id="ann"), table.assign(user_id="bob", gold=-table["gold"])])
    write(tmp_path, pairs, {"truth": False}, candidates=table, texts=texts(*CANDIDATES["text_id"]))
    found = pool_of(tmp_path)
    assert found.groupby(["user", "query"]).size().to_dict() == {("ann", "p"): 4, ("ann", "q"): 2, ("bob", "p"): 4}
    gold = found.set_index(["user", "candidate"])["gold"]
    assert gold["ann", "p3"] == 2 and gold["ann", "q2"] == 5 and gold["bob", "p3"] == (-2 if owned else 2)
    few = pool_of(tmp_path, Limits(queries=1, candidates=3)).groupby(["user", "query"])["candidate"].apply(list)
    first = min("pq", key=content_id)
    among = {"p": ["p1", "p2", "p3", "p4"], "q": ["q1", "q2"]}
    expected = {group: sorted(sorted(among[group], key=content_id)[:3]) for group in among}
    assert few.to_dict() == {("ann", first): expected[first], ("bob", "p"): expected["p"]}


@pytest.fixture
def of_kinds(tmp_path: Path) -> Path:
    """Ann is asked a question and things of her profile, Bob one of those; nobody knows of which kind s is."""
    pairs: list[Pair] = [("ann", "evaluation", group, f"{group}1", f"{group}2") for group in "pqrs"]
    kinds = {"p": "profile", "q": "profile", "r": "question", "s": None}
    table = CANDIDATES[["group_id", "text_id"]].assign(gold=np.arange(11.0), kind=CANDIDATES["group_id"].map(kinds))
    return write(
        tmp_path,
        [*pairs, ("bob", "evaluation", "q", "q1", "q2")],
        {"truth": False},
        candidates=table,
        texts=texts(*CANDIDATES["text_id"]),
    )


def test_queries_of_some_kinds_are_chosen_before_their_number_is_limited(of_kinds: Path) -> None:
    found = pool_of(of_kinds, Limits(queries=1, candidates=9, kinds=("question",)))
    assert found[["user", "query"]].drop_duplicates().to_numpy().tolist() == [["ann", "r"]]
    two = pool_of(of_kinds, Limits(queries=9, candidates=9, kinds=("question", "profile")))
    assert {*zip(two["user"], two["query"], strict=True)} == {("ann", "p"), ("ann", "q"), ("ann", "r"), ("bob", "q")}
    assert set(pool_of(of_kinds)["query"]) == {*"pqrs"}


def test_a_kind_that_nothing_is_of_is_refused(of_kinds: Path) -> None:
    with pytest.raises(InputError, match="kinds: no candidates of the kind 'questions'; did you mean 'question'"):
        pool_of(of_kinds, Limits(queries=9, candidates=9, kinds=("questions",)))


def test_kinds_do_not_matter_where_a_source_tells_none_apart(world: Path) -> None:
    limits = Limits(queries=99, candidates=99, kinds=("question",))
    pd.testing.assert_frame_equal(pool_of(world, limits), pool_of(world))


def test_where_nobody_knows_the_worth_there_is_no_pool(tmp_path: Path) -> None:
    write(tmp_path, [("ann", "evaluation", "p", "p1", "p2")], {"truth": False}, texts=texts("p1", "p2"))
    assert find_pool(tmp_path, read_asked(tmp_path, "unseen", USERS), ALL) is None


def test_a_pool_may_be_empty(world: Path) -> None:
    asked = read_asked(world, "unseen", USERS)
    nothing = Asked(asked.user_ids, asked.pairs[:0], asked.known)
    assert not len(find_pool(world, nothing, ALL))  # type: ignore[arg-type]


@pytest.mark.parametrize("limits", [{"queries": 0, "candidates": 2}, {"queries": 1, "candidates": 1}])
def test_limits_that_leave_no_choice_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(InputError, match="must be at least"):
        build(Limits, limits, "diagnosis")
