"""A Prefect server that does not answer: its page lacks artifacts then, and the work that they show goes on."""

import logging
from collections.abc import Callable
from time import monotonic

SHARE = 10  # after a wait in vain nothing more is shown for as many times what that took

logger = logging.getLogger(__name__)


class Page:
    """Where the artifacts of some work are shown; ``what`` names the work."""

    def __init__(self, what: str) -> None:
        self._what, self._again = what, 0.0

    def try_now(self) -> None:
        """Wait for the server again, however shortly ago that was in vain."""
        self._again = 0.0

    def show(self, work: Callable[[], object]) -> None:
        """Make or change artifacts. Prefect waits a minute for a server that is gone: what comes next is left out."""
        import httpx

        began = monotonic()
        if began < self._again:
            return
        try:
            work()
        except httpx.HTTPError as error:
            ended = monotonic()
            self._again = ended + SHARE * (ended - began)
            logger.warning("the Prefect page lacks artifacts of %s: %s", self._what, error)
