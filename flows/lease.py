"""A lease on one slot of a Prefect limit: taken where one is free, renewed beside the work, and given back.

Prefect's own `concurrency` waits in one queue per process, asks again only when the server tells it to, up to 39 s
later and for ever, and stops renewing at the third failure: a slot whose holder was killed then keeps everybody for
minutes, and a server that restarts loses those that are held.
"""

import contextvars
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

LEASE_SECONDS = 60.0  # Prefect's shortest: so long a slot stays taken after whoever held it was killed
SECONDS_BETWEEN_RENEWALS = 15.0
SECONDS_TO_END = 2.0
logger = logging.getLogger(__name__)


def take(client: "SyncPrefectClient", name: str) -> UUID | None:
    """The lease on a slot of a limit that exists; None if all are taken.

    Raises httpx.HTTPError where the server does not answer. It may have given a slot all the same: nobody renews that.
    """
    import httpx

    try:
        answer = client.increment_concurrency_slots_with_lease(
            names=[name], slots=1, mode="concurrency", lease_duration=LEASE_SECONDS
        )
    except httpx.HTTPStatusError as error:
        if error.response.status_code == HTTPStatus.LOCKED:
            return None
        raise
    return UUID(answer.json()["lease_id"])


@contextmanager
def renewed(client: "SyncPrefectClient", lease: UUID) -> Iterator[None]:
    """Keep a lease up for the block; a server that does not answer is asked again, and does not end the work."""
    ended = threading.Event()
    context = contextvars.copy_context()  # for the run's log
    thread = threading.Thread(
        target=context.run, args=(_renew, client, lease, ended), daemon=True, name=f"lease-{lease}"
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(SECONDS_TO_END)


def give_back(client: "SyncPrefectClient", lease: UUID) -> None:
    """Free the slot; a server that does not answer takes it back itself when the lease is up."""
    try:
        client.release_concurrency_slots_with_lease(lease)
    except Exception as error:
        if not is_gone(error):
            raise
        logger.warning("the Prefect server did not take back a slot: %s", error)


def is_gone(error: BaseException | None) -> bool:
    """Whether an error comes from a server that does not answer, is not there, or has no database."""
    import httpx

    while error is not None:
        if isinstance(error, httpx.TransportError):
            return True
        if isinstance(error, httpx.HTTPStatusError) and error.response.is_server_error:
            return True
        error = error.__cause__ or error.__context__
    return False


def _renew(client: "SyncPrefectClient", lease: UUID, ended: threading.Event) -> None:
    import httpx

    while not ended.wait(SECONDS_BETWEEN_RENEWALS):
        try:
            client.renew_concurrency_lease(lease, LEASE_SECONDS)
        except Exception as error:
            if ended.is_set():  # and its client may be closed
                return
            logger.warning("a slot was not renewed: %s", error)
            if isinstance(error, httpx.HTTPStatusError) and error.response.status_code == HTTPStatus.GONE:
                return  # somebody else may have it by now
