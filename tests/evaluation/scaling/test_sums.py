"""Figures of sets: a score that does not differ chooses at random."""

import numpy as np
import pytest

from prefactor.evaluation.scaling.best import expected_best
from prefactor.evaluation.scaling.correlations import pearson
from prefactor.evaluation.scaling.pool import Block
from prefactor.evaluation.scaling.sums import Gold, set_figures, slices_of

SIZES = (1, 2, 4, 8)
AT = slices_of(SIZES)


def gold_of(values: np.ndarray) -> Gold:
    sets = np.arange(len(values))
    return Gold.of(Block(sets, sets, np.arange(values.size).reshape(values.shape), values, {}))


def test_a_score_that_is_constant_but_for_rounding_is_constant() -> None:
    utility = np.random.default_rng(0).standard_normal((3, 8))
    score = 0.1 + 1.4e-17 * np.arange(8) * np.ones((3, 1))
    assert (score[:, 0] != score[:, -1]).all()
    found = set_figures(score, gold_of(utility), SIZES)
    for name in ("rho", "rank", "hacked", "variance", "own"):
        assert not found[:, AT[name]].any(), name
    assert found[:, AT["gain"]] == pytest.approx(0.0, abs=1e-12)


def test_gains_and_correlations_are_those_of_the_scores_as_they_are() -> None:
    utility, score = 5 + np.random.default_rng(1).standard_normal((2, 6, 8))
    found = set_figures(score, gold_of(utility), SIZES)
    random = utility.mean(1, keepdims=True)
    assert found[:, AT["gain"]] == pytest.approx(expected_best(utility, score, SIZES) - random)
    assert found[:, AT["rho"]][:, 0] == pytest.approx(pearson(score, utility))
    assert found[:, AT["variance"]][:, 0] == pytest.approx(score.var(1))
