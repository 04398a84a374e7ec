"""The histogram of correlations."""

import numpy as np

from prefactor.evaluation.scaling.histogram import BINS, histogram


def test_every_correlation_is_in_its_bin_and_seeds_are_averaged() -> None:
    rho = np.random.default_rng(0).uniform(-1, 1, (2, 500))
    found = histogram("vrf", rho)
    assert found["bin"].tolist() == BINS.tolist() and set(found["model"]) == {"vrf"}
    assert found["count"].tolist() == (np.histogram(rho, [*BINS, 1.0])[0] / 2).tolist()
    ends = histogram("vrf", np.array([[-1.0, 1.0]]))["count"]
    assert ends.iloc[0] == ends.iloc[-1] == 1 and ends.sum() == 2
