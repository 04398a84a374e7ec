"""Slots that heavy work holds while it runs: as many GPUs and cores as the machines have, whoever asks.

A slot is one of a global concurrency limit of the Prefect server, so that flows of all processes and machines share
them. `python -m flows.slots --gpu 1 --core 2` says how many there are; without that, work that needs one is refused.
"""

import argparse
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args
from uuid import UUID

from flows.lease import held, is_gone, take
from prefactor.errors import InputError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SLOTS = Literal["gpu", "core"]
KINDS: tuple[SLOTS, ...] = get_args(SLOTS)
SECONDS_FOR_A_SLOT = 24 * 3600.0  # others may hold them all for long, but something is wrong after a day
SECONDS_FOR_THE_SERVER, SECONDS_BETWEEN_TRIES = 600.0, 5.0  # while it is being restarted
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds between looks at whether a slot is free
# What a server needs so that its restart returns the slots that were held.
SERVER_SETTINGS = {
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}


def kind_of_slot() -> SLOTS:
    """What work on this machine needs: a GPU where there is one, else a core."""
    import torch

    return "gpu" if torch.cuda.is_available() else "core"


@contextmanager
def slot(kind: SLOTS) -> Iterator[None]:
    """Hold one slot for the block, waiting until one is free.

    Raises InputError where nobody has said how many there are, or none, and TimeoutError where none becomes free in a
    day. A server that is gone is waited for, minutes, and while the slot is held it does not end the work.
    """
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client, held(client, kind, _taken(client, kind)):
        yield


def count_slots(kind: SLOTS) -> int:
    """How many slots there are. Raises InputError if that was never said, or none may be taken."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return _count(client, kind)


def set_slots(numbers: Mapping[SLOTS, int]) -> None:
    """Create or change the limits, one after the other."""
    from prefect.client.orchestration import get_client

    for kind, number in numbers.items():
        if number < 0:
            raise InputError(f"--{kind} must be 0 or more, got {number}")
    with get_client(sync_client=True) as client:
        for kind, number in numbers.items():
            client.upsert_global_concurrency_limit_by_name(kind, number)


def main(arguments: list[str] | None = None) -> None:
    """Read the command line; change what was asked for and say what there is now."""
    parser = argparse.ArgumentParser(prog="python -m flows.slots", description=__doc__.partition("\n")[0])
    for kind in KINDS:
        parser.add_argument(
            f"--{kind}", type=int, metavar="N", help=f"slots named {kind!r}; left as it is if not given"
        )
    given = vars(parser.parse_args(arguments))
    try:
        set_slots({kind: given[kind] for kind in KINDS if given[kind] is not None})
    except InputError as error:
        sys.exit(f"slots: {error}")
    for kind in KINDS:
        print(f"{kind}: {_said(kind)}")


def _taken(client: "SyncPrefectClient", kind: SLOTS) -> UUID:
    """The lease on a slot, as soon as one is free."""
    patience = _Patience(kind)
    while True:
        try:
            number = _count(client, kind)  # somebody may change it meanwhile
            lease = take(client, kind)
        except Exception as error:
            if not is_gone(error):
                raise
            patience.server_gone(error)
        else:
            if lease is not None:
                return lease
            patience.none_free(number)


@dataclass
class _Patience:
    """Pauses between tries for a slot, and when there were enough of them; times in seconds of the monotonic clock."""

    kind: SLOTS
    began: float = field(default_factory=time.monotonic)
    gone_since: float | None = None
    pause: float = FIRST_PAUSE
    told: bool = False

    def server_gone(self, error: Exception) -> None:
        """The server does not answer. Raises ``error`` where it did not for too long."""
        now = time.monotonic()
        self.gone_since = now if self.gone_since is None else self.gone_since
        if now - self.gone_since > SECONDS_FOR_THE_SERVER:
            raise error
        _log().warning("waiting for the Prefect server, which does not answer: %s", error)
        time.sleep(SECONDS_BETWEEN_TRIES)

    def none_free(self, number: int) -> None:
        """All are taken. Raises TimeoutError where they were for too long."""
        self.gone_since = None
        waited = time.monotonic() - self.began
        if waited > SECONDS_FOR_A_SLOT:
            raise TimeoutError(
                f"none of {number} slots {self.kind!r} became free in {waited:.0f} s: see what runs, "
                f"or {_fix(self.kind)}"
            )
        if not self.told:
            _log().info("waiting for a slot %r: all %d are taken", self.kind, number)
            self.told = True
        time.sleep(self.pause)
        self.pause = min(2 * self.pause, LONGEST_PAUSE)


def _count(client: "SyncPrefectClient", kind: SLOTS) -> int:
    from prefect.exceptions import ObjectNotFound

    try:
        found = client.read_global_concurrency_limit_by_name(kind)
    except ObjectNotFound:
        raise InputError(f"there is no limit {kind!r} on the Prefect server: {_fix(kind)}") from None
    if not found.active or found.limit < 1:
        what = f"allows {found.limit} slots" if found.active else "is switched off"
        raise InputError(f"the limit {kind!r} on the Prefect server {what}: {_fix(kind)}")
    return found.limit


def _log() -> "logging.Logger | logging.LoggerAdapter[logging.Logger]":
    """Of the run that waits, or of nobody's."""
    from prefect import get_run_logger
    from prefect.exceptions import MissingContextError

    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger(__name__)


def _fix(kind: SLOTS) -> str:
    return f"say how many there are with `python -m flows.slots --{kind} N`"


def _said(kind: SLOTS) -> str:
    try:
        return f"{count_slots(kind)} slots"
    except InputError as error:
        return str(error)


if __name__ == "__main__":
    main()
