"""Texts that wait together are read together, once each, and only for who still waits."""

import asyncio
import threading

import numpy as np
import pytest

from prefactor.serving.online import embedding
from prefactor.serving.online.embedding import Embedder
from prefactor.serving.online.failures import Failure
from prefactor.serving.online.texts import TextStates
from tests.serving.online.world import HashBackbone


class SlowBackbone(HashBackbone):
    """Reads only when told to go on; fails on a text that says so."""

    def __init__(self):
        super().__init__()
        self.go = threading.Semaphore(0)

    def encode(self, prompts, responses, progress=None):
        assert self.go.acquire(timeout=10)
        if "bad" in responses:
            raise ValueError("a state that is no number")
        return super().encode(prompts, responses)


def texts(*numbers):
    return [("p", f"text {number}") for number in numbers]


def world(most=100):
    backbone = SlowBackbone()
    return backbone, TextStates(backbone, [], 100), Embedder(most)


async def started(embedder, reader, *wanted):
    """Requests in the order of their arrival."""
    tasks = []
    for one in wanted:
        tasks.append(asyncio.create_task(embedder.read(reader, one)))
        await asyncio.sleep(0.01)
    return tasks


def test_what_waits_together_is_read_together_once_each():
    async def main():
        backbone, reader, embedder = world()
        tasks = await started(embedder, reader, texts(0, 1), texts(1, 2), texts(3), texts(2, 0))
        assert len(embedder) == 4
        backbone.go.release(9)
        batches = await asyncio.gather(*tasks)
        embedder.close()
        return backbone, batches

    backbone, batches = asyncio.run(main())
    assert [sorted(text for _, text in call) for call in backbone.calls] == [["text 0", "text 1"], ["text 2", "text 3"]]
    for wanted, batch in zip((texts(0, 1), texts(1, 2), texts(3), texts(2, 0)), batches, strict=True):
        np.testing.assert_array_equal(batch.states, HashBackbone().encode(*zip(*wanted, strict=True)).states)


def test_a_long_request_does_not_keep_later_ones_waiting_for_all_of_it(monkeypatch):
    monkeypatch.setattr(embedding, "AT_ONCE", 2)

    async def main():
        backbone, reader, embedder = world()
        await started(embedder, reader, texts(*range(7)))
        backbone.go.release(9)
        await embedder.read(reader, texts(9))
        embedder.close()
        return [len(call) for call in backbone.calls]

    assert asyncio.run(main()) == [2, 2, 2, 2]


def test_too_many_waiting_texts_are_refused_but_one_large_request_is_not():
    async def main():
        backbone, reader, embedder = world(most=3)
        [first] = await started(embedder, reader, texts(*range(5)))
        with pytest.raises(Failure) as refused:
            await embedder.read(reader, texts(7))
        backbone.go.release(9)
        await first
        await embedder.read(reader, texts(7))
        embedder.close()
        return refused.value

    failure = asyncio.run(main())
    assert failure.status == 503 and int(failure.headers["Retry-After"]) >= 1 and "5 texts wait" in failure.message


def test_what_nobody_waits_for_any_more_is_not_read():
    async def main():
        backbone, reader, embedder = world()
        tasks = await started(embedder, reader, texts(0), texts(1, 2), texts(2))
        tasks[1].cancel()
        await asyncio.gather(tasks[1], return_exceptions=True)
        backbone.go.release(9)
        await tasks[2]
        assert len(embedder) == 0
        embedder.close()
        return backbone.calls

    assert asyncio.run(main()) == [texts(0), texts(2)]


def test_who_leaves_takes_no_later_job_of_the_same_text_along(monkeypatch):
    monkeypatch.setattr(embedding, "AT_ONCE", 1)

    async def main():
        backbone, reader, embedder = world()
        [first] = await started(embedder, reader, texts(0, 1))
        backbone.go.release()
        while len(embedder) > 1:
            await asyncio.sleep(0.001)
        [again] = await started(embedder, reader, texts(0))  # it was read, and is no longer remembered
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        backbone.go.release(9)
        batch = await asyncio.wait_for(again, 5)
        embedder.close()
        return batch

    assert len(asyncio.run(main()).states) == 1


def test_an_error_is_told_to_all_who_wait_and_to_nobody_later():
    async def main():
        backbone, reader, embedder = world()
        tasks = await started(embedder, reader, texts(0), [("p", "bad"), *texts(1)], texts(1))
        backbone.go.release(9)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        again = await embedder.read(reader, texts(1))
        embedder.close()
        return outcomes, again

    (good, bad, beside), again = asyncio.run(main())
    assert isinstance(bad, ValueError) and isinstance(beside, ValueError)
    assert len(good.states) == len(again.states) == 1
