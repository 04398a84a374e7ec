"""The MLflow store: SQLite beside the project unless told otherwise, made once, never reporting to anyone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prefactor.errors import InputError
from prefactor.tracking.noise import without_noise

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "mlruns"
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
SQLITE = "sqlite:///"


def resolve_uri(root: Path, tracking_uri: str | None) -> str:
    """The store's address: what was asked for, else MLFLOW_TRACKING_URI, else ``mlruns/mlflow.db`` below ``root``."""
    named = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    return named or f"{SQLITE}{root.resolve() / FOLDER / 'mlflow.db'}"


@contextmanager
def connected(root: Path, tracking_uri: str) -> Iterator["MlflowClient"]:
    """A client of the store, for one publisher of this project at a time.

    The lock also keeps two of them from racing on the migrations that a new SQLite store begins with.
    """
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    if database := sqlite_path(tracking_uri):
        database.parent.mkdir(parents=True, exist_ok=True)
    with (folder / ".publish.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _client(tracking_uri)


def sqlite_path(tracking_uri: str) -> Path | None:
    """The file of a SQLite store; None for any other."""
    return Path(tracking_uri.removeprefix(SQLITE)) if tracking_uri.startswith(SQLITE) else None


def experiment(client: "MlflowClient", dataset: str) -> str:
    """The id of the dataset's experiment, made if need be; artifacts lie beside a SQLite store."""
    name = f"prefactor-{dataset}"
    found = client.get_experiment_by_name(name)
    if found is None:
        database = sqlite_path(client.tracking_uri)
        place = None if database is None else (database.parent.resolve() / "artifacts" / name).as_uri()
        return client.create_experiment(name, artifact_location=place)
    if found.lifecycle_stage != "active":
        raise InputError(
            f"experiment {name!r} of {client.tracking_uri} was deleted: "
            f"restore it with `mlflow experiments restore --experiment-id {found.experiment_id}`"
        )
    return found.experiment_id


def _client(tracking_uri: str) -> "MlflowClient":
    """MLflow decides on telemetry when it is imported, hence the late import."""
    os.environ.update(QUIET)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    with without_noise():
        try:
            client = MlflowClient(tracking_uri)
            client.search_experiments(max_results=1)
        except MlflowException as error:
            raise InputError(f"the MLflow store {tracking_uri} does not answer: {error}") from error
    return client
