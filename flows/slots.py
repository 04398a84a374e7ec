"""Slots that heavy work holds while it runs: as many GPUs and cores as the machines have, whoever asks.

A slot is one of a global concurrency limit of the Prefect server, so that flows of all processes and machines share
them. `python -m flows.slots --gpu 1 --core 2` says how many there are; without that, work that needs one is refused.
"""

import argparse
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, get_args

from prefactor.errors import InputError

SLOTS = Literal["gpu", "core"]
KINDS: tuple[SLOTS, ...] = get_args(SLOTS)
LEASE_SECONDS = 60.0  # Prefect's shortest: so long a slot stays taken after whoever held it was killed
SECONDS_OF_PATIENCE, SECONDS_BETWEEN_TRIES = 600.0, 5.0  # with a server that is being restarted
# What a server needs so that its restart returns the slots that were held, and that nobody waits long for a free one.
SERVER_SETTINGS = {
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_CONCURRENCY_MAXIMUM_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
}
logger = logging.getLogger(__name__)


def kind_of_slot() -> SLOTS:
    """What work on this machine needs: a GPU where there is one, else a core."""
    import torch

    return "gpu" if torch.cuda.is_available() else "core"


@contextmanager
def slot(kind: SLOTS) -> Iterator[None]:
    """Hold one slot for the block, waiting until one is free.

    Raises InputError where nobody has said how many there are, or none. A server that is gone is waited for, minutes,
    and while the slot is held it does not end the work: the slot is free again when its lease is up.
    """
    held = _taken(kind)
    try:
        yield
    finally:
        _give_back(held, kind)


def count_slots(kind: SLOTS) -> int:
    """How many slots there are. Raises InputError if that was never said, or none may be taken."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            found = client.read_global_concurrency_limit_by_name(kind)
        except ObjectNotFound:
            raise InputError(f"there is no limit {kind!r} on the Prefect server: {_fix(kind)}") from None
    if not found.active or found.limit < 1:
        what = f"allows {found.limit} slots" if found.active else "is switched off"
        raise InputError(f"the limit {kind!r} on the Prefect server {what}: {_fix(kind)}")
    return found.limit


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


def _taken(kind: SLOTS) -> AbstractContextManager[None]:
    """A slot that is held until it is left."""
    from prefect.concurrency.sync import concurrency

    deadline = time.monotonic() + SECONDS_OF_PATIENCE
    while True:
        held = concurrency(
            kind, occupy=1, strict=True, lease_duration=LEASE_SECONDS, raise_on_lease_renewal_failure=False
        )
        try:
            count_slots(kind)
            held.__enter__()
            return held
        except Exception as error:
            if not _is_gone(error) or time.monotonic() > deadline:
                raise
            logger.warning("waiting for the Prefect server, which does not answer: %s", error)
            time.sleep(SECONDS_BETWEEN_TRIES)


def _give_back(held: AbstractContextManager[None], kind: SLOTS) -> None:
    """Free the slot; a server that does not answer takes it back itself when the lease is up."""
    try:
        held.__exit__(None, None, None)
    except Exception as error:
        if not _is_gone(error):
            raise
        logger.warning("the Prefect server did not take back a slot %r: %s", kind, error)


def _is_gone(error: BaseException | None) -> bool:
    """Whether an error comes from a server that does not answer, or is not there."""
    import httpx

    while error is not None:
        if isinstance(error, httpx.TransportError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _fix(kind: SLOTS) -> str:
    return f"say how many there are with `python -m flows.slots --{kind} N`"


def _said(kind: SLOTS) -> str:
    try:
        return f"{count_slots(kind)} slots"
    except InputError as error:
        return str(error)


if __name__ == "__main__":
    main()
