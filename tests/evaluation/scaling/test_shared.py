"""What users have in common."""

import numpy as np
import pytest

from prefactor.evaluation.scaling.shared import shared_by_users

USERS, QUERIES, SIZE = 6, 3, 4
USER, QUERY = (axis.ravel() for axis in np.indices((USERS, QUERIES)))
OWN = np.arange(len(USER) * SIZE).reshape(-1, SIZE)  # candidates of the user and query alone
OF_QUERY = QUERY[:, None] * SIZE + np.arange(SIZE)


@pytest.mark.parametrize("candidate", [OWN, OF_QUERY])
def test_queries_are_what_is_shared_whoever_wrote_the_candidates(candidate: np.ndarray) -> None:
    assert shared_by_users(USER, QUERY, [candidate]) == "queries"
    assert shared_by_users(USER, QUERY, [candidate[:5], candidate[5:, :3]]) == "queries"


def test_a_name_that_two_queries_use_says_nothing() -> None:
    assert shared_by_users(USER, QUERY, [OF_QUERY % 4]) == "queries"
    assert shared_by_users(USER, USER * QUERIES + QUERY, [OF_QUERY]) == ""


def test_of_a_few_shared_queries_candidates_count_or_nothing() -> None:
    few = QUERY < 2
    assert shared_by_users(USER[few], QUERY[few], [OF_QUERY[few]]) == "candidates"
    assert shared_by_users(USER[few], QUERY[few], [OWN[few]]) == ""


def test_what_is_a_users_own_is_not_shared() -> None:
    assert shared_by_users(USER, USER * QUERIES + QUERY, [OWN]) == ""
    assert shared_by_users(USER, USER * QUERIES + QUERY, [USER[:, None] * SIZE + np.arange(SIZE)]) == ""
