"""The oracle: perfect where it knows the scores, as good as the states where it reads them, silent without a truth."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.ceiling import Truth, ceiling_rows, read_truth

TEXTS, SCORES = 80, 3
IDENTITY = {"dataset": "tiny", "protocol": "global", "backbone": "none"}
ROLES = {
    "seen": ("train", "validation", "evaluation"),
    "validation": ("reference",),
    "unseen": ("reference", "evaluation"),
}


class States:
    """States (T, H) by text id."""

    def __init__(self, table: np.ndarray) -> None:
        self.table = table.astype(np.float32)

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        return self.table[[int(text_id) for text_id in text_ids]]


def write_world(folder: Path, wrong: float = 0.0, roles: Mapping[str, tuple[str, ...]] = ROLES) -> np.ndarray:
    """Prepared tables and a split of users who choose by utility, but for a share ``wrong``; scores (T, S)."""
    chance = np.random.default_rng(0)
    scores = chance.normal(size=(TEXTS, SCORES)).astype(np.float32)
    rows, users = [], []
    for user, (role, parts) in enumerate([*roles.items()] * 12):
        utility = chance.normal(size=SCORES)
        users.append({"user_id": f"u{user}", "utility": utility.tolist()})
        for part in parts:
            for rank in range(20):
                pair = chance.choice(TEXTS, 2, replace=False)
                better = bool(scores[pair[0]] @ utility > scores[pair[1]] @ utility) != (chance.random() < wrong)
                chosen, rejected = pair if better else pair[::-1]
                names = {"chosen": str(chosen), "rejected": str(rejected)}
                rows.append({"user_id": f"u{user}", "role": role, "part": part, "rank": rank, **names})
    candidates = [
        {"group_id": f"g{text % 4}", "text_id": str(text), **{f"s{k}": float(scores[text, k]) for k in range(SCORES)}}
        for text in range(TEXTS)
    ]
    source = {
        "truth": True,
        "scorers": [f"s{k}" for k in range(SCORES)],
        "contexts": ["one"],
        "context_of": {f"g{group}": "one" for group in range(4)},
    }
    for name, table in (("pairs", rows), ("users", users), ("candidates", candidates)):
        pq.write_table(pa.Table.from_pylist(table), folder / f"{name}.parquet")
    (folder / "source.json").write_text(json.dumps(source))
    return scores


def accuracy(folder: Path, states: np.ndarray) -> pd.Series:
    """By (variant, split)."""
    rows = ceiling_rows(read_truth(folder), folder, States(states), IDENTITY, (1, 3))
    assert set(rows["metric"]) == {"accuracy"} and set(rows["method"]) == {"oracle"} and rows["shots"].isna().all()
    return rows[rows["seed"] == "all"].set_index(["variant", "split"])["value"]


def test_the_truth_predicts_noiseless_choices_and_states_as_far_as_they_hold_it(tmp_path: Path) -> None:
    scores = write_world(tmp_path)
    chance = np.random.default_rng(1)
    holding = scores @ chance.normal(size=(SCORES, 6)) + 5
    found = accuracy(tmp_path, holding)
    assert (found["true scores"] == 1).all() and set(found["true scores"].index) == {"seen", "unseen", "overall"}
    assert (found["regressed scores"] > 0.98).all()
    blind = accuracy(tmp_path, chance.normal(size=(TEXTS, 2)))
    assert (blind["true scores"] == 1).all()
    assert (blind["regressed scores"] < 0.75).all()


def test_noise_in_the_labels_lowers_the_truth_by_its_share(tmp_path: Path) -> None:
    scores = write_world(tmp_path, wrong=0.2)
    found = accuracy(tmp_path, scores)["true scores"]
    assert found["overall"] == pytest.approx(0.8, abs=4 * (0.2 * 0.8 / (2 * 12 * 20)) ** 0.5)


def test_without_a_truth_there_are_no_rows(tmp_path: Path) -> None:
    write_world(tmp_path)
    (tmp_path / "source.json").write_text(json.dumps({"truth": False}))
    assert read_truth(tmp_path) is None
    rows = ceiling_rows(None, tmp_path, States(np.zeros((TEXTS, 1))), IDENTITY, (1,))
    assert len(rows) == 0 and "accuracy" not in rows["metric"].tolist()


def test_utilities_by_context_and_the_mean_of_two_tastes(tmp_path: Path) -> None:
    """A user of two tastes in two contexts: rows are taste by taste, contexts within."""
    write_world(tmp_path)
    source = json.loads((tmp_path / "source.json").read_text())
    source |= {"contexts": ["one", "two"], "context_of": {"g0": "one", "g1": "two", "g2": "one", "g3": "two"}}
    (tmp_path / "source.json").write_text(json.dumps(source))
    cells = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [3.0, 0.0, 0.0], [0.0, 5.0, 2.0]]
    pq.write_table(pa.Table.from_pylist([{"user_id": "u0", "utilities": cells}]), tmp_path / "users.parquet")
    truth = read_truth(tmp_path)
    assert isinstance(truth, Truth)
    np.testing.assert_allclose(truth.utilities["u0"], [[2, 0, 0], [0, 3, 1]])
    names = [str(text) for text in range(8)]
    known = truth.gather(names)
    np.testing.assert_array_equal(known[:, -1], [0, 1] * 4)
    own = [truth.utilities["u0"][int(row[-1])] @ row[:-1] for row in known]
    np.testing.assert_allclose(truth.utilities_of(("u0", "u0"), names), [own, own], rtol=1e-6)


def test_a_source_without_contexts_has_one_that_holds_everywhere(tmp_path: Path) -> None:
    """As of users who mix reward models: one vector each, whatever the prompt."""
    scores = write_world(tmp_path)
    with_contexts = read_truth(tmp_path)
    source = json.loads((tmp_path / "source.json").read_text())
    (tmp_path / "source.json").write_text(json.dumps({name: source[name] for name in ("truth", "scorers")}))
    truth = read_truth(tmp_path)
    assert isinstance(truth, Truth) and isinstance(with_contexts, Truth)
    np.testing.assert_array_equal(truth.table, np.column_stack([scores, np.zeros(TEXTS)]))
    assert {utility.shape for utility in truth.utilities.values()} == {(1, SCORES)}
    for user, utility in with_contexts.utilities.items():
        np.testing.assert_array_equal(truth.utilities[user], utility)
    assert (accuracy(tmp_path, scores)["true scores"] == 1).all()


def test_without_validation_pairs_of_seen_users_those_of_held_out_users_choose_the_penalty(tmp_path: Path) -> None:
    """Whose they are makes no difference; that they are there does, because few texts of noisy states fit anything."""
    held_out = {**ROLES, "seen": ("train", "evaluation"), "validation": ("reference", "validation")}
    scores = write_world(tmp_path, roles=held_out)
    chance = np.random.default_rng(1)
    states = np.column_stack([scores @ chance.normal(size=(SCORES, 30)), 2 * chance.normal(size=(TEXTS, 30))])
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    low, high = (pairs[["chosen", "rejected"]].astype(int).agg(kind, axis=1) for kind in ("min", "max"))
    pairs = pairs[np.where(pairs["part"] == "train", high < TEXTS // 2, low >= TEXTS // 2)]
    validation = pairs["part"] == "validation"

    def regressed(table: pd.DataFrame) -> pd.Series:
        table.to_parquet(tmp_path / "pairs.parquet")
        return accuracy(tmp_path, states)["regressed scores"]

    found = regressed(pairs)
    moved = pairs.assign(role=pairs["role"].mask(validation, "seen"), user_id=pairs["user_id"].mask(validation, "u0"))
    pd.testing.assert_series_equal(regressed(moved), found)
    assert found["overall"] > 0.75
    with pytest.raises(InputError, match=r"penalty by: raise split\.pairs\.validation"):
        regressed(pairs[~validation])
