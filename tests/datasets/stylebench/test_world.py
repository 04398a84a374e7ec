"""The whole source: tables that fit together, truth that explains every label, the same numbers everywhere."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.datasets.stylebench import StylebenchParameters, choices, load
from prefactor.datasets.stylebench.prompts import MOST_PROMPTS
from prefactor.datasets.stylebench.scorers import SCORERS, score
from prefactor.errors import InputError
from prefactor.parameters import build
from prefactor.preferences import Preferences, content_id

NOWHERE = Path("unused")
SMALL = {"prompts": 30, "responses": 6, "users": 40, "pairs_per_user": 20}


def world(**changes: float) -> Preferences:
    return load(StylebenchParameters(**{**SMALL, **changes}), NOWHERE)


def scores_of(preferences: Preferences, column: str) -> np.ndarray:
    """(N, 10) standardised scores of the chosen or rejected text of each pair."""
    table = preferences.candidates
    row = {text: index for index, text in enumerate(table["text_id"].to_pylist())}
    values = np.stack([table[name].to_numpy() for name in preferences.source["scorers"]], axis=1)
    return values[[row[text] for text in preferences.pairs[column].to_pylist()]]


def vectors_of(preferences: Preferences, column: str) -> np.ndarray:
    """(N, 10) vector of each pair's user."""
    vector = dict(zip(preferences.users["user_id"].to_pylist(), preferences.users[column].to_pylist(), strict=True))
    return np.array([vector[user] for user in preferences.pairs["user_id"].to_pylist()])


@pytest.fixture(scope="module")
def plain() -> Preferences:
    return world()


def test_tables_fit_together(plain, tmp_path):
    plain.save(tmp_path / "world")
    texts = plain.texts.to_pylist()
    assert len(texts) == 30 * 6 == len({row["text_id"] for row in texts})
    assert all(row["text_id"] == content_id(row["prompt"], row["response"]) for row in texts)
    group_of = dict(zip(plain.candidates["text_id"].to_pylist(), plain.candidates["group_id"].to_pylist(), strict=True))
    prompt_of = {row["text_id"]: row["prompt"] for row in texts}
    for pair in plain.pairs.to_pylist():
        assert pair["pair_id"] == content_id(pair["user_id"], pair["chosen"], pair["rejected"])
        assert group_of[pair["chosen"]] == group_of[pair["rejected"]] == pair["group_id"]
        assert prompt_of[pair["chosen"]] == prompt_of[pair["rejected"]] and pair["chosen"] != pair["rejected"]
    assert pq.read_table(tmp_path / "world" / "pairs.parquet").num_rows == plain.pairs.num_rows


def test_each_user_judges_a_prompt_at_most_once(plain):
    users, groups = plain.pairs["user_id"].to_pylist(), plain.pairs["group_id"].to_pylist()
    assert len(set(zip(users, groups, strict=True))) == plain.pairs.num_rows == 40 * 20
    assert len(set(groups)) == 30


def test_scores_are_standardised_scores_of_the_text(plain):
    raw = score(plain.texts["response"].to_pylist())
    for column, name in enumerate(SCORERS):
        values = plain.candidates[name].to_numpy()
        mean, deviation = plain.source["scaling"][name]
        np.testing.assert_allclose(values, (raw[:, column] - mean) / deviation, atol=1e-12)
        assert abs(values.mean()) < 1e-9 and abs(values.std() - 1) < 1e-9


def test_true_weights_lie_on_the_simplex(plain):
    weights = np.array(plain.users["weight"].to_pylist())
    assert weights.shape == (40, 10) and (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_alpha_says_how_single_minded_people_are():
    narrow = np.array(world(alpha=0.001).users["weight"].to_pylist()).max(axis=1).mean()
    broad = np.array(world(alpha=10.0).users["weight"].to_pylist()).max(axis=1).mean()
    assert narrow > 0.97 and broad < 0.3
    tiny = np.array(world(alpha=1e-6).users["weight"].to_pylist())
    assert np.isfinite(tiny).all()


@pytest.mark.parametrize("quality", [0.0, 1.5])
def test_margin_is_the_users_own_score_difference_between_best_and_worst(quality):
    preferences = world(quality=quality, alpha=0.5)
    difference = scores_of(preferences, "chosen") - scores_of(preferences, "rejected")
    margin = (difference * vectors_of(preferences, "utility")).sum(axis=1)
    np.testing.assert_allclose(preferences.pairs["margin"].to_numpy(), margin, atol=1e-8)
    values = np.stack([preferences.candidates[name].to_numpy() for name in SCORERS], axis=1)
    groups = np.array(preferences.candidates["group_id"].to_pylist())
    users = np.array(preferences.users["utility"].to_pylist())
    index = dict(zip(preferences.users["user_id"].to_pylist(), range(len(users)), strict=True))
    for pair in preferences.pairs.slice(0, 60).to_pylist():
        own = values[groups == pair["group_id"]] @ users[index[pair["user_id"]]]
        assert abs(pair["margin"] - (own.max() - own.min())) < 1e-8


def test_quality_makes_people_agree():
    def agreement(preferences: Preferences) -> float:
        """Chance that a pair of choices on one prompt picks the same best response."""
        table = preferences.pairs.select(["group_id", "chosen"]).to_pandas()
        shares = table.groupby("group_id")["chosen"].apply(
            lambda chosen: (chosen.value_counts(normalize=True) ** 2).sum()
        )
        return float(shares.mean())

    assert agreement(world(quality=20.0)) > 0.9 > 0.6 > agreement(world(quality=0.0))


def test_flipped_labels_have_a_negative_margin_at_the_stated_rate():
    clean, noisy = world(users=200), world(users=200, flip_rate=0.3)
    assert (clean.pairs["margin"].to_numpy() > 0).all()
    flipped = noisy.pairs["margin"].to_numpy() < 0
    assert abs(flipped.mean() - 0.3) < 0.03
    unchanged = ~flipped
    for column in ("user_id", "group_id", "chosen", "rejected"):
        before, after = (np.array(table[column].to_pylist()) for table in (clean.pairs, noisy.pairs))
        assert (before[unchanged] == after[unchanged]).all()
    np.testing.assert_allclose(np.abs(noisy.pairs["margin"].to_numpy()), clean.pairs["margin"].to_numpy())


@pytest.mark.parametrize(
    "changes", [{"topic_shift": 0.8}, {"mixed": 0.5}, {"topic_shift": 0.5, "mixed": 1.0, "quality": 1.0}]
)
def test_one_of_the_users_vectors_explains_each_label(changes):
    preferences = world(alpha=0.05, **changes)
    contexts, context_of = preferences.source["contexts"], preferences.source["context_of"]
    utilities = dict(
        zip(preferences.users["user_id"].to_pylist(), preferences.users["utilities"].to_pylist(), strict=True)
    )
    difference = scores_of(preferences, "chosen") - scores_of(preferences, "rejected")
    for pair, row in zip(preferences.pairs.to_pylist(), difference, strict=True):
        cell = contexts.index(context_of[pair["group_id"]])
        own = [utilities[pair["user_id"]][taste * len(contexts) + cell] for taste in (0, 1)]
        assert min(abs(np.dot(vector, row) - pair["margin"]) for vector in own) < 1e-8


def test_noisy_users_are_the_stated_share_and_the_others_flip_nothing():
    noisy = world(users=200, flip_rate=0.3, noisy=0.4)
    rates = dict(zip(*(noisy.users[name].to_pylist() for name in ("user_id", "flip_rate")), strict=True))
    assert set(rates.values()) == {0.0, 0.3} and abs(sum(rate > 0 for rate in rates.values()) / 200 - 0.4) < 0.12
    flipped = noisy.pairs["margin"].to_numpy() < 0
    rate = np.array([rates[user] for user in noisy.pairs["user_id"].to_pylist()])
    assert not flipped[rate == 0].any() and abs(flipped[rate > 0].mean() - 0.3) < 0.04
    assert "flip_rate" not in world(users=20).users.column_names


def test_mixed_users_are_the_stated_share_and_have_two_tastes():
    preferences = world(users=400, mixed=0.25, pairs_per_user=5)
    tastes = preferences.users["tastes"].to_numpy()
    assert abs((tastes == 2).mean() - 0.25) < 0.07
    utilities = np.array(preferences.users["utilities"].to_pylist())
    contexts = len(preferences.source["contexts"])
    differ = np.abs(utilities[:, :contexts] - utilities[:, contexts:]).max(axis=(1, 2)) > 0
    assert (differ <= (tastes == 2)).all() and differ[tastes == 2].mean() > 0.8


def test_a_plain_world_has_one_vector_for_each_user(plain):
    assert plain.users.column_names == ["user_id", "weight", "utility", "tastes"]
    assert plain.users["utility"].to_pylist() == plain.users["weight"].to_pylist()


def test_larger_worlds_contain_smaller_ones():
    small, large = world(), world(prompts=45, users=60)
    assert large.texts.slice(0, small.texts.num_rows).equals(small.texts)
    assert large.users["weight"].slice(0, 40).to_pylist() == small.users["weight"].to_pylist()


@pytest.mark.parametrize("changes", [{}, {"mixed": 0.5, "topic_shift": 0.5, "flip_rate": 0.2}])
def test_the_number_of_users_in_memory_changes_nothing(changes, monkeypatch):
    whole = world(**changes)
    monkeypatch.setattr(choices, "CELLS_AT_ONCE", 30 * 6 * 7)
    assert world(**changes).pairs.combine_chunks().equals(whole.pairs.combine_chunks())


def digest(preferences: Preferences) -> str:
    tables = (preferences.texts, preferences.pairs, preferences.users, preferences.candidates)
    return hashlib.sha256(repr([table.to_pydict() for table in tables]).encode()).hexdigest()


def test_another_process_makes_the_same_world():
    body = (
        "import importlib.util; from pathlib import Path\n"
        f"spec = importlib.util.spec_from_file_location('world_tests', {str(Path(__file__))!r})\n"
        "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
        "print(module.digest(module.world()))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", body], capture_output=True, text=True, env=environment, check=True)
    assert ran.stdout.strip() == digest(world())


def test_seeds_differ():
    assert digest(world(seed=1)) != digest(world(seed=2))


def test_a_pool_for_best_of_n_has_distinct_responses():
    texts = world(prompts=3, responses=32, pairs_per_user=2).texts
    assert len(set(texts["text_id"].to_pylist())) == 3 * 32


def test_a_user_without_a_preference_is_dropped_and_counted(monkeypatch):
    monkeypatch.setattr(choices, "DECIMALS", -3)  # everything is as good as everything else
    preferences = world()
    assert preferences.pairs.num_rows == 0 and preferences.source["dropped"] == {"no preference": 40 * 20}
    assert preferences.pairs.schema.field("margin").type == pa.float64()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prompts", 0),
        ("prompts", MOST_PROMPTS + 1),
        ("responses", 1),
        ("users", 0),
        ("pairs_per_user", 31),
        ("alpha", 0.0),
        ("alpha", float("nan")),
        ("quality", -1.0),
        ("quality", float("inf")),
        ("topic_shift", 1.5),
        ("mixed", -0.1),
        ("flip_rate", 0.6),
    ],
)
def test_values_out_of_range_are_named_with_their_bounds(name, value):
    with pytest.raises(InputError, match=rf"{name} is {value!r}, but must be"):
        StylebenchParameters(**{**SMALL, name: value})


def test_too_many_prompts_says_how_many_there_are():
    with pytest.raises(InputError, match=f"{MOST_PROMPTS:,}"):
        StylebenchParameters(prompts=100_000)


def test_parameters_from_a_file_name_the_nearest_key():
    assert build(StylebenchParameters, SMALL, "datasets.stylebench.options").users == 40
    with pytest.raises(InputError, match="did you mean 'flip_rate'"):
        build(StylebenchParameters, {"fliprate": 0.1}, "datasets.stylebench.options")
    with pytest.raises(InputError, match="topic_shift is 2"):
        build(StylebenchParameters, {"topic_shift": 2.0}, "datasets.stylebench.options")
