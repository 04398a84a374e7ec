"""The gold utility: of the pool's texts what their users chose by, of any other text what the scorers make of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prefactor.datasets.stylebench import StylebenchParameters, load
from prefactor.datasets.stylebench.scorers import SCORERS, score
from prefactor.errors import InputError
from prefactor.evaluation.ceiling import Truth, read_truth
from prefactor.judging import gold
from prefactor.judging.gold import GoldUtility

SMALL = {"prompts": 24, "responses": 4, "users": 12, "pairs_per_user": 16}
WORLDS = {
    "plain": {},
    "shared quality": {"quality": 2.0, "alpha": 0.5},
    "by topic": {"topic_shift": 0.7, "alpha": 0.5},
    "two tastes": {"mixed": 1.0, "topic_shift": 0.3},
}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    for name, changes in WORLDS.items():
        load(StylebenchParameters(**{**SMALL, **changes}), Path("unused")).save(folder / name)
    return folder


def pool_of(prepared: Path) -> pd.DataFrame:
    """``group_id``, ``text_id`` and ``response`` of every candidate."""
    candidates, texts = (pd.read_parquet(prepared / f"{name}.parquet") for name in ("candidates", "texts"))
    return candidates[["group_id", "text_id"]].merge(texts, on="text_id")


@pytest.mark.parametrize("name", WORLDS)
def test_candidates_have_the_utility_that_is_known_of_them(worlds: Path, name: str) -> None:
    """As the oracle and the recovery of tastes see it: true vector in the prompt's context . standardised scores."""
    pool, truth = pool_of(worlds / name), read_truth(worlds / name)
    assert isinstance(truth, Truth)
    known = truth.gather(pool["text_id"].tolist())
    vectors = np.stack(list(truth.utilities.values()))[:, known[:, -1].astype(int)]  # (U,T,S)
    expected = np.einsum("ts,uts->ut", known[:, :-1], vectors)
    users = np.repeat(list(truth.utilities), len(pool)).tolist()
    groups, texts = (pool[column].tolist() * len(expected) for column in ("group_id", "response"))
    found = GoldUtility.of(worlds / name).utilities(users, groups, texts)
    np.testing.assert_allclose(found, expected.ravel(), atol=1e-5)


@pytest.mark.parametrize("name", ["plain", "shared quality", "by topic"])
def test_users_chose_by_it(worlds: Path, name: str) -> None:
    pairs, mine = pd.read_parquet(worlds / name / "pairs.parquet"), GoldUtility.of(worlds / name)
    response = pool_of(worlds / name).set_index("text_id")["response"]
    both = [
        mine.utilities(pairs["user_id"].tolist(), pairs["group_id"].tolist(), response[pairs[side]].tolist())
        for side in ("chosen", "rejected")
    ]
    np.testing.assert_allclose(both[0] - both[1], pairs["margin"], atol=1e-9)
    assert (both[0] > both[1]).all()


@pytest.mark.parametrize("text", ["", " ", "\n\n", "☃", "a" * 5000, "x\x00y", "- a\n- b\n", "Oh! " * 300, "<|im_end|>"])
def test_any_text_has_a_utility(worlds: Path, text: str) -> None:
    mine = GoldUtility.of(worlds / "plain")
    user, group = next(iter(mine.tastes.utilities)), next(iter(mine.tastes.context_of))
    (found,) = mine.utilities([user], [group], [text])
    expected = mine.tastes.utilities[user][0] @ ((score([text])[0] - mine.scaling[0]) / mine.scaling[1])
    assert np.isfinite(found) and found == pytest.approx(expected)


def test_a_text_is_scored_once_for_all_users(worlds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[str] = []

    def counting(texts: object) -> np.ndarray:
        scored.extend(texts)  # type: ignore[call-overload]
        return score(scored)

    monkeypatch.setattr(gold, "score", counting)
    mine = GoldUtility.of(worlds / "plain")
    users, group = list(mine.tastes.utilities), next(iter(mine.tastes.context_of))
    found = mine.utilities(users * 2, [group] * 2 * len(users), ["Rain falls."] * len(users) + [""] * len(users))
    assert scored == ["Rain falls.", ""] and found.shape == (2 * len(users),)


def test_nothing_has_no_utilities(worlds: Path) -> None:
    assert GoldUtility.of(worlds / "plain").utilities([], [], []).shape == (0,)


def test_an_unknown_user_is_named_by_row(worlds: Path) -> None:
    mine = GoldUtility.of(worlds / "plain")
    user, group = next(iter(mine.tastes.utilities)), next(iter(mine.tastes.context_of))
    with pytest.raises(InputError, match=r"row 2: the user is none of the 12 of .*: take users and texts") as found:
        mine.utilities([user, "somebody"], [group] * 2, ["A", "B"])
    assert "somebody" not in str(found.value)


def test_a_prompt_of_ones_own_needs_users_who_want_the_same_everywhere(worlds: Path) -> None:
    plain, shifting = (GoldUtility.of(worlds / name) for name in ("plain", "by topic"))
    user, group = next(iter(plain.tastes.utilities)), next(iter(plain.tastes.context_of))
    assert plain.utilities([user], ["another"], ["Yes."]) == plain.utilities([user], [group], ["Yes."])
    with pytest.raises(InputError, match=r"row 1: the prompt is none of .*: choose a prompt of the dataset"):
        shifting.utilities([user], ["another"], ["Yes."])


@pytest.mark.parametrize(
    "source",
    [
        {"truth": False, "scorers": list(SCORERS)},
        {"name": "prism"},
        {"truth": True, "scorers": ["gemma_2b"]},  # by reward models that nobody can ask
        {"truth": True, "scorers": []},
        {"truth": True, "scorers": list(SCORERS)},  # without scaling
    ],
)
def test_a_dataset_without_such_a_truth_has_none(worlds: Path, tmp_path: Path, source: dict) -> None:
    shutil.copytree(worlds / "plain", tmp_path / "data")
    (tmp_path / "data" / "source.json").write_text(json.dumps(source))
    with pytest.raises(InputError, match=r"data has no gold utility: .*by a judge model there, or choose a stylebench"):
        GoldUtility.of(tmp_path / "data")


def test_a_dataset_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"source.json does not exist: run stage prepare"):
        GoldUtility.of(tmp_path)
