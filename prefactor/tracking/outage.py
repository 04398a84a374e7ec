"""A store that does not answer: said in one line, and told apart from a wrong name."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefactor.errors import InputError
from prefactor.tracking.address import shown

ANSWERS = ("RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE")  # and not an outage
LONGEST = 300  # characters of a reason


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
        why = " ".join(str(error).split())[:LONGEST]
        fix = "nothing is lost: run it again when the store is back"
        raise StoreGone(f"the MLflow store {shown(tracking_uri)} does not answer ({why}): {fix}") from error
