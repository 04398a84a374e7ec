"""Bases are called what the portrait of that very model found."""

from pathlib import Path

import pandas as pd
import pytest

from prefactor.atomic import write_json
from prefactor.decoding.basis_labels import basis_names, most_used_styles

LABELS = ["basis", "rank", "kind", "label", "value"]


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    rows = [
        (0, 1, "scorer", "direct", 0.3),
        (0, 0, "scorer", "formal", 0.6),
        (1, 0, "scorer", "concise", -0.9),
        (1, 0, "judge", "warm & kind", float("nan")),
        (2, 1, "word", "dough", 2.0),
        (2, 0, "word", "bread", 3.0),
        (3, 0, "word", "no word stands out", float("nan")),
        (4, 0, "scorer", "narrative", 0.2),
    ]
    pd.DataFrame(rows, columns=LABELS).to_parquet(tmp_path / "labels.parquet")
    shares = pd.DataFrame({"basis": range(5), "share": [0.1, 0.4, 0.2, 0.1, 0.2], "split": "seen"})
    few = shares.assign(share=[0.9, 0.1, 0.0, 0.0, 0.0], split="unseen", shots=3)
    pd.concat([shares.assign(shots=None), few]).astype({"shots": "Int64"}).to_parquet(tmp_path / "coverage.parquet")
    write_json(tmp_path / "portraits.json", {"seed": 0, "run": "abc"})
    return tmp_path


def test_a_basis_is_called_by_its_score_else_by_a_judge_else_by_words(portrait):
    assert basis_names(portrait, "0", "abc") == {0: "formal", 1: "warm & kind", 2: "bread, dough", 4: "narrative"}


@pytest.mark.parametrize(("seed", "run"), [("1", "abc"), ("0", "abd")])
def test_another_models_bases_have_no_names(portrait, seed, run):
    assert basis_names(portrait, seed, run) == {}


def test_styles_are_scores_of_the_most_used_bases(portrait):
    assert most_used_styles(portrait, 8) == ["narrative", "formal"]
    assert most_used_styles(portrait, 1) == ["narrative"]


def test_without_a_portrait_there_is_nothing(tmp_path):
    assert basis_names(tmp_path, "0", "abc") == {} and most_used_styles(tmp_path, 8) == []
