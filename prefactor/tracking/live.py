"""A training's loss while it runs, as an MLflow run of its own; nothing unless MLFLOW_TRACKING_URI names a store.

Publishing makes its run of the finished stage's files, whole, and finds it again by their content (``runs``). A live
run is known by the training's name and key in the tags ``prefactor.live`` and ``prefactor.live_key``, has none of
publishing's tags, and is never published, counted or removed by it. A store in trouble stops no training: what it
misses is kept until it answers again.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from prefactor.layout import Cell
from prefactor.tracking.address import redacted
from prefactor.tracking.outage import impatient
from prefactor.tracking.store import connected, experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

LIVE, LIVE_KEY = "prefactor.live", "prefactor.live_key"
STORE = "MLFLOW_TRACKING_URI"
SHARE = 20  # after trouble, a training goes on for as many times what that took before it reports again
LEAST_SECONDS = 5.0  # for as long in any case
MOST = 1000  # points that MLflow takes at once
logger = logging.getLogger(__name__)

Report = Callable[[int, Mapping[str, float]], None]
Point = tuple[str, float, int, int]  # of a curve: name, value, milliseconds since 1970, step


@contextmanager
def live_run(root: Path, cell: Cell, name: str, key: str) -> Iterator[Report | None]:
    """Something to report steps to, or None where no store is named; the run ends as the block does.

    The run is made at the first report. A training that goes on after a kill, known by its ``key``, goes on with its
    unfinished run: a step that is reported again has two points.
    """
    uri = os.environ.get(STORE)
    if not uri:
        yield None
        return
    run = _LiveRun(root, uri, cell, name, key)
    status = "FAILED"
    try:
        yield run.report
        status = "FINISHED"
    finally:
        run.end(status)


class _LiveRun:
    """A run that is made when there is something to say; says once that its store is in trouble."""

    def __init__(self, root: Path, uri: str, cell: Cell, name: str, key: str) -> None:
        self._root, self._uri, self._cell, self._tags = root, uri, cell, {LIVE: name, LIVE_KEY: key}
        self._open: tuple[MlflowClient, str] | None = None
        self._waiting: list[Point] = []
        self._warned, self._again = False, time.monotonic()

    def report(self, step: int, figures: Mapping[str, float]) -> None:
        self._waiting += _points(step, figures)
        if time.monotonic() >= self._again:
            self._guarded(self._send)

    def end(self, status: str) -> None:
        def finish() -> None:
            client, run_id = self._send()
            client.set_terminated(run_id, status)

        if self._waiting or self._open is not None:
            self._guarded(finish)

    def _send(self) -> "tuple[MlflowClient, str]":
        if self._open is None:
            self._open = self._opened()
        client, run_id = self._open
        while self._waiting:
            client.log_batch(run_id, [_metric(point) for point in self._waiting[:MOST]])
            del self._waiting[:MOST]
        return self._open

    def _opened(self) -> "tuple[MlflowClient, str]":
        with connected(self._root, self._uri, alone=False) as client:
            return client, _unfinished(client, self._cell, self._tags) or _new(client, self._cell, self._tags)

    def _guarded(self, work: Callable[[], object]) -> None:
        """Do some work with the store; whatever it raises, the training is worth more."""
        started = time.monotonic()
        try:
            with impatient():  # publishing may wait, a training must not
                work()
        except Exception as error:
            ended = time.monotonic()
            self._again = ended + max(LEAST_SECONDS, SHARE * (ended - started))
            if not self._warned:
                self._warned = True
                logger.warning("MLflow misses some of this training for now: %s", _first_line(error))


def _points(step: int, figures: Mapping[str, float]) -> list[Point]:
    now = int(time.time() * 1000)
    known = {name: value for name, value in figures.items() if name not in ("seed", "step") and value == value}
    return [(name, value, now, step) for name, value in known.items()]


def _metric(point: Point) -> "Metric":
    from mlflow.entities import Metric

    return Metric(*point)


def _first_line(error: Exception) -> str:
    return redacted((str(error).splitlines() or [type(error).__name__])[0])


def _new(client: "MlflowClient", cell: Cell, tags: Mapping[str, str]) -> str:
    name = f"{tags[LIVE]} (live)"
    return client.create_run(experiment(client, cell.dataset), tags={**tags, **asdict(cell)}, run_name=name).info.run_id


def _unfinished(client: "MlflowClient", cell: Cell, tags: Mapping[str, str]) -> str | None:
    """The run of this training that a kill or an error left."""
    tagged = [f"tags.`{tag}` = '{value}'" for tag, value in tags.items()]
    wanted = " and ".join([*tagged, "attributes.status != 'FINISHED'"])
    found = client.search_runs([experiment(client, cell.dataset)], wanted, max_results=1)
    if not found:
        return None
    client.update_run(found[0].info.run_id, status="RUNNING")
    return found[0].info.run_id
