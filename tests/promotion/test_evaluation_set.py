"""The frozen set: named by its content, and only what the split stage wrote."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from prefactor import layout
from prefactor.errors import InputError
from prefactor.promotion.evaluation_set import frozen_set
from tests.promotion.project import DATASET, roles, split


class Nothing:
    """States of one number."""

    def gather(self, text_ids):
        return np.zeros((len(text_ids), 1), np.float32)


@pytest.fixture
def root(project, tmp_path):
    shutil.copytree(project / "data", tmp_path / "data")
    return tmp_path


def test_its_users_are_the_unseen_ones_and_its_name_is_its_content(root):
    found = frozen_set(root, DATASET, {})
    assert found.users == frozenset(roles(root)["unseen"]) and len(found.digest) == 16
    assert set(found.cohort("states", Nothing()).user_ids) == found.users
    split(root)
    assert frozen_set(root, DATASET, {}).digest == found.digest, "the same split again"
    split(root, seed=5)
    assert frozen_set(root, DATASET, {}).digest != found.digest


def test_users_can_be_left_out(root):
    found = frozen_set(root, DATASET, {})
    some = sorted(found.users)[:5]
    left = found.leaving_out(some)
    assert left.users == found.users - set(some) and left.digest == found.digest
    assert set(left.cohort("states", Nothing()).user_ids) == left.users


def test_a_split_that_was_changed_by_hand_is_refused(root):
    path = root / layout.split(DATASET) / "pairs.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(InputError, match=r"pairs\.parquet was changed after it was split"):
        frozen_set(root, DATASET, {})
    path.unlink()
    with pytest.raises(InputError, match=r"pairs\.parquet does not exist: run `dvc repro`"):
        frozen_set(root, DATASET, {})
    shutil.rmtree(path.parent)
    with pytest.raises(InputError, match=r"manifest\.json does not exist"):
        frozen_set(root, DATASET, {})
