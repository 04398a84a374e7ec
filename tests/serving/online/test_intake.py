"""Bodies: their type, their length however they come, and their pace."""

import asyncio
import json

import pytest

from prefactor.serving.online import intake
from prefactor.serving.online.settings import Settings
from tests.serving.online.world import calling, make_service

JSON = {"Content-Type": "application/json"}
ASK = json.dumps({"prompt": "q", "responses": ["one", "two"]}).encode()


def sent(content, headers=JSON, **settings):
    async def main():
        service = make_service()
        try:
            return await calling(service, Settings(**settings))("POST", "/v1/rank", content=content, headers=headers)
        finally:
            service.close()

    return asyncio.run(main())


async def pieces(whole, size, taken=None, pause=0.0):
    for start in range(0, len(whole), size):
        if taken is not None:
            taken.append(start)
        await asyncio.sleep(pause)
        yield whole[start : start + size]


def test_a_body_in_pieces_is_read_whole():
    assert sent(pieces(ASK, 7)).status_code == 200


@pytest.mark.parametrize("extra", [0, 1])
def test_the_limit_holds_to_the_byte_and_for_pieces_too(extra):
    body = ASK + b" " * (1_000 - len(ASK) + extra)
    for content in (body, pieces(body, 100)):
        answer = sent(content, body_bytes=1_000)
        assert answer.status_code == (413 if extra else 200)


def test_what_is_too_long_is_not_read_to_its_end():
    taken = []
    assert sent(pieces(b" " * 100_000, 1_000, taken), body_bytes=5_000).status_code == 413
    assert len(taken) <= 8


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
def test_another_type_is_refused(kind):
    answer = sent(ASK, {"Content-Type": kind})
    assert answer.status_code == 415 and "application/json" in answer.json()["error"]


def test_a_type_with_parameters_is_fine():
    assert sent(ASK, {"Content-Type": "Application/JSON; charset=utf-8"}).status_code == 200


def test_a_body_that_dawdles_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(intake, "SECONDS", 0.05)
    assert sent(pieces(ASK, 10, pause=0.04)).status_code == 408
