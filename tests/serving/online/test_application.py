"""The routes: what they take and refuse, and a document and a page that hold without any other host."""

import asyncio
import json
import re

import pytest

from prefactor.serving.online.settings import Settings
from tests.serving.online.world import calling, make_service, pairs

ASK = {"prompt": "q", "responses": ["one", "two", "three"]}
SEEN = {"user_id": "zoe", "pairs": pairs(1, 2)}


def with_service(work, folder=None, **settings):
    """What a coroutine that calls a service gives."""

    async def main():
        service = make_service(folder)
        try:
            return await work(calling(service, Settings(**settings)))
        finally:
            service.close()

    return asyncio.run(main())


def posted(path, body, folder=None):
    content, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
    return with_service(lambda call: call("POST", path, content=content, headers=headers), folder)


def test_every_route_answers(tmp_path):
    async def work(call):
        found = {}
        for path, body in (("rank", ASK), ("explain", ASK), ("observe", SEEN)):
            found[path] = await call.post(f"/v1/{path}", body)
        for path in ("/v1/model", "/health", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"):
            found[path] = await call("GET", path)
        found["forget"] = await call("DELETE", "/v1/users/zoe")
        return found

    found = with_service(work, tmp_path)
    assert {answer.status_code for answer in found.values()} == {200}
    assert found["rank"].json()["candidates"][0].keys() == {"response", "reward", "std", "rank", "beats"}
    assert found["observe"].json()["user"]["pairs"] == 2 and found["forget"].json() == {"forgotten": True}
    assert found["/v1/model"].json()["backbone"]["model"] == "hash"
    assert found["/health"].json()["model"] == "prefactor-tiny/1"
    assert found["/health"].json() == found["/health/ready"].json() and found["/health"].json()["store"] == "up"
    assert 'prefactor_requests_total{method="POST",route="/v1/rank",status="200"} 1.0' in found["/metrics"].text


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("rank", {**ASK, "usr_id": "u"}, "usr_id is not a known field: did you mean 'user_id'?"),
        ("rank", {"prompt": "q"}, "responses is missing: give 1 to 64 candidate responses"),
        ("rank", {**ASK, "responses": []}, "responses holds 0 candidates: give 1 to 64"),
        ("rank", {**ASK, "responses": ["x", 3]}, "responses[1] must be a string, got 3"),
        ("rank", {**ASK, "prompt": ""}, "prompt is empty: give its text"),
        ("rank", {**ASK, "user_id": "u" * 257}, "user_id has 257 characters: shorten it to at most 256"),
        ("rank", {**ASK, "user_id": "a\0b"}, "user_id holds a null character"),
        (
            "explain",
            {**ASK, "reference": [{**pairs(1)[0], "rejected": "good 1"}]},
            "reference[0] prefers a text to itself",
        ),
        ("observe", {"user_id": "u"}, "pairs is missing"),
        ("observe", {**SEEN, "pairs": []}, "pairs holds 0 pairs: give 1 to 256"),
        ("observe", {**SEEN, "pairs": pairs(*range(257))}, "pairs holds 257 pairs"),
        ("observe", {**SEEN, "pairs": [{"prompt": "p", "chosen": "c"}]}, "pairs[0].rejected is missing"),
        ("observe", {**SEEN, "user_id": " "}, "user_id is empty"),
        ("observe", {**SEEN, "key": "k\0"}, "key holds a null character"),
        ("ask", {"criterion": "luck"}, "criterion must be information, pref or random, or left out, got 'luck'"),
        ("ask", {"n": 0}, "n must be how many pairs"),
        ("ask", {"n": 1.5}, "n must be how many pairs"),
        ("rank", None, "the request must be an object with prompt, responses"),
        ("rank", [ASK], "the request must be an object"),
    ],
)
def test_a_malformed_body_is_refused_with_the_way_to_mend_it(tmp_path, path, body, said):
    answer = posted(f"/v1/{path}", body, tmp_path)
    assert answer.status_code == 400 and said in answer.json()["error"]
    assert answer.json()["request"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "body", [b"{not json", b"\xff\xfe", b"", b'{"prompt": "half \\ud83d"}', b"[" * 10_000, b"NaN1"]
)
def test_what_is_no_json_is_refused(body):
    async def work(call):
        return await call("POST", "/v1/rank", content=body, headers={"Content-Type": "application/json"})

    answer = with_service(work)
    assert answer.status_code == 400 and "the body is not valid JSON" in answer.json()["error"]


def test_an_empty_prompt_is_legal_where_the_dataset_has_them():
    async def work(call):
        return await call.post("/v1/rank", {**ASK, "prompt": ""})

    assert with_service(work).status_code == 400

    async def main():
        service = make_service()
        service.current = type(service.current)(**{**vars(service.current), "empty_prompts": True})
        answer = await calling(service).post("/v1/rank", {**ASK, "prompt": ""})
        service.close()
        return answer

    assert asyncio.run(main()).status_code == 200


def test_what_there_is_not_is_told_with_what_is_near():
    async def work(call):
        return [
            await call(*one)
            for one in (("GET", "/v1/modle"), ("GET", "/v1/rank"), ("GET", "/"), ("DELETE", "/v1/users/"))
        ]

    modle, rank, root, nobody = with_service(work)
    assert modle.status_code == 404 and "did you mean '/v1/model'?" in modle.json()["error"]
    assert rank.status_code == 405 and rank.headers["Allow"] == "POST" and "use POST" in rank.json()["error"]
    assert root.status_code == 404 and nobody.status_code == 400


def test_without_store_or_pool_what_needs_them_says_so():
    async def work(call):
        asked = (
            await call.post("/v1/observe", SEEN),
            await call("DELETE", "/v1/users/zoe"),
            await call.post("/v1/ask", {}),
        )
        return *asked, await call("GET", "/health/ready")

    *failed, ready = with_service(work)
    assert [answer.status_code for answer in failed] == [501] * 3
    assert all("start the service with one" in answer.json()["error"] for answer in failed)
    assert ready.json()["store"] == "none" and ready.status_code == 200


def test_any_user_id_can_be_forgotten(tmp_path):
    names = ["a/b", "ü ✓", "..", "a?b#c", "%2F"]

    async def work(call):
        found = []
        for name in names:
            await call.post("/v1/observe", {**SEEN, "user_id": name})
            quoted = "".join(f"%{byte:02X}" for byte in name.encode())
            found.append((await call("DELETE", f"/v1/users/{quoted}")).json()["forgotten"])
        return found

    assert with_service(work, tmp_path) == [True] * len(names)


def test_the_examples_of_the_document_are_answered(tmp_path):
    async def work(call):
        document = (await call("GET", "/openapi.json")).json()
        schemas, answers = document["components"]["schemas"], {}
        for path, operations in document["paths"].items():
            if (body := operations.get("post", {}).get("requestBody")) is not None:
                name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                [example] = schemas[name]["examples"]
                answers[path] = (await call.post(path, example)).status_code
        return answers

    answers = with_service(work, tmp_path)
    assert answers == {"/v1/rank": 200, "/v1/explain": 200, "/v1/observe": 200, "/v1/ask": 501}, "it has no questions"


def test_the_document_says_all_that_can_be_sent_and_answered(tmp_path):
    async def work(call):
        return (await call("GET", "/openapi.json")).json()

    document = with_service(work)
    routes = {(method, path) for path, operations in document["paths"].items() for method in operations}
    posts = {("post", f"/v1/{name}") for name in ("rank", "explain", "observe", "ask")}
    gets = {("get", path) for path in ("/v1/model", "/health", "/health/live", "/health/ready", "/metrics")}
    assert routes == posts | gets | {("delete", "/v1/users/{user_id}")}
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named <= set(document["components"]["schemas"]) and {"RankBody", "ReferencePair", "Problem"} <= named
    for _, path in posts:
        operation = document["paths"][path]["post"]
        assert operation["requestBody"]["required"] and {"200", "400", "413", "429", "503"} <= set(
            operation["responses"]
        )
    assert "422" not in json.dumps(document)


def test_the_page_needs_no_other_host():
    async def work(call):
        page = await call("GET", "/docs")
        files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        return page, [(name, await call("GET", name)) for name in files]

    page, files = with_service(work)
    assert len(files) == 3 and all(name.startswith("/docs/files/") for name, _ in files)
    assert {answer.status_code for _, answer in files} == {200}
    assert "default-src 'self'" in page.headers["Content-Security-Policy"] and "http" not in page.text.replace(
        "http-", ""
    )
