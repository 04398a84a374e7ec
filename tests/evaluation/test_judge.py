"""The judge against a stub on loopback: what is sent, what is refused, a key that no message repeats."""

import socket
from collections.abc import Iterator

import pytest

from prefactor.errors import InputError
from prefactor.evaluation.judge import LONGEST_ANSWER, Judge, JudgeParameters
from prefactor.parameters import build
from tests.stub_judge import Stub, stub_judge

KEY = "sk-very-secret"


@pytest.fixture
def stub() -> Iterator[Stub]:
    with stub_judge() as server:
        yield server


def judge(stub: Stub, **settings: object) -> Judge:
    return Judge(build(JudgeParameters, {"url": stub.url, "model": "small", **settings}, "portrait.judge"))


def test_a_question_is_one_user_message_with_the_options(stub: Stub) -> None:
    assert judge(stub, options={"max_completion_tokens": 9}).ask("Which one?") == "Warm & brief"
    ((path, headers, body),) = stub.asked
    assert path == "/v1/chat/completions" and "Authorization" not in headers
    question = {"role": "user", "content": "Which one?"}
    assert body == {"model": "small", "messages": [question], "max_completion_tokens": 9}


def test_the_key_comes_from_the_environment(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", f"{KEY}\n")
    judge(stub, key_variable="MY_KEY").ask("?")
    assert stub.asked[0][1]["Authorization"] == f"Bearer {KEY}"


def test_a_missing_key_is_noticed_before_anything_is_asked(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(InputError, match=f"{stub.url}.*environment variable MY_KEY, which is not set"):
        judge(stub, key_variable="MY_KEY")
    assert not stub.asked


@pytest.mark.parametrize("key", [f"{KEY}\r\nHost: other", f"{KEY} \N{SNOWMAN}"])
def test_a_key_that_is_no_header_is_refused_and_not_repeated(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("MY_KEY", key)
    with pytest.raises(InputError, match="ASCII") as found:
        judge(stub, key_variable="MY_KEY")
    assert KEY not in str(found.value) and not stub.asked


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        (401, "check the key"),
        (404, "check url"),
        (400, "check model, and options"),
        (500, "see the"),
    ],
)
def test_a_refusal_names_url_and_fix_and_not_what_the_endpoint_says(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, status: int, fix: str
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    stub.status, stub.body = status, f"your key {KEY} is wrong".encode()
    with pytest.raises(InputError, match=f"{stub.url}/chat/completions answered with HTTP status {status}: {fix}") as e:
        judge(stub, key_variable="MY_KEY").ask("?")
    assert KEY not in str(e.value) and e.value.__cause__ is None


def test_a_redirect_is_not_followed(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with stub_judge() as other:
        stub.status, stub.headers = 302, {"Location": f"{other.url}/chat/completions"}
        with pytest.raises(InputError, match="status 302: give the address that it redirects to"):
            judge(stub, key_variable="MY_KEY").ask("?")
        assert not other.asked


def test_loopback_is_asked_past_a_proxy(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert judge(stub).ask("?") == "Warm & brief"


def test_a_slow_judge_is_given_up(stub: Stub) -> None:
    stub.release.clear()
    with pytest.raises(InputError, match=r"did not answer within 0.2 s: raise timeout"):
        judge(stub, timeout=0.2).ask("?")


def test_nobody_there_is_said_with_the_url() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(InputError, match=f"{url}/chat/completions cannot be asked.*start it, or mend url"):
            Judge(JudgeParameters(url, "small")).ask("?")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": null}]}'])
def test_something_else_than_a_completion_is_refused(stub: Stub, body: bytes) -> None:
    stub.body = body
    with pytest.raises(InputError, match="something else than a chat completion: check that url is the base"):
        judge(stub).ask("?")


def test_an_answer_without_text_or_without_end_is_refused(stub: Stub) -> None:
    stub.say(None)
    with pytest.raises(InputError, match="without a text"):
        judge(stub).ask("?")
    stub.body = b"x" * (LONGEST_ANSWER + 1)
    with pytest.raises(InputError, match="more than 1,000,000 bytes"):
        judge(stub).ask("?")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "file:///etc/passwd"}, "must be http:// or https://"),
        ({"url": "ftp://host/v1"}, "must be http:// or https://"),
        ({"url": "host/v1"}, "must be http:// or https://"),
        ({"url": "http://"}, "must be http:// or https://"),
        ({"url": "http://host/v1\r\nX: y"}, "must be http:// or https://"),
        ({"url": "http://[host/v1"}, "malformed"),
        ({"url": "http://host:port/v1"}, "malformed"),
        ({"url": f"http://me:{KEY}@host/v1"}, "no user, key, query"),
        ({"url": f"http://host/v1?key={KEY}"}, "no user, key, query"),
        ({"key_variable": KEY}, "name of an environment variable"),
        ({"model": " "}, "model is empty"),
        ({"timeout": 0}, "timeout must be above 0"),
        ({"options": {"messages": []}}, "options must not set messages"),
        ({"key": KEY}, "unknown key 'key'"),
    ],
)
def test_wrong_parameters_are_named_and_no_key_repeated(wrong: dict, said: str) -> None:
    with pytest.raises(InputError, match=said) as found:
        build(JudgeParameters, {"url": "http://127.0.0.1:1/v1", "model": "small", **wrong}, "portrait.judge")
    assert KEY not in str(found.value) and str(found.value).startswith("portrait.judge")
