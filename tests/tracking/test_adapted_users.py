"""Bulk adaptation by a registered model, found with its states by the dataset's name."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prefactor.adaptation.job import Job
from prefactor.adaptation.origin import registered
from prefactor.adaptation.run import adapt_users
from prefactor.errors import InputError
from tests.tracking.conftest import USERS


def test_the_champion_adapts_the_datasets_users(project: Path, published: object, tmp_path: Path) -> None:
    origin = registered("tiny", project)
    assert origin.label.startswith("prefactor-tiny/") and origin.states == project / "data/states/tiny/bert"
    pairs = project / "data/prepared/tiny/pairs.parquet"
    report = adapt_users(Job(pairs, origin.model, origin.states, tmp_path / "users"), threads=1)
    assert (report.users, report.pairs) == (len(USERS), 9)
    told = pq.read_table(tmp_path / "users" / "part-00000.parquet")
    assert told["user_id"].to_pylist() == list(USERS)


def test_states_may_be_named(project: Path, published: object, tmp_path: Path) -> None:
    assert registered("tiny", project, version="1", states=tmp_path).states == tmp_path


def test_states_of_another_backbone_are_not_taken(project: Path, published: object, tmp_path: Path) -> None:
    for name in ("mlruns", "params.yaml"):
        (tmp_path / name).symlink_to(project / name)
    cache = tmp_path / "data/states/tiny/other"
    shutil.copytree(project / "data/states/tiny/bert", cache)
    meta = json.loads((cache / "meta.json").read_text())
    meta["identity"]["model"] = "another"
    (cache / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(
        InputError, match=r"none of the 1 caches of states below .* was made by tinybert: run stage embed"
    ):
        registered("tiny", tmp_path, tracking_uri=f"sqlite:///{project / 'mlruns' / 'mlflow.db'}")


def test_what_is_not_registered_is_said(project: Path, published: object) -> None:
    with pytest.raises(InputError, match="prefactor-tiny has no version 77"):
        registered("tiny", project, version="77")
    with pytest.raises(InputError, match="there is no such registered model"):
        registered("huge", project)
