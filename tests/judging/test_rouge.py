"""ROUGE: what is shared counts once, order counts for ROUGE-L alone, and nobody but English words is counted."""

import numpy as np
import pytest

from prefactor.judging.rouge import rouge


def test_known_values() -> None:
    # Of "the cat sat" and "the cat sits there": two words shared, of three and of four.
    found = rouge(["the cat sat"], ["the cat sits there"])
    np.testing.assert_allclose(found, [[4 / 7, 4 / 7]])
    swapped = rouge(["one two three"], ["three two one"])
    np.testing.assert_allclose(swapped, [[1, 1 / 3]])


def test_a_text_has_its_own_score_whoever_stands_beside_it() -> None:
    golds, texts = ["A warm loaf", "a cold soup", "A warm loaf"], ["a loaf", "warm bread", "a loaf"]
    together = rouge(golds, texts)
    for row in range(len(golds)):
        np.testing.assert_array_equal(together[row], rouge(golds[row : row + 1], texts[row : row + 1])[0])
    assert rouge([], []).shape == (0, 2)


@pytest.mark.parametrize("text", ["", "  ", "日本語", "!?"])
def test_without_words_there_is_nothing_to_share(text: str) -> None:
    assert rouge(["bread"], [text]).tolist() == [[0, 0]]
    assert rouge([text], ["bread"]).tolist() == [[0, 0]]


def test_case_and_punctuation_do_not_count_and_endings_do() -> None:
    assert rouge(["Bread: a GUIDE!"], ["bread a guide"]).tolist() == [[1, 1]]
    assert rouge(["baking"], ["bake"]).tolist() == [[0, 0]], "no stemming, as LaMP scores"
