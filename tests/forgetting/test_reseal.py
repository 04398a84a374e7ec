"""A packed model that lost a user is loaded as before; one that somebody else changed stays refused."""

import shutil
from pathlib import Path
from urllib.parse import urlparse

import pytest

from prefactor.atomic import write_json
from prefactor.errors import InputError
from prefactor.forgetting.posteriors import in_model
from prefactor.forgetting.registry import STORE
from prefactor.methods.storage import USER_IDS, USER_TENSORS
from prefactor.promotion.loading import load_version
from prefactor.tracking import publish
from prefactor.tracking.store import client_of
from tests.tracking.conftest import make_project

NAME = "prefactor-tiny"


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    root = make_project(tmp_path_factory.mktemp("project"))
    publish(root, f"sqlite:///{root / STORE}")
    return root


@pytest.fixture
def stored(published, tmp_path):
    """The packed model in the store; store and model are put back as they were."""
    client = client_of(f"sqlite:///{published / STORE}")
    package = Path(urlparse(client.get_model_version_download_uri(NAME, "1")).path) / "artifacts/package"
    shutil.copytree(package, tmp_path / "package")
    shutil.copy(published / STORE, tmp_path / "store")
    yield client, package
    shutil.rmtree(package)
    shutil.copytree(tmp_path / "package", package)
    shutil.copy(tmp_path / "store", published / STORE)


def test_a_package_without_a_user_is_loaded_and_does_not_know_them(published, stored):
    client, package = stored
    for _ in range(2):
        in_model(package, ["ben"], published / STORE).do()
        assert list(load_version(client, NAME).served.ranker.known.row) == ["ada", "cyd"]


@pytest.mark.parametrize(
    "step", ["posteriors.atomic_file", "reseal.seal", "reseal._retag", "reseal.write_json", "posteriors.write_json"]
)
def test_stopped_at_any_step_the_same_call_does_the_rest(published, stored, monkeypatch, step):
    client, package = stored
    with monkeypatch.context() as patch:
        patch.setattr(f"prefactor.forgetting.{step}", _stopped)
        with pytest.raises(KeyboardInterrupt):
            in_model(package, ["ben"], published / STORE).do()
    in_model(package, ["ben"], published / STORE).do()
    assert list(load_version(client, NAME).served.ranker.known.row) == ["ada", "cyd"]


def test_stopped_between_the_store_and_the_description_the_same_call_does_the_rest(published, stored, monkeypatch):
    client, package = stored
    told = []
    with monkeypatch.context() as patch:
        patch.setattr("prefactor.forgetting.reseal.write_json", lambda path, value: _not_there(path, value, told))
        with pytest.raises(KeyboardInterrupt):
            in_model(package, ["ben"], published / STORE).do()
    with pytest.raises(InputError, match="was changed"):
        load_version(client, NAME)
    in_model(package, ["ben"], published / STORE).do()
    assert list(load_version(client, NAME).served.ranker.known.row) == ["ada", "cyd"]


@pytest.mark.parametrize("name", ["model.safetensors", USER_TENSORS, USER_IDS])
def test_what_was_changed_before_is_refused_after_too(published, stored, name):
    client, package = stored
    data = bytearray((package / name).read_bytes())
    data[-3] ^= name != USER_IDS
    (package / name).write_bytes(data.replace(b"ada", b"eve"))
    in_model(package, ["ben"], published / STORE).do()
    with pytest.raises(InputError, match="was changed"):
        load_version(client, NAME)


def _not_there(path, value, told):
    """Write JSON, but for the third file: the package's own description."""
    told.append(path)
    if len(told) == 3:
        raise KeyboardInterrupt
    write_json(path, value)


def _stopped(*_, **__):
    raise KeyboardInterrupt
