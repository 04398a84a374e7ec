"""Reading texts for many requests at once: what waits together is read together, by one thread."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from prefactor.serving.online.failures import later
from prefactor.serving.online.texts import TextStates

AT_ONCE = 32  # texts of one reading: later requests do not wait long for a large one

Text = tuple[str, str]  # prompt, response


@dataclass(eq=False)
class Job:
    """A text that somebody waits for; ``done`` gives its state (H,), and whether it was truncated."""

    reader: TextStates
    text: Text
    done: asyncio.Future[tuple[np.ndarray, bool]]
    waiting: int = 0


@dataclass(frozen=True)
class Batch:
    """States (T, H) and flags (T,) of texts that were read for several requests."""

    states: np.ndarray
    truncated: np.ndarray


class Embedder:
    """A queue of texts and the thread that has them read. To be used from one event loop.

    ``most`` texts may wait; more are refused until some are done. A text that several requests wait for is read once,
    one that nobody waits for any more not at all.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._queue: dict[tuple[int, Text], Job] = {}  # in order of arrival
        self._reading: dict[tuple[int, Text], Job] = {}
        self._thread = ThreadPoolExecutor(1, "embedder")
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Texts that wait, or are being read."""
        return len(self._queue) + len(self._reading)

    async def read(self, reader: TextStates, texts: Sequence[Text]) -> Batch:
        """The states of texts, read in the turn of their arrival. A Failure, 503, where too many wait."""
        if len(self) and len(self) + len(texts) > self._most:
            raise later(f"{len(self)} texts wait to be embedded: try again later")
        jobs = [self._job(reader, text) for text in texts]
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        try:
            found = [await asyncio.shield(job.done) for job in jobs]
        finally:
            self._leave(jobs)
        return Batch(np.stack([state for state, _ in found]), np.array([truncated for _, truncated in found]))

    def close(self) -> None:
        """Read nothing more."""
        self._queue.clear()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _job(self, reader: TextStates, text: Text) -> Job:
        key = (id(reader), text)
        job = self._queue.get(key) or self._reading.get(key)
        if job is None:
            job = self._queue[key] = Job(reader, text, asyncio.get_running_loop().create_future())
        job.waiting += 1
        return job

    def _leave(self, jobs: Sequence[Job]) -> None:
        """Nobody is to be read for who has gone."""
        for job in jobs:
            job.waiting -= 1
            if not job.waiting:
                key = (id(job.reader), job.text)
                if self._queue.get(key) is job:  # one that came after it was read may wait there for others
                    del self._queue[key]
                if job.done.done() and not job.done.cancelled():
                    job.done.exception()  # an error that nobody stayed to hear is none of the loop's

    async def _work(self) -> None:
        while self._queue:
            self._reading = self._next()
            jobs = list(self._reading.values())
            try:
                await self._read(jobs)
            except Exception as error:
                for job in jobs:
                    job.done.set_exception(error)
                    if not job.waiting:
                        job.done.exception()
            finally:
                self._reading = {}

    def _next(self) -> dict[tuple[int, Text], Job]:
        """The texts that come next, of one reader."""
        first = next(iter(self._queue.values())).reader
        keys = [key for key, job in self._queue.items() if job.reader is first][:AT_ONCE]
        return {key: self._queue.pop(key) for key in keys}

    async def _read(self, jobs: Sequence[Job]) -> None:
        prompts, responses = ([job.text[side] for job in jobs] for side in (0, 1))
        loop = asyncio.get_running_loop()
        read = await loop.run_in_executor(self._thread, jobs[0].reader.read, prompts, responses)
        for job, state, truncated in zip(jobs, read.states, read.truncated, strict=True):
            job.done.set_result((state, bool(truncated)))
