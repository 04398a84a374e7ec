"""Correlations within sets: against numpy's, and where there is nothing to correlate."""

import numpy as np
import pytest

from prefactor.evaluation.scaling.correlations import centred, pearson


def test_it_is_the_textbooks() -> None:
    score, gold = np.random.default_rng(0).standard_normal((2, 5, 9))
    known = [np.corrcoef(a, b)[0, 1] for a, b in zip(score, gold, strict=True)]
    assert pearson(score, gold) == pytest.approx(known)
    assert pearson(3 * score - 100, gold) == pytest.approx(known)
    assert pearson(-score, gold) == pytest.approx(-np.array(known))


def test_a_constant_score_chooses_at_random_and_constant_gold_says_nothing() -> None:
    some = np.array([[0.1, 0.2, 0.3]])
    assert pearson(np.full((1, 3), 0.1), some).tolist() == [0.0]
    assert np.isnan(pearson(some, np.full((1, 3), 7.0))).all()


def test_rounding_is_no_difference() -> None:
    nearly = 0.1 + np.array([[0, 1e-17, -1e-17]])
    assert (centred(np.cumsum(np.full((1, 3), 1e-16), 1) + 1e3) == 0).all() and (centred(nearly) == 0).all()
