"""The turn at an MLflow server, where publishers on several machines share that server and nothing else.

A registered model of one name can be made once: whoever makes ``prefactor.turn`` has the turn until it is removed. It
bears a mark of this one turn, and its holder says every few seconds that it lives. One that has said nothing for half a
minute, by the looks of whoever waits, is dead and loses it; one that this checkout left is dead at once, because a
checkout has one publisher at a time. MLflow removes a model by its name alone, so the turn may be lost to somebody who
was too slow to see that it had changed hands: it is looked for again at the end of the block.
"""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from prefactor.atomic import write_text
from prefactor.errors import InputError
from prefactor.tracking.address import shown
from prefactor.tracking.outage import StoreGone, answering, impatient

if TYPE_CHECKING:
    from mlflow import MlflowClient

NAME = "prefactor.turn"
ABOUT = "Here while somebody publishes. Where its holder was killed, the next one removes it."
HOLDER, BEAT = "prefactor.holder", "prefactor.beat"  # tags
NOTE = ".publish.turn"  # the mark of the turn that a checkout took last
BEAT_SECONDS, DEAD_SECONDS, POLL_SECONDS = 5.0, 30.0, 0.5
TAKEN = ("RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST")  # the second: given back while the store looked


class TurnLost(InputError):
    """The turn ended before the block did: somebody else may have written meanwhile."""


@contextmanager
def lease(client: "MlflowClient", folder: Path) -> Iterator[None]:
    """Wait for the turn and have it for the block. ``folder`` is where the checkout's own turn is, which we have.

    It is given back however the block ends, if the server answers then; one that is left behind this checkout has again
    at once, another after half a minute. Raises StoreGone if the server does not answer, and TurnLost at the end of a
    block that has outlived its turn.
    """
    with answering(client.tracking_uri):
        mark = _take(client, folder / NOTE)
    over = threading.Event()
    threading.Thread(target=_live, args=(client, mark, over), daemon=True).start()
    try:
        yield
    except BaseException:
        with impatient(), suppress(StoreGone, TurnLost):  # what the block raised says more
            _give_back(client, mark)
        raise
    finally:
        over.set()
    _give_back(client, mark)


def _take(client: "MlflowClient", note: Path) -> str:
    """The turn's mark, once it is ours."""
    _end_own(client, note)
    mark = uuid.uuid4().hex
    write_text(note, mark)
    while not _made(client, mark):
        _await_end(client)
        time.sleep(POLL_SECONDS)  # all who saw the holder dead have removed it before the first of them takes its place
    return mark


def _end_own(client: "MlflowClient", note: Path) -> None:
    """End the turn that a killed publisher of this checkout left."""
    left = note.read_text(encoding="utf-8") if note.exists() else None
    if left and _has(client, left):
        _remove(client, left)
        time.sleep(POLL_SECONDS)  # as above


def _made(client: "MlflowClient", mark: str) -> bool:
    """Is the turn ours: nobody had it, or we had made it when the server's answer was lost."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(NAME, tags={HOLDER: mark, BEAT: "0"}, description=ABOUT)
    except MlflowException as error:
        if error.error_code in TAKEN:
            return _has(client, mark)
        raise
    return True


def _await_end(client: "MlflowClient") -> None:
    """Until nobody has the turn; a dead holder is removed.

    Looks are counted, not time: while the server is away, or we sleep, no sign of life could be seen.
    """
    seen, looks = _sign(client), 0
    while seen is not None:
        if looks * POLL_SECONDS > DEAD_SECONDS:
            return _remove(client, seen.get(HOLDER, ""))
        time.sleep(POLL_SECONDS)
        now = _sign(client)
        seen, looks = now, looks + 1 if now == seen else 0


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


def _has(client: "MlflowClient", mark: str) -> bool:
    sign = _sign(client)
    return sign is not None and sign.get(HOLDER, "") == mark


def _remove(client: "MlflowClient", mark: str) -> None:
    """End the turn of this mark, unless it has ended; empty where a model of that name bears none."""
    from mlflow.exceptions import MlflowException

    if not _has(client, mark):
        return
    try:
        client.delete_registered_model(NAME)
    except MlflowException:
        if _has(client, mark):
            raise


def _live(client: "MlflowClient", mark: str, over: threading.Event) -> None:
    """Say that we live, for as long as the turn is ours: whoever has it next may be dead."""
    from mlflow.exceptions import MlflowException

    beat = 0
    while not over.wait(BEAT_SECONDS):
        beat += 1
        with suppress(MlflowException):  # whoever waits cannot ask a server that is gone either
            if not _has(client, mark):
                return
            client.set_registered_model_tag(NAME, BEAT, str(beat))


def _give_back(client: "MlflowClient", mark: str) -> None:
    with answering(client.tracking_uri):
        if not _has(client, mark):
            raise TurnLost(
                f"this publisher lost its turn at {shown(client.tracking_uri)}: it had said nothing for "
                f"{DEAD_SECONDS:.0f} seconds, as when its machine sleeps, or {NAME!r} was removed. Another may have "
                "written meanwhile: run it again, what is there already stays"
            )
        _remove(client, mark)
