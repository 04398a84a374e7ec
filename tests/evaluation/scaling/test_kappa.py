"""kappa(N): against closed forms and against its definition."""

import numpy as np
import pytest

from prefactor.evaluation.scaling.kappa import kappa


def test_it_has_the_closed_forms() -> None:
    five = 5 * np.arccos(-23 / 27) / (2 * np.pi**1.5)  # of N = 5 (Jones 1948)
    found = kappa([1, 2, 3, 4, 5])
    known = [0, np.pi**-0.5, 1.5 * np.pi**-0.5, 3 * np.pi**-0.5 * np.arccos(-1 / 3) / np.pi, five]
    assert found == pytest.approx(known, abs=1e-8)


def test_it_is_what_the_greatest_of_many_draws_is() -> None:
    drawn = np.random.default_rng(0).standard_normal((40_000, 32)).max(1)
    assert abs(kappa([32])[0] - drawn.mean()) < 4 * drawn.std() / np.sqrt(len(drawn))


def test_it_grows_ever_more_slowly_and_stays_below_its_bound() -> None:
    sizes = 2 ** np.arange(0, 20)
    found = kappa(sizes)
    steps = np.diff(found)
    assert (steps > 0).all() and (np.diff(steps) < 0).all()
    assert (found <= np.sqrt(2 * np.log(sizes))).all()


def test_there_is_none_of_nothing() -> None:
    with pytest.raises(ValueError, match="N >= 1"):
        kappa([0])
