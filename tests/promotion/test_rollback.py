"""What was served before is served again: at once, there and back, and only if it is what was published."""

from pathlib import Path
from urllib.parse import urlparse

import pytest

from prefactor.errors import InputError
from prefactor.promotion.promoting import promote
from prefactor.promotion.rollback import rollback
from prefactor.tracking.aliases import aliases_of
from prefactor.tracking.store import client_of
from tests.promotion.project import DATASET, NAME, moved


def client(root: Path):
    return client_of(f"sqlite:///{root}/mlruns/mlflow.db")


@pytest.fixture(scope="module")
def promoted(challenged, tmp_path_factory) -> Path:
    root = moved(tmp_path_factory.mktemp("promoted") / "project", challenged)
    promote(root, DATASET)
    return root


def test_it_goes_back_and_forth_and_every_time_is_recorded(promoted, tmp_path):
    root = moved(tmp_path / "project", promoted)
    found = [rollback(root, DATASET) for _ in range(3)]
    assert [(each.before, each.after) for each in found] == [("2", "1"), ("1", "2"), ("2", "1")]
    assert aliases_of(client(root), NAME) == {"champion": "1", "previous": "2"}
    experiment = client(root).get_experiment_by_name("prefactor-tiny-decisions").experiment_id
    runs = client(root).search_runs([experiment], order_by=["attributes.start_time ASC"])
    assert [run.data.tags["prefactor.decision"] for run in runs] == ["promoted", *["rolled back"] * 3]
    assert all(run.info.status == "FINISHED" for run in runs)
    withdrawn = {
        number: client(root).get_model_version(NAME, number).tags.get("prefactor.rolled_back") for number in "12"
    }
    assert withdrawn == {"1": None, "2": found[-1].run_id}


def test_there_must_be_something_to_go_back_to(challenged, tmp_path):
    root = moved(tmp_path / "project", challenged)
    with pytest.raises(InputError, match="nothing to roll back to: version 1 is the first that was served"):
        rollback(root, DATASET)
    with pytest.raises(InputError, match="no registered model prefactor-other"):
        rollback(root, "other")


def test_what_is_damaged_is_not_gone_back_to(promoted, tmp_path):
    root = moved(tmp_path / "project", promoted)
    place = Path(urlparse(client(root).get_model_version_download_uri(NAME, "1")).path)
    (place / "artifacts/package/model.safetensors").unlink()
    with pytest.raises(InputError, match=r"version 1: .* lacks model\.safetensors"):
        rollback(root, DATASET)
    assert aliases_of(client(root), NAME) == {"champion": "2", "previous": "1"}
