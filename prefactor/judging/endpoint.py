"""A judge model behind an OpenAI-compatible chat-completions endpoint: one question, one answer.

Asked only where parameters name one. Its key is read from the environment when it is needed, and is in no message, file
or log; neither are the endpoint's own error texts, because some repeat the key.
"""

import json
import os
import re
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any, Literal
from urllib.error import HTTPError
from urllib.parse import urlsplit

from prefactor.errors import InputError

Scope = Literal["moment", "question", "endpoint"]

OURS = ("model", "messages", "stream", "n")  # of a request: not for `options` to set
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LONGEST_ANSWER = 1_000_000  # bytes
MOST_TOKENS = 1_000_000_000  # that an answer's `usage` is believed to have counted
CHUNK = 65_536
REFUSED = {
    **dict.fromkeys((301, 302, 303, 307, 308), "give the address that it redirects to: none is followed"),
    401: "check the key in the environment variable that key_variable names",
    403: "check the key in the environment variable that key_variable names",
    404: "check url, which usually ends in /v1, and model",
    400: "check model, and options, not all of which every model takes",
    429: "wait, or choose an endpoint with a larger allowance",
}
PASSING = (408, 425, 429)  # and all of 500 and above
OF_ONE_QUESTION = (400, 413, 414, 422)  # too long, or not to its taste: the next may be answered
NOT_A_CHAT = "check that url is the base of an OpenAI-compatible API, usually ending in /v1"


@dataclass(frozen=True)
class JudgeParameters:
    """A judge model. Its url and model are given here, or by the environment variables that are named here.

    url             base of the API, e.g. http://127.0.0.1:8000/v1; texts of the data are sent there
    model           its name there
    key_variable    name of the environment variable that holds the key; None for an endpoint without one
    timeout         seconds for one answer
    options         further fields of a request, e.g. max_completion_tokens for models that do not know max_tokens
    url_variable    name of the environment variable that holds the url; None where ``url`` says it
    model_variable  name of the environment variable that holds the model's name; None where ``model`` says it
    """

    url: str | None = None
    model: str | None = None
    key_variable: str | None = None
    timeout: float = 120.0
    options: Mapping[str, Any] = field(default_factory=lambda: {"temperature": 0.0, "max_tokens": 200})
    url_variable: str | None = None
    model_variable: str | None = None

    def __post_init__(self) -> None:
        for name in ("url", "model"):
            _check_one_of(name, getattr(self, name), getattr(self, f"{name}_variable"))
        if self.url is not None:
            _check_url(self.url)
        if self.model is not None:
            _check_model(self.model)
        for name in ("key", "url", "model"):
            _check_variable(name, getattr(self, f"{name}_variable"))
        if not 0 < self.timeout <= 3600:
            raise ValueError(f"timeout must be above 0 and at most 3600 seconds, got {self.timeout}")
        taken = sorted(set(self.options) & set(OURS))
        if taken:
            raise ValueError(f"options must not set {', '.join(taken)}: leave them out")


@dataclass(frozen=True)
class Answer:
    """What came back: ``text``, None where the model wrote none, and tokens read and written, None where not told."""

    text: str | None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class NoAnswerError(InputError):
    """A question without an answer.

    reason  in a few words, without url or texts, to be counted by
    scope   what it holds for: this ``moment`` alone, so that asking again may help; this ``question``, so that another
            may be answered; the ``endpoint``, until somebody mends the parameters
    wait    seconds that the endpoint asks to be left alone; None if it says nothing
    """

    def __init__(self, message: str, reason: str, scope: Scope, wait: float | None = None) -> None:
        super().__init__(message)
        self.reason, self.scope, self.wait = reason, scope, wait


@dataclass(frozen=True)
class Judge:
    """An endpoint that can be asked; InputError at once if its key, or anything the environment holds, is missing.

    ``where`` is the key of params.yaml that names the judge, for messages.
    """

    parameters: JudgeParameters
    where: str

    def __post_init__(self) -> None:
        url, _ = self.url, self.model  # what is not set is missed now
        try:
            _check_url(url)
        except ValueError:  # the variable may hold the key by mistake, so what it holds is not repeated
            raise InputError(
                f"{self.where}: the environment variable {self.parameters.url_variable} holds no url of an API: set it "
                "to e.g. http://127.0.0.1:8000/v1"
            ) from None
        self._headers()

    @property
    def url(self) -> str:
        """Base of the API."""
        return self._named("url")

    @property
    def model(self) -> str:
        """The model's name there."""
        return self._named("model")

    @property
    def address(self) -> str:
        """Where questions are sent."""
        return f"{self.url.rstrip('/')}/chat/completions"

    def ask(self, question: str) -> str:
        """The answer's text. NoAnswerError, with the url and the fix, for anything else than an answer in time."""
        text = self.answer(question).text
        if text is None:
            fix = "choose another model, or a larger max_tokens in options"
            raise self._fault("answered without a text", fix, "no text", "question")
        return text

    def answer(self, question: str) -> Answer:
        """The answer to one user message, with tokens. NoAnswerError for anything else than a completion in time."""
        body = {**self.parameters.options, "model": self.model, "messages": messages(question)}
        request = urllib.request.Request(self.address, json.dumps(body).encode(), self._headers(), method="POST")
        deadline = time.monotonic() + self.parameters.timeout
        try:
            with _opener(self.address).open(request, timeout=self.parameters.timeout) as response:
                return self._answer(self._read(response, deadline))
        except HTTPError as error:
            error.close()
            raise self._refusal(error.code, _seconds(error.headers)) from None
        except TimeoutError:
            raise self._late() from None
        except (OSError, HTTPException, UnicodeError) as error:
            if isinstance(getattr(error, "reason", None), TimeoutError):
                raise self._late() from None
            what = f"cannot be asked ({type(error).__name__})"
            raise self._fault(what, "start it, or mend url", "connection failed") from None

    def _named(self, name: str) -> str:
        """``url`` or ``model``: as given, or from the environment."""
        given: str | None = getattr(self.parameters, name)
        if given is not None:
            return given
        variable = getattr(self.parameters, f"{name}_variable")
        value = os.environ.get(variable, "").strip()
        if not value:
            raise InputError(
                f"{self.where} needs the environment variable {variable}, which is not set: set it to the judge's "
                f"{name}; {self.where}: null asks none"
            )
        return value

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        name = self.parameters.key_variable
        if name is None:
            return headers
        key = os.environ.get(name, "").strip()
        if not key:
            what = f"needs the environment variable {name}, which is not set"
            raise self._fault(what, "set it to the key", "no key", "endpoint")
        if not re.fullmatch(r"[!-~]+", key):  # http.client would repeat such a key in its error
            what = f"needs a key of ASCII letters, digits and signs in {name}"
            raise self._fault(what, "set it to the key alone", "no key", "endpoint")
        return {**headers, "Authorization": f"Bearer {key}"}

    def _read(self, response: HTTPResponse, deadline: float) -> bytes:
        """All of a response that is neither too long nor, byte by byte, too slow, nor cut short."""
        found = b""
        while chunk := response.read1(CHUNK):
            found += chunk
            if len(found) > LONGEST_ANSWER:
                raise self._fault(f"answered more than {LONGEST_ANSWER:,} bytes", NOT_A_CHAT, "no completion")
            if time.monotonic() > deadline:
                raise self._late()
        if response.length:  # of what it promised; `read1` does not mind
            raise IncompleteRead(b"", response.length)
        return found

    def _answer(self, answer: bytes) -> Answer:
        try:
            completion = json.loads(answer)
            text = completion["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise self._fault("answered something else than a chat completion", NOT_A_CHAT, "no completion") from None
        usage = completion.get("usage")
        counts = [_count(usage, name) for name in ("prompt_tokens", "completion_tokens")]
        # JSON can hold halves of a character, which no file can
        return Answer(text.encode(errors="replace").decode() if isinstance(text, str) else None, *counts)

    def _refusal(self, status: int, wait: float | None) -> NoAnswerError:
        fix = REFUSED.get(status, "see the endpoint's own log, or try again later")
        scope: Scope = "question" if status in OF_ONE_QUESTION else "endpoint"
        if status in PASSING or status >= 500:
            scope = "moment"
        return self._fault(f"answered with HTTP status {status}", fix, f"HTTP status {status}", scope, wait)

    def _late(self) -> NoAnswerError:
        what = f"did not answer within {self.parameters.timeout:g} s"
        return self._fault(what, "raise timeout, or see that it runs", "no answer in time")

    def _fault(
        self, what: str, fix: str, reason: str, scope: Scope = "moment", wait: float | None = None
    ) -> NoAnswerError:
        message = f"the judge at {self.address} {what}: {fix}; {self.where}: null asks none"
        return NoAnswerError(message, reason, scope, wait)


def messages(question: str) -> list[dict[str, str]]:
    """What is sent for a question: one message of the user's."""
    return [{"role": "user", "content": question}]


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key and the texts are for the named endpoint alone."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(address: str) -> urllib.request.OpenerDirector:
    """Loopback is asked directly, whatever proxy the environment names."""
    handlers: list[urllib.request.BaseHandler] = [_Stay()]
    if urlsplit(address).hostname in LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _seconds(headers: Message) -> float | None:
    """Retry-After, a number of seconds or a date, as seconds from now; None for neither (RFC 9110, 10.2.3).

    Now is when the answer says that it was sent, if it does: the two machines' clocks need not agree.
    """
    header = headers.get("Retry-After", "")
    if re.fullmatch(r"\s*\d{1,9}\s*", header, re.ASCII):
        return float(header)
    if (date := _date(header)) is None:
        return None
    return max(0.0, (date - (_date(headers.get("Date", "")) or datetime.now(UTC))).total_seconds())


def _date(header: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    return date.replace(tzinfo=date.tzinfo or UTC)


def _count(usage: object, name: str) -> int | None:
    """A count of tokens, if an answer's ``usage`` holds one that can be one."""
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if type(count) is int and 0 <= count <= MOST_TOKENS else None


def _check_one_of(name: str, value: str | None, variable: str | None) -> None:
    if (value is None) == (variable is None):
        state = "missing" if value is None else f"given beside {name}_variable"
        raise ValueError(f"{name} is {state}: give either {name}, or {name}_variable, an environment variable's name")


def _check_variable(name: str, variable: str | None) -> None:
    if variable is not None and not re.fullmatch(r"[A-Za-z_]\w*", variable, re.ASCII):
        # what it holds may be the key itself, so it is not repeated
        what = f"the {name}, not the {name}"
        raise ValueError(f"{name}_variable must be the name of an environment variable that holds {what}")


def _check_model(model: str) -> None:
    if not model.strip():
        raise ValueError("model is empty: name a model that the endpoint serves")


def _check_url(url: str) -> None:
    """Refuse what is no plain address; what may hold a key is not repeated."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"url is malformed ({error}): give e.g. http://127.0.0.1:8000/v1") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("url must hold no user, key, query or fragment: put the key into an environment variable")
    if parts.scheme not in ("http", "https") or not host or not re.fullmatch(r"[!-~]+", url):
        raise ValueError(f"url must be http:// or https:// with a host, got {url!r}")
