"""A store that does not answer: said in one line, told apart from a wrong name, and not asked for long."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from prefactor.errors import InputError
from prefactor.tracking.address import redacted, shown

ANSWERS = ("RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE")  # and not an outage
LONGEST = 300  # characters of a reason
IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}  # unless somebody chose others


class StoreGone(InputError):
    """The MLflow store did not answer: the same may work later."""


@contextmanager
def answering(tracking_uri: str) -> Iterator[None]:
    """Raise StoreGone where the store fails in the block; what it answers, an error too, passes."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        yield
    except (MlflowException, RequestException) as error:
        if getattr(error, "error_code", None) in ANSWERS:
            raise
        why = redacted(" ".join(str(error).split()))[:LONGEST]
        fix = "nothing is lost: run it again when the store is back"
        raise StoreGone(f"the MLflow store {shown(tracking_uri)} does not answer ({why}): {fix}") from error


@contextmanager
def impatient() -> Iterator[None]:
    """For the block, ask a server that does not answer for seconds: MLflow would do it for minutes."""
    added = {name: value for name, value in IMPATIENT.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
