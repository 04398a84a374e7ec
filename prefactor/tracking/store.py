"""The MLflow store: SQLite beside the project unless told otherwise, made once, never reporting to anyone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from prefactor.disk import written
from prefactor.errors import InputError
from prefactor.tracking.address import SQLITE, is_postgres, is_server, redacted, shown, sqlite_path
from prefactor.tracking.database import make_database
from prefactor.tracking.lease import lease
from prefactor.tracking.noise import without_noise
from prefactor.tracking.turn import turn

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "mlruns"
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
# Which pages MLflow's browser shows of an experiment: those of model training. It would guess, and say GenAI.
KIND, TRAINING, INFERRED = "mlflow.experimentKind", "custom_model_development", "_inferred"
ARTIFACTS = "MLFLOW_DEFAULT_ARTIFACT_ROOT"  # as `mlflow server` calls it


def resolve_uri(root: Path, tracking_uri: str | None) -> str:
    """The store's address: what was asked for, else MLFLOW_TRACKING_URI, else ``mlruns/mlflow.db`` below ``root``."""
    named = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    return named or f"{SQLITE}{root.resolve() / FOLDER / 'mlflow.db'}"


@contextmanager
def connected(root: Path, tracking_uri: str, alone: bool = True) -> Iterator["MlflowClient"]:
    """A client of the store, for one publisher at a time, of this project or of another that uses the same store.

    Their turns also keep them from racing on the migrations that an empty database begins with. Who is not ``alone``
    takes turns for those only: a server has its own.
    """
    os.environ.update(QUIET)
    database = sqlite_path(tracking_uri)
    place = database.parent if database else root / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    with turn(root / FOLDER, tracking_uri), written(place):
        if database:
            make_database(database)
        client = client_of(tracking_uri)
        with lease(client, root / FOLDER) if alone and is_server(tracking_uri) else nullcontext():
            yield client


def experiment(client: "MlflowClient", dataset: str) -> str:
    """The id of the dataset's experiment, made if need be. InputError if it was deleted or has no place for files."""
    name = f"prefactor-{dataset}"
    found = client.get_experiment_by_name(name)
    if found is None:
        number = _made(client, name)
        client.set_experiment_tag(number, KIND, TRAINING)
        return number
    if found.lifecycle_stage != "active":
        raise InputError(
            f"experiment {name!r} of {shown(client.tracking_uri)} was deleted: "
            f"restore it with `mlflow experiments restore --experiment-id {found.experiment_id}`"
        )
    if found.tags.get(KIND, INFERRED).endswith(INFERRED):  # what a person has chosen stays
        client.set_experiment_tag(found.experiment_id, KIND, TRAINING)
    return found.experiment_id


def _made(client: "MlflowClient", name: str) -> str:
    from mlflow.exceptions import MlflowException

    try:
        return client.create_experiment(name, artifact_location=_artifact_place(client.tracking_uri, name))
    except MlflowException as error:
        found = client.get_experiment_by_name(name)
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
            raise
        return found.experiment_id  # another machine was faster


def _artifact_place(tracking_uri: str, name: str) -> str | None:
    """Where an experiment's files go: beside a SQLite file, where the environment says, or where a server decides."""
    if database := sqlite_path(tracking_uri):
        return (database.parent.resolve() / "artifacts" / name).as_uri()
    if not is_postgres(tracking_uri):
        return None
    if place := os.environ.get(ARTIFACTS):
        return f"{place.rstrip('/')}/{name}"
    raise InputError(
        f"{shown(tracking_uri)} holds no files: say where they go with {ARTIFACTS}, "
        "a bucket (s3://BUCKET/FOLDER) or a folder that every machine reaches"
    )


def client_of(tracking_uri: str) -> "MlflowClient":
    """MLflow decides on telemetry when it is imported, hence the late import."""
    os.environ.update(QUIET)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    with without_noise():
        try:
            client = MlflowClient(tracking_uri)
            client.search_experiments(max_results=1)
        except (MlflowException, SQLAlchemyError) as error:
            why = redacted(str(error).partition("\n")[0])
            raise InputError(f"the MLflow store {shown(tracking_uri)} does not answer: {why}") from error
    return client
