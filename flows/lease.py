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
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

LEASE_SECONDS = 60.0  # Prefect's shortest: so long a slot stays taken after whoever held it was killed
SECONDS_BETWEEN_RENEWALS = 15.0
SECONDS_BETWEEN_LOOKS = 0.5  # for a slot in place of one that was lost, as often as those who wait
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
def held(client: "SyncPrefectClient", name: str, lease: UUID) -> Iterator[None]:
    """Keep a slot for the block and give it back after; a server that does not answer does not end the work.

    A lease that was up before the server answered again is lost, to somebody else perhaps. The work goes on and takes
    a slot anew, from among those who wait for one.
    """
    holder = _Holder(client, name, lease)
    context = contextvars.copy_context()  # for the run's log
    thread = threading.Thread(target=context.run, args=(holder.keep,), daemon=True, name=f"lease-{lease}")
    thread.start()
    try:
        yield
    finally:
        holder.ended.set()
        thread.join(SECONDS_TO_END)
        holder.give_back()


@dataclass
class _Holder:
    """Of one slot ``name``; ``lease`` is None while there is none."""

    client: "SyncPrefectClient"
    name: str
    lease: UUID | None
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self) -> None:
        """Renew until the work has ended."""
        while not self.ended.wait(SECONDS_BETWEEN_LOOKS if self.lease is None else SECONDS_BETWEEN_RENEWALS):
            try:
                if self.lease is None or not self._renewed(self.lease):
                    self._take()
            except Exception as error:
                if self.ended.is_set():  # and the client may be closed
                    return
                logger.warning("the slot %r was not renewed: %s", self.name, error)

    def give_back(self) -> None:
        """Free what is held, once."""
        with self.lock:
            lease, self.lease = self.lease, None
        if lease is not None:
            _give_back(self.client, lease)

    def _renewed(self, lease: UUID) -> bool:
        """Whether it was still ours."""
        import httpx

        try:
            self.client.renew_concurrency_lease(lease, LEASE_SECONDS)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != HTTPStatus.GONE:
                raise
            logger.warning(
                "the slot %r was lost while the server was away: going on without, until one is free", self.name
            )
            self.lease = None
            return False
        return True

    def _take(self) -> None:
        self.lease = take(self.client, self.name)
        if self.lease is not None:
            logger.info("a slot %r is held again", self.name)
        if self.ended.is_set():  # while the server thought about it
            self.give_back()


def _give_back(client: "SyncPrefectClient", lease: UUID) -> None:
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
