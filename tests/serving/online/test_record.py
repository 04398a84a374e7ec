"""What is kept of requests: ids, lines without texts or users, counts; and an answer to whatever breaks."""

import asyncio
import io
import json

from prefactor.serving.online.logs import make_log, pseudonym, uvicorn_logging
from prefactor.serving.online.settings import Settings
from tests.serving.online.world import calling, make_service, pairs

SECRET = b"0123456789abcdef"
ASK = {"prompt": "private prompt", "responses": ["private one", "private two"], "user_id": "private-user"}


def logged(work, folder=None):
    """The lines that a service wrote, and what the work gave."""
    stream = io.StringIO()

    async def main():
        service = make_service(folder)
        try:
            return await work(calling(service, Settings(log_secret=SECRET), log=make_log(stream)), service)
        finally:
            service.close()

    found = asyncio.run(main())
    return [json.loads(line) for line in stream.getvalue().splitlines()], found


def test_a_line_of_json_says_all_but_what_is_somebodys(tmp_path):
    async def work(call, service):
        await call.post("/v1/rank", ASK)
        await call.post("/v1/observe", {"user_id": "private-user", "pairs": pairs(1), "key": "private-key"})
        await call.post("/v1/rank", {**ASK, "private_field": "private value"})
        await call("DELETE", "/v1/users/private-user")
        await call("GET", "/private/path?private=1")
        await call("GET", "/health/live")

    lines, _ = logged(work, tmp_path)
    assert "private" not in json.dumps(lines)
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/v1/rank", 200),
        ("POST", "/v1/observe", 200),
        ("POST", "/v1/rank", 400),
        ("DELETE", "/v1/users/{user_id}", 200),
        ("GET", "elsewhere", 404),
    ]
    assert {line.get("user") for line in lines} == {pseudonym("private-user", SECRET), None}
    assert all(line["ms"] > 0 and line["caller"] == "nobody" and line["timestamp"] for line in lines)


def test_pseudonyms_are_the_same_for_the_same_secret_alone():
    assert pseudonym("ada", SECRET) == pseudonym("ada", SECRET) != pseudonym("ben", SECRET)
    assert pseudonym("ada", b"other") != pseudonym("ada", SECRET) and "ada" not in pseudonym("ada", SECRET)


def test_a_good_request_id_is_kept_and_any_other_replaced():
    async def work(call, service):
        given = ("job-7.a_B", "x" * 65, "a b", "new\u00e9", "")
        headers = [{"X-Request-ID": name.encode()} for name in given]
        return [(await call("GET", "/v1/model", headers=one)).headers["X-Request-ID"] for one in headers]

    lines, found = logged(work)
    assert found[0] == "job-7.a_B" and all(len(number) == 32 for number in found[1:]) and len(set(found)) == 5
    assert [line["request"] for line in lines] == found


def test_what_breaks_is_answered_and_logged_without_its_words(tmp_path):
    async def work(call, service):
        async def breaking(request):
            raise KeyError(request.prompt)

        service.rank = breaking
        broken = await call.post("/v1/rank", ASK)
        return broken, await call("GET", "/metrics")

    lines, (broken, metrics) = logged(work)
    assert broken.status_code == 500 and "private" not in broken.text and "private" not in json.dumps(lines)
    assert lines[0]["error"] == "KeyError" and any("breaking" in place for place in lines[0]["where"])
    assert lines[0]["request"] == lines[1]["request"] == broken.json()["request"]
    assert 'status="500"} 1.0' in metrics.text


def test_answers_are_nobody_elses_to_keep():
    async def work(call, service):
        return (await call.post("/v1/rank", ASK)).headers

    _, headers = logged(work)
    assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"


def test_counts_know_no_more_routes_and_methods_than_there_are():
    async def work(call, service):
        for number in range(5):
            await call("GET", f"/nowhere/{number}")
            await call(f"METHOD{number}", "/v1/rank")
        return (await call("GET", "/metrics")).text

    _, text = logged(work)
    assert len([line for line in text.splitlines() if line.startswith("prefactor_requests_total")]) == 2


def test_the_servers_own_lines_are_json_too():
    import logging.config

    settings = uvicorn_logging()
    stream = settings["handlers"]["stderr"]["stream"] = io.StringIO()
    before = logging.getLogger("uvicorn").handlers[:]
    logging.config.dictConfig(settings)
    try:
        logging.getLogger("uvicorn.error").info("Started server process [%d]", 7, extra={"color_message": "red"})
    finally:
        logging.getLogger("uvicorn").handlers[:] = before
    line = json.loads(stream.getvalue())
    assert line["event"] == "Started server process [7]" and line["level"] == "info" and "color_message" not in line
