"""A registered model is loaded as it was published, or not at all."""

import gc
import json
import shutil
from pathlib import Path
from urllib.parse import urlparse

import pytest

from prefactor.errors import InputError
from prefactor.promotion.loading import check, fetch, find_version, load_version
from prefactor.serving.package import unpack
from prefactor.serving.requests import Request
from prefactor.tracking.outage import StoreGone, answering
from prefactor.tracking.store import client_of

NAME = "prefactor-tiny"
PACKAGE = "artifacts/package"
ASK = Request(prompt="how boil egg", responses=["long answer first", "short"], user_id="person 0")


@pytest.fixture(scope="module")
def client(project):
    return client_of(f"sqlite:///{project}/mlruns/mlflow.db")


@pytest.fixture(scope="module")
def stored(client) -> Path:
    """Where the store keeps the version's files."""
    return Path(urlparse(client.get_model_version_download_uri(NAME, "1")).path)


@pytest.fixture
def damaged(stored, tmp_path):
    """The store's files, to be damaged: a function that loads them as a client of a store that holds these would."""
    whole = shutil.copytree(stored, tmp_path / "whole")
    shutil.move(stored, tmp_path / "aside")
    shutil.move(whole, stored)
    yield stored
    shutil.rmtree(stored)
    shutil.move(tmp_path / "aside", stored)


def test_a_published_version_answers_by_alias_and_by_number(client):
    first, second = (load_version(client, NAME, named) for named in ("champion", "1"))
    assert first.label == second.label == "prefactor-tiny/1"
    assert first.served.ranker.answer([ASK]) == second.served.ranker.answer([ASK])
    assert first.run_id and len(first.content) == 16 and first.package != second.package


def test_the_copy_goes_with_the_model(client):
    loaded = load_version(client, NAME)
    package = loaded.package
    assert (package / "serving.json").is_file()
    del loaded
    gc.collect()
    assert not package.exists() and not package.parents[2].exists()


FILES = (
    f"{PACKAGE}/model.safetensors",
    f"{PACKAGE}/model.json",
    f"{PACKAGE}/users.safetensors",
    f"{PACKAGE}/users.json",
    f"{PACKAGE}/model_card.md",
    f"{PACKAGE}/serving.json",
    f"{PACKAGE}/backbone/tinybert/model.safetensors",
    f"{PACKAGE}/backbone/tinybert/tokenizer.json",
    "code/prefactor/serving/model.py",
    "entry.py",
    "MLmodel",
    "requirements.txt",
    "seal.json",
)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_refused_by_name(client, damaged, name):
    flip(damaged / name)
    with pytest.raises(InputError, match=rf"{NAME} version 1: .*{name} was changed"):
        load_version(client, NAME)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused_by_name(client, damaged, name):
    (damaged / name).unlink()
    with pytest.raises(InputError, match=f"{name.rpartition('/')[2]}"):
        load_version(client, NAME)


@pytest.mark.parametrize("name", [f"{PACKAGE}/more.json", "code/torch.py", "code/prefactor/more.py", "more/of.it"])
def test_a_file_too_many_is_refused_by_name(client, damaged, name):
    (damaged / name).parent.mkdir(exist_ok=True)
    (damaged / name).write_text("{}")
    with pytest.raises(InputError, match=r"holds .*which is no part of the model"):
        load_version(client, NAME)


def test_a_description_rewritten_to_fit_the_change_is_refused(client, damaged):
    package = damaged / PACKAGE
    flip(package / "users.safetensors")
    description = json.loads((package / "serving.json").read_text())
    from prefactor.serving.seal import digest

    description["files"]["users.safetensors"] = digest(package / "users.safetensors")
    (package / "serving.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match=r"serving\.json was changed \(sha256"):
        load_version(client, NAME)


def test_all_files_gone_is_said_plainly(client, damaged):
    shutil.rmtree(damaged)
    damaged.mkdir()
    with pytest.raises(InputError, match="does not exist: restore the registry's files"):
        load_version(client, NAME)


def test_a_link_is_refused(stored, tmp_path):
    copy = shutil.copytree(stored, tmp_path / "copy")
    (copy / PACKAGE / "model.json").unlink()
    (copy / PACKAGE / "model.json").symlink_to(stored / PACKAGE / "model.json")
    with pytest.raises(InputError, match=r"model\.json is a link"):
        unpack(copy / PACKAGE)


def test_what_python_keeps_of_code_is_no_damage(stored, tmp_path):
    copy = shutil.copytree(stored, tmp_path / "copy")
    kept = copy / "code/prefactor/__pycache__"
    kept.mkdir()
    (kept / "errors.cpython-311.pyc").write_bytes(b"code")
    unpack(copy / PACKAGE, copy / "code")


def test_another_backbone_is_refused(client, monkeypatch):
    """The pinned requirements are not installed: the backbone would give other states."""
    from prefactor.backbones.encoding import Backbone

    told = Backbone.identity
    monkeypatch.setattr(Backbone, "identity", lambda self: {**told(self), "tokenizer": "another"})
    with pytest.raises(InputError, match="version 1: not the model's backbone: tokenizer is 'another'"):
        load_version(client, NAME)


def test_a_version_of_before_there_were_hashes_is_refused(client, tmp_path):
    version = find_version(client, NAME, "1")
    folder = fetch(client, version, tmp_path)
    version._tags = {"prefactor.content": "0" * 16}
    with pytest.raises(InputError, match=r"does not know its hashes \(tags prefactor\.package, prefactor\.around\)"):
        check(version, folder)


def test_a_wrong_name_says_what_there_is(client):
    with pytest.raises(InputError, match="has no version 7; it has the versions 1, @champion"):
        load_version(client, NAME, "7")
    with pytest.raises(InputError, match="has no @challenger; it has the versions 1, @champion"):
        load_version(client, NAME, "@challenger")
    with pytest.raises(InputError, match="there is no such registered model"):
        load_version(client, "prefactor-other")


def test_a_store_that_does_not_answer_is_told_from_a_wrong_name(monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    client = MlflowClient("http://127.0.0.1:9")
    with pytest.raises(StoreGone, match=r"http://127\.0\.0\.1:9 does not answer"):
        load_version(client, NAME)
    with pytest.raises(ZeroDivisionError), answering("sqlite:///x"):
        raise ZeroDivisionError


def test_a_store_lost_in_the_middle_of_fetching_is_no_damage(client, monkeypatch, tmp_path):
    """It still said where the files are."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    version = find_version(client, NAME, "1")
    gone = MlflowClient("http://127.0.0.1:9")
    monkeypatch.setattr(gone, "get_model_version_download_uri", lambda name, number: "mlflow-artifacts:/0/model")
    with pytest.raises(StoreGone, match=r"http://127\.0\.0\.1:9 does not answer"):
        fetch(gone, version, tmp_path)


def flip(path: Path) -> None:
    """Change one byte in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
