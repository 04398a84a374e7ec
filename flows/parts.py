"""Many tasks of one kind, wherever they run: all are tried, a board follows them, and the first failure is raised."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from prefect import Task, flow

from flows.bar import Bar
from flows.outage import Page
from flows.runners import runner

T = TypeVar("T")


class PartBoard:
    """The progress bar of work that is done in parts, counted in ``unit``; ``total`` of them, ``done`` before.

    A Prefect server that does not answer stops no work.
    """

    def __init__(self, key: str, unit: str, total: int, done: int = 0) -> None:
        self._unit, self._total, self._done = unit, total, done
        self._bar, self._page = Bar(key), Page(key)
        self._page.show(self._show)

    def advance(self, count: int) -> None:
        """So many more are done."""
        self._done += count
        if self._done == self._total:  # its last word
            self._page.try_now()
        self._page.show(self._show)

    def _show(self) -> None:
        self._bar.show(self._share, self._words)

    @property
    def _share(self) -> float:
        return 100.0 * self._done / self._total if self._total else 100.0

    @property
    def _words(self) -> str:
        return f"{self._done:,} of {self._total:,} {self._unit}"


def run_parts(
    name: str, task: "Task[Any, Any]", parts: Sequence[T], where: str, workers: int, done: Callable[[T], None]
) -> list[Any]:
    """Run ``task`` for every part in an inner flow called ``name``; what it returned, in their order.

    ``done`` is told of each part that succeeded. A failure does not keep the others from being done.
    """
    if not parts:
        return []

    # Parts reach the inner flow from around it: parameters would be sent to the server and kept there.
    @flow(name=name, retries=0, persist_result=False, task_runner=runner(where, workers))
    def every_part() -> list[Any]:
        futures = [task.submit(part) for part in parts]
        for part, future in zip(parts, futures, strict=True):
            future.wait()
            if future.state.is_completed():
                done(part)
        return [future.result() for future in futures]

    return every_part()
