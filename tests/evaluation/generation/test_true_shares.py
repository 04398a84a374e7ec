"""Shares of what users want: of the world's scorers, 0 of others, none where nobody knows."""

from pathlib import Path

import numpy as np

from prefactor import layout
from prefactor.atomic import write_json
from prefactor.evaluation.generation.true_shares import true_shares
from prefactor.reading import read_object
from tests.decoding.projects import DATASET, opened, tiny_project


def test_shares_of_a_users_wishes() -> None:
    prepared = tiny_project() / layout.prepared(DATASET)
    scorers, ids = read_object(prepared / "source.json")["scorers"], opened(tiny_project()).people.user_ids
    whole = true_shares(prepared, ids, scorers)
    np.testing.assert_allclose(whole.shares.sum(1), 1)
    assert whole.measured == len(scorers) and whole.theirs.any(1).all()
    some = true_shares(prepared, ids, ["something_else", scorers[2]])
    assert some.measured == 1 and not some.shares[:, 0].any() and not some.theirs[:, 0].any()
    np.testing.assert_array_equal(some.shares[:, 1], whole.shares[:, 2])


def test_nobody_knows_what_real_people_want(tmp_path: Path) -> None:
    write_json(tmp_path / "source.json", {"name": "files"})
    assert true_shares(tmp_path, ["a"], ["formal"]) is None
