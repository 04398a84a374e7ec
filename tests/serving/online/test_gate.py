"""Who is let in, and how many at once."""

import asyncio

import pytest

from prefactor.errors import InputError
from prefactor.serving.online.gate import is_loopback
from prefactor.serving.online.keys import make_key
from prefactor.serving.online.settings import Settings
from tests.serving.online.world import HashBackbone, calling, make_service

ASK = {"prompt": "q", "responses": ["one", "two"]}


def with_service(work, **settings):
    async def main():
        service = make_service()
        try:
            return await work(calling(service, Settings(**settings)), service)
        finally:
            service.close()

    return asyncio.run(main())


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys"
    return path, make_key(path, "ada"), make_key(path, "ben")


def bearing(key):
    return {"Authorization": f"Bearer {key}"}


def test_a_key_is_asked_for_but_for_health_and_pages(keys):
    path, ada, _ = keys

    async def work(call, service):
        statuses = []
        for headers in (
            {},
            {"Authorization": ada},
            {"Authorization": "Basic x"},
            bearing(""),
            bearing(f"{ada}x"),
            bearing(ada),
        ):
            statuses.append((await call.post("/v1/rank", ASK, headers=headers)).status_code)
        closed = [(await call("GET", path)).status_code for path in ("/v1/model", "/metrics", "/healthy")]
        opened = [
            (await call("GET", path)).status_code
            for path in ("/health", "/health/live", "/health/ready", "/docs", "/openapi.json")
        ]
        refused = await call.post("/v1/rank", ASK)
        document = (await call("GET", "/openapi.json")).json()
        return statuses, closed, opened, refused, document

    statuses, closed, opened, refused, document = with_service(work, keys=path)
    assert statuses == [401, 401, 401, 401, 403, 200] and closed == [401] * 3 and opened == [200] * 5
    assert refused.headers["WWW-Authenticate"] == "Bearer" and "Authorization: Bearer KEY" in refused.json()["error"]
    assert document["paths"]["/v1/rank"]["post"]["security"] == [{"key": []}]
    assert "security" not in document["paths"]["/health"]["get"]


def test_a_key_file_at_fault_lets_nothing_start(keys):
    path, *_ = keys
    path.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        with_service(lambda call, service: None, keys=path)


def test_each_key_has_a_rate_of_its_own(keys):
    path, ada, ben = keys

    async def work(call, service):
        return [await call.post("/v1/rank", ASK, headers=bearing(key)) for key in (ada, ada, ada, ben)]

    answers = with_service(work, keys=path, rate="2/minute")
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 61 and "ada may send 2/minute" in answers[2].json()["error"]


def test_without_keys_only_names_of_this_machine_are_answered_to():
    async def work(call, service):
        hosts = ("service", "localhost:8080", "evil.example", "[::1]:8080", "")
        return [(await call.post("/v1/rank", ASK, headers={"Host": host})).status_code for host in hosts]

    assert with_service(work, hosts=("localhost", "[::1]")) == [421, 200, 421, 200, 421]


def test_more_than_can_be_worked_on_is_refused_at_once_and_room_comes_back():
    async def work(call, service):
        gate = asyncio.Event()

        async def waiting(*arguments):
            await gate.wait()
            return await Service.rank(service, *arguments)

        Service = type(service)
        service.rank = waiting
        tasks = [asyncio.create_task(call.post("/v1/rank", ASK)) for _ in range(2)]
        await asyncio.sleep(0.05)
        refused, health = await call.post("/v1/rank", ASK), await call("GET", "/health/live")
        gate.set()
        first = [answer.status_code for answer in await asyncio.gather(*tasks)]
        return first, refused, health, await call.post("/v1/rank", ASK)

    first, refused, health, after = with_service(work, concurrent=2)
    assert first == [200, 200] and health.status_code == after.status_code == 200
    assert refused.status_code == 503 and refused.headers["Retry-After"]


def test_what_takes_too_long_is_broken_off():
    class Slow(HashBackbone):
        def encode(self, *arguments, **more):
            import time

            time.sleep(0.2)
            return super().encode(*arguments, **more)

    async def work(call, service):
        service.current.texts.backbone = Slow()
        return await call.post("/v1/rank", ASK)

    answer = with_service(work, seconds=0.05)
    assert answer.status_code == 503 and "took too long" in answer.json()["error"]


@pytest.mark.parametrize(
    ("host", "whether"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("a.b", False),
    ],
)
def test_which_addresses_are_this_machines_alone(host, whether):
    assert is_loopback(host) == whether


@pytest.mark.parametrize(
    "settings", [{"body_bytes": 0}, {"concurrent": 0}, {"seconds": 0.0}, {"rate": "often"}, {"texts": -1}]
)
def test_settings_at_fault_are_refused(settings):
    with pytest.raises(InputError):
        Settings(**settings)
