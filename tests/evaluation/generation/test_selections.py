"""The table of greedy against exhaustive selection: each user's first known pairs, as many as there is room for."""

import numpy as np

from prefactor.evaluation.generation.selections import first_pairs, selections
from tests.decoding.projects import opened, tiny_project


def test_pairs_are_the_first_that_are_known_of_each_user() -> None:
    cohort = opened(tiny_project()).people.cohort
    found = first_pairs(cohort, 2)
    assert np.bincount(found[:, 0]).tolist() == [2] * len(cohort) and (found[:, 1] != found[:, 2]).all()
    np.testing.assert_array_equal(first_pairs(cohort, 1), found[::2])


def test_no_greedy_selection_is_better_than_the_best() -> None:
    workshop = opened(tiny_project())
    table = selections(workshop.exact().objective, workshop.people.cohort, 2, 4)
    assert len(table) == 3 and set(table["setting"]) == {"k=2"}  # of three users one each
    assert (table["greedy"] <= table["best"] + 1e-9).all()
