"""The judge against a stub on loopback: what is sent, what is refused, a key that no message repeats."""

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from prefactor.errors import InputError
from prefactor.judging.endpoint import LONGEST_ANSWER, Answer, Judge, JudgeParameters, NoAnswerError
from prefactor.parameters import build
from tests.stub_judge import Fault, Stub, completion, stub_judge

KEY = "sk-very-secret"


def judge(stub: Stub, **settings: object) -> Judge:
    values = {"url": stub.url, "model": "small", **settings}
    return Judge(build(JudgeParameters, values, "portrait.judge"), "portrait.judge")


def fault_of(stub: Stub, **settings: object) -> NoAnswerError:
    with pytest.raises(NoAnswerError) as found:
        judge(stub, **settings).answer("?")
    return found.value


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
            Judge(JudgeParameters(url, "small"), "portrait.judge").ask("?")


def test_the_place_that_names_the_judge_is_named(stub: Stub) -> None:
    stub.status = 500
    for where in ("portrait.judge", "generation.judge"):
        with pytest.raises(InputError, match=f"; {where}: null asks none$"):
            Judge(JudgeParameters(stub.url, "small"), where).ask("?")


def test_url_and_model_may_come_from_the_environment(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"url": None, "url_variable": "MY_URL", "model": None, "model_variable": "MY_MODEL"}
    monkeypatch.delenv("MY_URL", raising=False)
    with pytest.raises(InputError, match=r"portrait\.judge needs the environment variable MY_URL, which is not set"):
        judge(stub, **named)
    monkeypatch.setenv("MY_URL", KEY)
    monkeypatch.setenv("MY_MODEL", "large\n")
    with pytest.raises(InputError, match="MY_URL holds no url") as found:
        judge(stub, **named)
    assert KEY not in str(found.value)
    monkeypatch.setenv("MY_URL", stub.url)
    assert judge(stub, **named).ask("?") == "Warm & brief"
    assert stub.asked[0][2]["model"] == "large" == judge(stub, **named).model


def test_an_answer_tells_its_tokens_if_it_can(stub: Stub) -> None:
    for usage, read, written in [
        ({"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}, 12, 3),
        ({"prompt_tokens": 12}, 12, None),
        ({"prompt_tokens": -1, "completion_tokens": True}, None, None),
        ({"prompt_tokens": "12", "completion_tokens": 1e400}, None, None),
        ([12, 3], None, None),
        (None, None, None),
    ]:
        stub.body = completion("A", usage)
        assert judge(stub).answer("?") == Answer("A", read, written)


def test_half_a_character_is_replaced(stub: Stub) -> None:
    stub.body = b'{"choices": [{"message": {"content": "A\\ud83d"}}]}'
    assert judge(stub).ask("\ud83d") == "A?"


@pytest.mark.parametrize(
    ("fault", "scope", "reason"),
    [
        *((Fault(status), "moment", f"HTTP status {status}") for status in (408, 429, 500, 502, 503, 529)),
        *((Fault(status), "question", f"HTTP status {status}") for status in (400, 413, 422)),
        *((Fault(status), "endpoint", f"HTTP status {status}") for status in (302, 401, 402, 403, 404, 405)),
        (Fault(cut=True), "moment", "connection failed"),
        (Fault(held_back=10), "moment", "connection failed"),
        (Fault(body=completion("A"), held_back=10), "moment", "connection failed"),
        (Fault(body=completion("A")[:20], held_back=len(completion("A")) - 20), "moment", "connection failed"),
        (Fault(silent=True), "moment", "no answer in time"),
        (Fault(body=completion("A"), pause=0.03), "moment", "no answer in time"),
        (Fault(body=b"<html>"), "moment", "no completion"),
    ],
)
def test_a_fault_says_what_it_holds_for(stub: Stub, fault: Fault, scope: str, reason: str) -> None:
    stub.faults.append(fault)
    found = fault_of(stub, timeout=0.1 if fault.silent or fault.pause else 10)
    assert (found.scope, found.reason, found.wait) == (scope, reason, None)
    assert stub.url in str(found) and judge(stub).ask("?") == "Warm & brief"


def test_an_endpoint_may_say_when_to_come_back(stub: Stub) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    for header, least, most in [("7", 7, 7), ("0", 0, 0), (later, 3500, 3600), ("Mon, 01 Jan 2001 00:00:00 GMT", 0, 0)]:
        stub.faults.append(Fault(429, {"Retry-After": header}))
        wait = fault_of(stub).wait
        assert wait is not None and least <= wait <= most
    for header in ("soon", "-3", "1.5", ""):
        stub.faults.append(Fault(503, {"Retry-After": header}))
        assert fault_of(stub).wait is None


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
        ({"key_variable": KEY}, "name of an environment variable that holds the key, not the key"),
        ({"url": None, "url_variable": "a key"}, "name of an environment variable that holds the url"),
        ({"url_variable": "URL"}, "url is given beside url_variable"),
        ({"url": None}, "url is missing: give either url, or url_variable"),
        ({"model": None}, "model is missing: give either model, or model_variable"),
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
