"""The source ``jester``: pairs are what the ratings say, draws are fair and repeatable, bad files are named."""

from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.datasets import load
from prefactor.errors import InputError
from prefactor.preferences import Preferences, content_id
from prefactor.quality import QualityParameters, validate_tables

JOKES, USERS = 12, 60
EVERYTHING = {"users": None, "minimum_ratings": 1, "pairs_per_user": 1000}
Table = dict[str, list[Any]]


def jokes_table() -> Table:
    return {"joke_id": list(range(1, JOKES + 1)), "text": [f"Joke {number}." for number in range(1, JOKES + 1)]}


def ratings_table(seed: int = 0) -> Table:
    """Ratings in hundredths; every third user has not rated every joke."""
    chance = np.random.default_rng(seed)
    rows = [
        (user, joke, chance.integers(-1000, 1001) / 100)
        for user in range(USERS)
        for joke in range(1, JOKES + 1)
        if user % 3 or chance.random() < 0.7
    ]
    return dict(zip(("user_id", "joke_id", "rating"), map(list, zip(*rows, strict=True)), strict=True))


def write(folder: Path, ratings: Table, jokes: Table | None = None) -> Path:
    """The two files as they are published: small integers and 32-bit floats."""
    types = {"user_id": pa.int32(), "joke_id": pa.int16(), "rating": pa.float32()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in (("ratings", ratings), ("jokes", jokes or jokes_table())):
        table = pa.table({column: pa.array(values, types.get(column)) for column, values in columns.items()})
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "jester", ratings_table())


def read(folder: Path, **options: Any) -> Preferences:
    return load("jester", {**EVERYTHING, **options}, folder, "datasets.jester.options")


def rows_of(preferences: Preferences) -> list[dict[str, Any]]:
    return preferences.pairs.to_pylist()


def rated(ratings: Table, texts: list[str]) -> dict[str, dict[str, int]]:
    """user_id -> text_id -> rating in hundredths."""
    found: dict[str, dict[str, int]] = {}
    for user, joke, rating in zip(*ratings.values(), strict=True):
        found.setdefault(str(user), {})[texts[joke - 1]] = round(100 * rating)
    return found


@pytest.mark.parametrize("margin", [0.0, 2.0, 5.0])
def test_all_pairs_are_those_rated_apart(folder: Path, margin: float) -> None:
    preferences = read(folder, margin=margin)
    everyone = rated(ratings_table(), preferences.source["items"])
    people = set(preferences.users["user_id"].to_pylist())
    expected = {
        (user, *sorted((one, other), key=own.__getitem__, reverse=True)): abs(own[one] - own[other])
        for user, own in everyone.items()
        for one, other in combinations(own, 2)
        if user in people and abs(own[one] - own[other]) > 100 * margin
    }
    rows = rows_of(preferences)
    found = {(row["user_id"], row["chosen"], row["rejected"]): round(100 * row["margin"]) for row in rows}
    assert found == expected and len(rows) == len(expected)
    for row in rows:
        assert row["pair_id"] == content_id(row["user_id"], row["chosen"], row["rejected"])
        assert row["group_id"] == content_id(*sorted((row["chosen"], row["rejected"])))
        assert row["order"] is None


def test_a_difference_of_exactly_the_margin_is_not_enough(tmp_path: Path) -> None:
    """As 32-bit floats, 9.81 and 7.81 differ by more than 2."""
    assert np.float32(9.81) - np.float32(7.81) > 2
    users = list(range(40))
    ratings = {
        "user_id": [user for user in users for _ in range(3)],
        "joke_id": [1, 2, 3] * len(users),
        "rating": [9.81, 7.81, 7.8] * len(users),
    }
    preferences = read(write(tmp_path, ratings))
    items = preferences.source["items"]
    assert {(row["chosen"], row["rejected"], row["margin"]) for row in rows_of(preferences)} == {
        (items[0], items[2], 2.01)
    }


def test_texts_have_empty_prompts_and_users_keep_their_ratings(folder: Path) -> None:
    preferences = read(folder)
    items = preferences.source["items"]
    assert preferences.texts["text_id"].to_pylist() == items
    assert items == [content_id("", text) for text in jokes_table()["text"]]
    assert set(preferences.texts["prompt"].to_pylist()) == {""}
    assert preferences.candidates is None
    everyone = rated(ratings_table(), items)
    assert preferences.users.schema.field("ratings").type == pa.list_(pa.float32())
    for row in preferences.users.to_pylist():
        found = {item: rating for item, rating in zip(items, row["ratings"], strict=True) if rating is not None}
        assert {item: round(100 * rating) for item, rating in found.items()} == everyone[row["user_id"]]


def test_pairs_are_drawn_at_random_and_each_once(folder: Path) -> None:
    every, some = read(folder), read(folder, pairs_per_user=10)
    eligible, drawn = (Counter(row["user_id"] for row in rows_of(each)) for each in (every, some))
    assert drawn == {user: min(count, 10) for user, count in eligible.items()}
    assert set(some.pairs["pair_id"].to_pylist()) < set(every.pairs["pair_id"].to_pylist())
    assert len(set(some.pairs["pair_id"].to_pylist())) == len(some.pairs)
    groups = Counter(row["group_id"] for row in rows_of(some))
    assert len(groups) == JOKES * (JOKES - 1) / 2, "a draw that favours some pairs of jokes would leave others out"


def test_draws_repeat_and_the_first_of_more_people_are_those_of_fewer(folder: Path) -> None:
    first, again = read(folder, users=20, pairs_per_user=5), read(folder, users=20, pairs_per_user=5)
    assert first.pairs.equals(again.pairs) and first.users.equals(again.users) and first.source == again.source
    fewer = read(folder, users=7, pairs_per_user=5)
    assert fewer.users.equals(first.users.slice(0, 7))
    assert fewer.pairs.equals(first.pairs.slice(0, len(fewer.pairs)))
    other = read(folder, users=20, pairs_per_user=5, seed=1)
    assert set(other.users["user_id"].to_pylist()) != set(first.users["user_id"].to_pylist())
    assert set(other.pairs["pair_id"].to_pylist()) != set(first.pairs["pair_id"].to_pylist())


def test_memory_is_bounded_by_chunks_that_leave_no_trace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(folder, pairs_per_user=5)
    monkeypatch.setattr("prefactor.datasets.jester.pairs.CELLS_AT_ONCE", 200)
    assert read(folder, pairs_per_user=5).pairs.equals(whole.pairs)


def test_the_final_block_is_one_fifth_whatever_the_parameters(folder: Path) -> None:
    def people(block: str, seed: int) -> set[str]:
        return set(read(folder, block=block, seed=seed, margin=0.0).users["user_id"].to_pylist())

    final, development = people("final", 0), people("development", 0)
    assert final == people("final", 1) and development == people("development", 1)
    assert not final & development
    assert final | development == people("both", 0) == {str(user) for user in range(USERS)}
    assert len(final) / USERS == pytest.approx(0.2, abs=0.1)


def test_what_is_left_out_is_counted(folder: Path) -> None:
    preferences = read(folder, minimum_ratings=JOKES, users=15, pairs_per_user=30)
    dropped, complete = preferences.source["dropped"], USERS * 2 / 3
    people = USERS - dropped["users_of_the_other_block"] - dropped["users_with_too_few_ratings"]
    assert 15 == people - dropped["users_not_drawn"] == len(preferences.users) + dropped["users_without_pairs"]
    assert people < complete
    pairs = len(preferences.pairs) + dropped["pairs_within_margin"] + dropped["pairs_not_drawn"]
    assert pairs == 15 * JOKES * (JOKES - 1) / 2
    counts = Counter(preferences.pairs["user_id"].to_pylist()).values()
    assert preferences.source["noted"]["users_with_fewer_pairs"] == sum(count < 30 for count in counts)
    flags = {key: preferences.source[key] for key in ("name", "empty_prompts", "truth", "scorers")}
    assert flags == {"name": "jester", "empty_prompts": True, "truth": False, "scorers": []}


def test_people_without_a_clear_preference_are_left_out(tmp_path: Path) -> None:
    ratings = ratings_table()
    ratings["rating"] = [0.0 if user % 2 else rating for user, _, rating in zip(*ratings.values(), strict=True)]
    preferences = read(write(tmp_path, ratings))
    assert all(int(user) % 2 == 0 for user in preferences.users["user_id"].to_pylist())
    assert preferences.source["dropped"]["users_without_pairs"] > 0
    with pytest.raises(InputError, match=r"nobody has two ratings that differ by more than 2.0: lower margin"):
        read(write(tmp_path, {**ratings, "rating": [0.0] * len(ratings["rating"])}))


def test_its_tables_pass_the_gate(folder: Path, tmp_path: Path) -> None:
    read(folder, pairs_per_user=20).save(tmp_path / "prepared")
    assert validate_tables(tmp_path / "prepared", tmp_path / "docs", QualityParameters())["success"]


def edited(change: Callable[[Table, Table], object]) -> tuple[Table, Table]:
    ratings, jokes = ratings_table(), jokes_table()
    change(ratings, jokes)
    return ratings, jokes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r, j: r.pop("rating"), "has no column rating, but user_id, joke_id"),
        (lambda r, j: j.pop("text"), "jokes.parquet has no column text, but joke_id"),
        (lambda r, j: r["rating"].__setitem__(2, 99.0), r"row 3 \(99.0\); remove them: .* 99 for no rating"),
        (lambda r, j: r["rating"].__setitem__(2, float("nan")), "1 row.s. with a rating outside -10 to 10: row 3"),
        (lambda r, j: r["rating"].__setitem__(2, None), "no rating .null.: row 3"),
        (lambda r, j: r["joke_id"].__setitem__(0, 77), "a joke_id that jokes.parquet lacks: row 1 .'77'."),
        (lambda r, j: r["joke_id"].__setitem__(1, r["joke_id"][0]), "the same user rated before: row 2"),
        (lambda r, j: j["text"].__setitem__(4, "Joke 1."), "1 row.s. with a text that an earlier row has: row 5"),
        (lambda r, j: j["joke_id"].__setitem__(4, 1), "a joke_id that an earlier row has: row 5"),
        (lambda r, j: j["text"].__setitem__(4, " "), "an empty text: row 5"),
        (lambda r, j: j.update(text=list(range(JOKES))), "column 'text' is of type int64, but must be text"),
    ],
)
def test_what_cannot_be_meant_is_named(tmp_path: Path, change: Callable[[Table, Table], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(write(tmp_path, *edited(change)))


def test_missing_files_are_named_with_what_is_there(folder: Path, tmp_path: Path) -> None:
    (folder / "ratings.parquet").rename(folder / "ratings-1.parquet")
    with pytest.raises(InputError, match=r"has no ratings.parquet, but jokes.parquet, ratings-1.parquet"):
        read(folder)
    with pytest.raises(InputError, match="is a file: name the folder"):
        read(folder / "jokes.parquet")
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"margin": 20.0}, "margin is 20.0, but must be from 0 to less than 20"),
        ({"margin": float("nan")}, "margin is nan"),
        ({"users": 0}, "users is 0, but must be 1 or more"),
        ({"block": "test"}, "block"),
        ({"pairs_per_users": 3}, "did you mean 'pairs_per_user'"),
        ({"users": 1000}, r"users asks for 1000, but only \d+ of \d+ people of the block development have 1 ratings"),
        ({"minimum_ratings": 100}, r"only 0 of \d+ people of the block development have 100 ratings"),
    ],
)
def test_parameters_that_cannot_be_meant(folder: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(folder, **options)


def test_the_real_ratings_are_as_published(real_data: Path) -> None:
    """What people like on average predicts 64 to 65 % of all pairs that are more than 1 apart."""
    options = {"users": None, "minimum_ratings": 36, "pairs_per_user": 20, "margin": 1.0}
    blocks = [
        load("jester", {**options, "block": block}, real_data / "jester", "") for block in ("development", "final")
    ]
    assert [each.source["people"] for each in blocks] == [24_983] * 2
    assert [part["rows"] for part in blocks[0].source["parts"]] == [1_810_455, 100]
    items = blocks[0].source["items"]
    assert len(set(items)) == 100
    kept = sum(len(each.users) + each.source["dropped"]["users_without_pairs"] for each in blocks)
    assert kept == 24_983
    ratings = np.concatenate([np.stack(each.users["ratings"].to_numpy()) for each in blocks])  # (U, 100)
    mean = dict(zip(items, np.nanmean(ratings, axis=0), strict=True))
    sides = [each.pairs.select(["chosen", "rejected"]).to_pydict().values() for each in blocks]
    judged = [pair for both in sides for pair in zip(*both, strict=True)]
    assert np.mean([mean[chosen] > mean[rejected] for chosen, rejected in judged]) == pytest.approx(0.645, abs=0.01)
