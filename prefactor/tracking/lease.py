"""The turn at an MLflow server, where publishers on several machines share that server and nothing else.

A registered model of one name can be made once: whoever makes ``prefactor.turn`` has the turn until it is removed. Its
holder says every few seconds that it lives. One that says nothing for half a minute, by the clock of whoever waits, is
dead and loses it; one of the same checkout is dead at once, because a checkout has one publisher at a time.
"""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from prefactor.tracking.outage import answering

if TYPE_CHECKING:
    from mlflow import MlflowClient

NAME = "prefactor.turn"
ABOUT = "Here while somebody publishes. Where its holder was killed, the next one removes it."
HOLDER, BEAT = "prefactor.holder", "prefactor.beat"  # tags
BEAT_SECONDS, DEAD_SECONDS, POLL_SECONDS = 5.0, 30.0, 0.5
TAKEN = ("RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST")  # the second: given back while the store looked


@contextmanager
def lease(client: "MlflowClient", folder: Path) -> Iterator[None]:
    """Wait for the turn and have it for the block. ``folder`` is the checkout's, whose own turn it is already.

    A block that raises leaves the lease behind, for the server may be gone: this checkout has it again at once, another
    after half a minute. Raises StoreGone if the server does not answer.
    """
    holder = hashlib.sha256(f"{socket.gethostname()}:{folder.resolve()}".encode()).hexdigest()[:16]
    with answering(client.tracking_uri):
        _take(client, holder)
    over = threading.Event()
    threading.Thread(target=_live, args=(client, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()
    _give_back(client, holder)


def _take(client: "MlflowClient", holder: str) -> None:
    while not _made(client, holder):
        _await_end(client, holder)
        time.sleep(POLL_SECONDS)  # all who saw the holder dead have removed it before the first of them takes its place


def _made(client: "MlflowClient", holder: str) -> bool:
    """Is the turn ours: nobody had it."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(NAME, tags={HOLDER: holder, BEAT: "0"}, description=ABOUT)
    except MlflowException as error:
        if error.error_code in TAKEN:
            return False
        raise
    return True


def _await_end(client: "MlflowClient", holder: str) -> None:
    """Until nobody has the turn; a dead holder is removed."""
    seen, since = _sign(client), time.monotonic()
    while seen is not None:
        if seen.get(HOLDER) == holder or time.monotonic() - since > DEAD_SECONDS:
            return _remove(client, seen)
        time.sleep(POLL_SECONDS)
        if (now := _sign(client)) != seen:
            seen, since = now, time.monotonic()


def _sign(client: "MlflowClient") -> dict[str, str] | None:
    """Who has the turn, and the sign of life that it gave last; None if nobody.

    Empty where it is given back at this moment: the store reads the tags after the model.
    """
    from mlflow.exceptions import MlflowException

    try:
        return dict(client.get_registered_model(NAME).tags)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def _remove(client: "MlflowClient", seen: dict[str, str]) -> None:
    """End the turn that was ``seen``, unless somebody else has ended it meanwhile."""
    from mlflow.exceptions import MlflowException

    try:
        client.delete_registered_model(NAME)
    except MlflowException:
        if _sign(client) == seen:
            raise


def _live(client: "MlflowClient", over: threading.Event) -> None:
    from mlflow.exceptions import MlflowException

    beat = 0
    while not over.wait(BEAT_SECONDS):
        beat += 1
        with suppress(MlflowException):  # whoever waits cannot ask a server that is gone either
            client.set_registered_model_tag(NAME, BEAT, str(beat))


def _give_back(client: "MlflowClient", holder: str) -> None:
    with answering(client.tracking_uri):
        sign = _sign(client)
        if sign is not None and sign.get(HOLDER) == holder:
            _remove(client, sign)
