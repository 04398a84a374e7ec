"""What outgrows one machine, on this one: a database server, object storage, and folders that stand for machines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Postgres, postgres
from tests.system.bucket import Bucket
from tests.system.machine import Machine
from tests.system.servers import address, object_storage
from tests.tracking.conftest import make_project


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL server; every test makes databases of its own."""
    pytest.importorskip("psycopg", reason="needs the extra `scale`: pip install 'prefactor[scale]'")
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """An empty bucket of a local S3 server."""
    for module in ("moto.server", "boto3"):
        pytest.importorskip(module, reason="needs the extra `system`: pip install 'prefactor[system]'")
    folder: Path = tmp_path_factory.mktemp("s3")
    with object_storage(folder) as server:
        yield Bucket.make(address(server), "prefactor")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny trained project, to be copied."""
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def machines(trained: Path, bucket: Bucket, tmp_path: Path) -> list[Machine]:
    """Two checkouts of the project, with keys to the bucket; MLflow's store is named where they run something."""
    machine = Machine(trained, {**bucket.environment, "MLFLOW_DEFAULT_ARTIFACT_ROOT": bucket.url(tmp_path.name)})
    return [machine.twin(tmp_path / name) for name in ("first", "second")]
