"""What a request can end with beside an answer: a status, a sentence that says how to go on, and when."""

from collections.abc import Mapping

from prefactor.errors import InputError
from prefactor.serving.users.faults import NoStoreError, ReusedKeyError, StoreUnavailableError

PAUSE_SECONDS = 5  # after which a caller may try again, where nothing better is known


class Failure(Exception):
    """An HTTP ``status`` and what is said about it; ``headers`` come with it."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def later(message: str, seconds: float = PAUSE_SECONDS, status: int = 503) -> Failure:
    """Try again: in so many seconds."""
    return Failure(status, message, {"Retry-After": str(max(1, round(seconds + 0.5)))})


def failure_of(error: Exception) -> Failure:
    """What an error is to a caller. Of one that nobody expected nothing is said: it may hold anything."""
    match error:
        case Failure():
            return error
        case StoreUnavailableError():
            return later(str(error))
        case NoStoreError():
            return Failure(501, str(error))
        case ReusedKeyError():
            return Failure(409, str(error))
        case InputError():
            return Failure(400, str(error))
        case TimeoutError():
            return later("this took too long: send fewer or shorter texts, or try again later")
    return Failure(500, "something broke in the service: its log has more, by the request's id")
