"""A fingerprint changes with whatever trials read, and with nothing else."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from prefactor.backbones.shards import INDEX, write_shard
from prefactor.errors import InputError
from prefactor.sweeping.fingerprint import fingerprint
from tests.sweeping.tiny import WIDTH, make_data


def test_it_is_the_datas_own(tmp_path: Path) -> None:
    root = make_data(tmp_path)
    first = fingerprint(root, "tiny", "random")
    (root / "params.yaml").write_text("{}")
    (root / "data/split/tiny/manifest.json").write_text("{}")
    assert fingerprint(root, "tiny", "random") == first
    write_shard(root / "data/states/tiny/random", "00001", np.zeros(1, INDEX), np.ones((1, WIDTH), np.float32))
    grown = fingerprint(root, "tiny", "random")
    pairs = root / "data/split/tiny/pairs.parquet"
    pq.write_table(pq.read_table(pairs).slice(1), pairs)
    assert len({first, grown, fingerprint(root, "tiny", "random")}) == 3


def test_data_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pairs\.parquet does not exist: run the flow rebuild"):
        fingerprint(tmp_path, "tiny", "random")
    root = make_data(tmp_path)
    with pytest.raises(InputError, match=r"tiny/other/meta\.json does not exist: run the flow rebuild"):
        fingerprint(root, "tiny", "other")
