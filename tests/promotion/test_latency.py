"""Requests of a dataset's own texts, and models that are asked in turns."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor import layout
from prefactor.promotion import latency
from prefactor.promotion.latency import race, sample_requests
from prefactor.serving.requests import Request


class Noted:
    """Somebody who is asked."""

    def __init__(self, name: str, said: list) -> None:
        self.name, self.said = name, said

    def answer(self, requests: list[Request]) -> None:
        self.said.append((self.name, requests[0].prompt))


def asked(count: int) -> list[Request]:
    return [Request(prompt=str(number), responses=["a", "b"]) for number in range(count)]


def test_models_take_turns_at_being_first():
    said: list = []
    seconds = race([Noted("old", said), Noted("new", said)], asked(4))
    assert seconds.shape == (2, 4) and (seconds > 0).all()
    timed = said[2 * latency.WARM_UP :]
    assert [name for name, _ in timed] == ["old", "new", "new", "old"] * 2
    assert [prompt for _, prompt in timed] == [str(number) for number in range(4) for _ in range(2)]


def test_slow_models_are_asked_less_but_often_enough(monkeypatch):
    monkeypatch.setattr(latency, "PATIENCE", 0.0)
    assert race([Noted("old", []), Noted("new", [])], asked(90)).shape == (2, latency.LEAST)


def test_every_request_is_of_one_prompt_with_at_least_two_responses(project):
    found = sample_requests(project, "tiny", 20, 4)
    assert len(found) == 20 and all(len(request.responses) == 4 for request in found)
    assert found == sample_requests(project, "tiny", 20, 4)
    assert len({request.prompt for request in found}) == 20
    several = sample_requests(project, "tiny", 999, 3)
    assert {len(request.responses) for request in several} <= {2, 3} and len(several) >= 30


@pytest.mark.parametrize("prompts", [["p", "q", "r"], []])
def test_a_dataset_without_choices_has_no_requests(tmp_path, prompts):
    place = tmp_path / layout.prepared("d")
    place.mkdir(parents=True)
    texts = {"text_id": [f"{n}" for n in range(len(prompts))], "prompt": prompts, "response": ["a"] * len(prompts)}
    pq.write_table(
        pa.table({name: pa.array(values, pa.string()) for name, values in texts.items()}), place / "texts.parquet"
    )
    assert sample_requests(tmp_path, "d", 5, 4) == []


def test_seconds_are_those_of_the_model_that_is_slow():
    class Slow(Noted):
        def answer(self, requests: list[Request]) -> None:
            sum(range(300_000))

    fast, slow = np.median(race([Noted("fast", []), Slow("slow", [])], asked(9)), axis=1)
    assert fast < slow
