"""What users would answer: by their true utility or their ratings, never about what they are judged on."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prefactor.asking.answers import Answers, find_answers

PROMPTS = {"p": ["p1", "p2", "p3"], "q": ["q1", "q2"], "held": ["h1", "h2"]}
WORTH = {"p1": 0.0, "p2": 1.0, "p3": 1.0, "q1": 2.0, "q2": -1.0, "h1": 5.0, "h2": 6.0}


@pytest.fixture
def world(tmp_path: Path) -> tuple[Path, Path]:
    """Of one score, which ann likes and bob does not; nobody is judged on p and q."""
    prepared, split = tmp_path / "prepared", tmp_path / "split"
    prepared.mkdir(), split.mkdir()
    rows = [(group, text, WORTH[text]) for group, texts in PROMPTS.items() for text in texts]
    pd.DataFrame(rows, columns=["group_id", "text_id", "short"]).to_parquet(prepared / "candidates.parquet")
    pd.DataFrame({"text_id": [*WORTH]}).to_parquet(prepared / "texts.parquet")
    users = {"user_id": ["ann", "bob"], "utility": [[1.0], [-1.0]], "flip_rate": [0.0, 0.0]}
    pd.DataFrame(users).to_parquet(prepared / "users.parquet")
    (prepared / "source.json").write_text(json.dumps({"truth": True, "scorers": ["short"]}))
    pairs = [("ann", "unseen", "reference", "p", "p2", "p1"), ("bob", "seen", "evaluation", "held", "h1", "h2")]
    columns = ["user_id", "role", "part", "group_id", "chosen", "rejected"]
    pd.DataFrame(pairs, columns=columns).to_parquet(split / "pairs.parquet")
    return prepared, split


def test_users_answer_by_their_true_utility_and_about_no_prompt_that_anyone_is_judged_on(world) -> None:
    found = find_answers(*world, "unseen", ["bob", "ann"], 10, seed=0)
    asked = [(found.text_ids[a], found.text_ids[b]) for a, b in zip(found.first, found.second, strict=True)]
    every = [pair for group in ("p", "q") for pair in combinations(PROMPTS[group], 2)]
    assert sorted(tuple(sorted(pair)) for pair in asked) == sorted(every)
    for place, (first, second) in enumerate(asked):
        bob, ann = found.prefers_first[:, place].tolist()
        if WORTH[first] != WORTH[second]:
            assert ann == (WORTH[first] > WORTH[second]) != bob
    assert found.known.all() and found.ties == 1 / 4


def test_a_pool_is_drawn_by_its_seed(world) -> None:
    def pool(seed: int) -> list[tuple[str, str]]:
        found = find_answers(*world, "unseen", ["ann"], 2, seed)
        return [(found.text_ids[a], found.text_ids[b]) for a, b in zip(found.first, found.second, strict=True)]

    assert pool(0) == pool(0) and len(pool(0)) == 2
    assert len({tuple(pool(seed)) for seed in range(6)}) > 1


def test_people_answer_by_their_ratings_of_items_that_they_are_not_judged_on(tmp_path: Path) -> None:
    prepared, split = tmp_path / "prepared", tmp_path / "split"
    prepared.mkdir(), split.mkdir()
    items = ["a", "b", "c", "d"]
    (prepared / "source.json").write_text(json.dumps({"truth": False, "items": items}))
    ratings = {"user_id": ["ann", "bob"], "ratings": [[1.0, 2.0, 9.0, 0.0], [3.0, float("nan"), -9.0, 0.0]]}
    pd.DataFrame(ratings).to_parquet(prepared / "users.parquet")
    columns = ["user_id", "role", "part", "chosen", "rejected"]
    rows = [("ann", "unseen", "evaluation", "d", "d"), ("eve", "seen", "evaluation", "a", "b")]
    pd.DataFrame(rows, columns=columns).to_parquet(split / "pairs.parquet")
    found = find_answers(prepared, split, "unseen", ["ann", "bob"], 10, seed=0)
    assert set(found.text_ids) == {"a", "b", "c"} and len(found.first) == 3
    for place, sides in enumerate(zip(found.first, found.second, strict=True)):
        names = [found.text_ids[side] for side in sides]
        values = [[row[items.index(name)] for name in names] for row in ratings["ratings"]]
        assert found.prefers_first[0, place] == (values[0][0] > values[0][1])
        assert found.known[1, place] == ("b" not in names)
        if "b" not in names:
            assert found.prefers_first[1, place] == (values[1][0] > values[1][1])


def test_where_nobody_knows_there_are_no_answers(tmp_path: Path) -> None:
    (tmp_path / "source.json").write_text(json.dumps({"truth": False}))
    assert find_answers(tmp_path, tmp_path, "unseen", ["ann"], 10, seed=0) is None


def test_who_is_noisy_says_the_opposite_as_often_as_they_do() -> None:
    generator = np.random.default_rng(0)
    worth, pairs = generator.normal(size=(2, 400)), generator.permutation(400).reshape(-1, 2)
    found = Answers.of([*map(str, range(400))], pairs, worth, np.array([0.0, 0.3]), seed=1)
    true = worth[:, pairs[:, 0]] > worth[:, pairs[:, 1]]
    clean, noisy = (found.prefers_first.numpy() != true).mean(1)
    assert clean == 0 and 0.2 < noisy < 0.4
