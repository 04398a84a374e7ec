"""Surface features: counted again in plain Python, independent of their neighbours, found by text id."""

import math
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.errors import InputError
from prefactor.surface import FEATURES, TABLE, open_surface, surface_features, write_surface

TEXT = """# Plan

Hello, you! Is **this** your plan?
- Read `x = 1`, then read it again.
1. Rest…
"""


def features(*texts: str) -> np.ndarray:
    return surface_features(pa.chunked_array([list(texts)], pa.string()))


def named(text: str) -> dict[str, float]:
    return dict(zip(FEATURES, features(text)[0].tolist(), strict=True))


def test_a_text_counted_by_hand() -> None:
    words = re.findall(r"[A-Za-z0-9]+", TEXT)  # the numbers 1 are two of them
    different = len({word.lower() for word in words})
    assert len(words) == 16 and different == 13
    expected = {
        "characters": math.log1p(len(TEXT)),
        "words": math.log1p(16),
        "word_length": sum(letter.isalnum() for letter in TEXT) / 16,
        "sentence_length": math.log1p(16 / 5),  # after you, plan, again, 1 and Rest
        "lines": math.log1p(4),
        "list_items": math.log1p(2),
        "markup": math.log1p(2),
        "code": math.log1p(1),
        "questions": math.log1p(1),
        "exclamations": math.log1p(1),
        "second_person": 2 / 16,
        "type_token": different / 16,
    }
    assert named(TEXT) == pytest.approx(expected, rel=1e-5)


def test_there_are_twelve_and_an_empty_text_has_none_of_them() -> None:
    assert len(FEATURES) == len(set(FEATURES)) == 12
    assert (features("")[0] == 0).all() and features().shape == (0, 12)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=6))
def test_a_text_does_not_depend_on_the_others_or_on_chunks(texts: list[str]) -> None:
    together = features(*texts)
    assert np.isfinite(together).all()
    for row, text in enumerate(texts):
        np.testing.assert_array_equal(features(text)[0], together[row])
    apart = pa.chunked_array([[text] for text in texts], pa.string())
    np.testing.assert_array_equal(surface_features(apart), together)


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_shares_are_shares(text: str) -> None:
    found = named(text)
    for name in ("second_person", "type_token"):
        assert 0 <= found[name] <= 1
    assert found["type_token"] > 0 or found["words"] == 0


def test_features_come_back_by_text_id(tmp_path: Path) -> None:
    texts = pa.table({"text_id": ["a", "b", "c"], "prompt": ["?"] * 3, "response": ["One.", TEXT, ""]})
    pq.write_table(texts, tmp_path / "texts.parquet")
    assert write_surface(tmp_path / "texts.parquet", tmp_path / "surface") == 3
    view = open_surface(tmp_path / "surface")
    np.testing.assert_array_equal(view.gather(["c", "b", "b"]), features("", TEXT, TEXT))
    with pytest.raises(InputError, match=r"lacks the surface of 1 of 2 texts, e.g. text_id 'z': rerun stage surface"):
        view.gather(["a", "z"])


def test_a_missing_or_damaged_table_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rerun stage surface"):
        open_surface(tmp_path)
    pq.write_table(pa.table({"text_id": ["a"], "words": [1.0]}), tmp_path / TABLE)
    with pytest.raises(InputError, match="rerun stage surface"):
        open_surface(tmp_path)
