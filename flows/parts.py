"""Many tasks of one kind, wherever they run: all are tried, a board follows them, and the first failure is raised."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast
from uuid import UUID

from prefect import Task, flow
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from flows.runners import runner

T = TypeVar("T")


class PartBoard:
    """The progress bar of work that is done in parts, counted in ``unit``; ``total`` of them, ``done`` before."""

    def __init__(self, key: str, unit: str, total: int, done: int = 0) -> None:
        self._unit, self._total, self._done = unit, total, done
        bar = create_progress_artifact(self._share, key=key, description=self._words)
        self._bar = cast(UUID, bar)  # a coroutine only where it is called from one

    def advance(self, count: int) -> None:
        """So many more are done."""
        self._done += count
        update_progress_artifact(self._bar, self._share, description=self._words)

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
