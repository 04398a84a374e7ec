"""The order of candidates, and what equals share."""

import numpy as np
import pytest
from scipy.stats import rankdata

from prefactor.evaluation.scaling.ranking import Ranking


@pytest.mark.parametrize("levels", [1, 3, 10_000])
def test_ranks_are_the_mean_of_equals(levels: int) -> None:
    score = np.random.default_rng(levels).integers(0, levels, (7, 11)).astype(float)
    assert Ranking.of(score).ranks() == pytest.approx(rankdata(score, axis=1) - 1)


def test_sets_do_not_share_with_each_other() -> None:
    ranking = Ranking.of(np.ones((2, 3)))
    values = np.array([[0.0, 3, 6], [10, 10, 40]])
    assert ranking.in_order(values).tolist() == [[3, 3, 3], [20, 20, 20]]


def test_values_find_back_to_their_candidates() -> None:
    score = np.random.default_rng(0).standard_normal((4, 6))
    ranking = Ranking.of(score)
    assert ranking.by_candidate(ranking.in_order(score)).tolist() == score.tolist()
