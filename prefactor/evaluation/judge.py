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
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from prefactor.errors import InputError

OURS = ("model", "messages", "stream", "n")  # of a request: not for `options` to set
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LONGEST_ANSWER = 1_000_000  # bytes
CHUNK = 65_536
REFUSED = {
    **dict.fromkeys((301, 302, 303, 307, 308), "give the address that it redirects to: none is followed"),
    401: "check the key in the environment variable that key_variable names",
    403: "check the key in the environment variable that key_variable names",
    404: "check url, which usually ends in /v1, and model",
    400: "check model, and options, not all of which every model takes",
    429: "wait, or choose an endpoint with a larger allowance",
}
NOT_A_CHAT = "check that url is the base of an OpenAI-compatible API, usually ending in /v1"


@dataclass(frozen=True)
class JudgeParameters:
    """A judge model.

    url           base of the API, e.g. http://127.0.0.1:8000/v1; texts of the data are sent there
    model         its name there
    key_variable  name of the environment variable that holds the key; None for an endpoint without one
    timeout       seconds for one answer
    options       further fields of a request, e.g. max_completion_tokens for models that do not know max_tokens
    """

    url: str
    model: str
    key_variable: str | None = None
    timeout: float = 120.0
    options: Mapping[str, Any] = field(default_factory=lambda: {"temperature": 0.0, "max_tokens": 200})

    def __post_init__(self) -> None:
        _check_url(self.url)
        if not self.model.strip():
            raise ValueError("model is empty: name a model that the endpoint serves")
        if self.key_variable is not None and not re.fullmatch(r"[A-Za-z_]\w*", self.key_variable, re.ASCII):
            # what it holds may be the key itself, so it is not repeated
            raise ValueError("key_variable must be the name of an environment variable that holds the key, not the key")
        if not 0 < self.timeout <= 3600:
            raise ValueError(f"timeout must be above 0 and at most 3600 seconds, got {self.timeout}")
        taken = sorted(set(self.options) & set(OURS))
        if taken:
            raise ValueError(f"options must not set {', '.join(taken)}: leave them out")


@dataclass(frozen=True)
class Judge:
    """An endpoint that can be asked; InputError at once if its key is missing."""

    parameters: JudgeParameters

    def __post_init__(self) -> None:
        self._headers()

    @property
    def address(self) -> str:
        """Where questions are sent."""
        return f"{self.parameters.url.rstrip('/')}/chat/completions"

    def ask(self, question: str) -> str:
        """The answer's text. InputError, with the url and the fix, for anything else than an answer in time."""
        body = {
            **self.parameters.options,
            "model": self.parameters.model,
            "messages": [{"role": "user", "content": question}],
        }
        request = urllib.request.Request(self.address, json.dumps(body).encode(), self._headers(), method="POST")
        deadline = time.monotonic() + self.parameters.timeout
        try:
            with _opener(self.address).open(request, timeout=self.parameters.timeout) as response:
                return self._text(self._read(response, deadline))
        except HTTPError as error:
            error.close()
            fix = REFUSED.get(error.code, "see the endpoint's own log, or try again later")
            raise self._fault(f"answered with HTTP status {error.code}", fix) from None
        except TimeoutError:
            raise self._late() from None
        except (OSError, HTTPException, UnicodeError) as error:
            if isinstance(getattr(error, "reason", None), TimeoutError):
                raise self._late() from None
            raise self._fault(f"cannot be asked ({type(error).__name__})", "start it, or mend url") from None

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        name = self.parameters.key_variable
        if name is None:
            return headers
        key = os.environ.get(name, "").strip()
        if not key:
            raise self._fault(f"needs the environment variable {name}, which is not set", "set it to the key")
        if not re.fullmatch(r"[!-~]+", key):  # http.client would repeat such a key in its error
            raise self._fault(f"needs a key of ASCII letters, digits and signs in {name}", "set it to the key alone")
        return {**headers, "Authorization": f"Bearer {key}"}

    def _read(self, response: HTTPResponse, deadline: float) -> bytes:
        """All of a response that is neither too long nor, byte by byte, too slow."""
        found = b""
        while chunk := response.read1(CHUNK):
            found += chunk
            if len(found) > LONGEST_ANSWER:
                raise self._fault(f"answered more than {LONGEST_ANSWER:,} bytes", NOT_A_CHAT)
            if time.monotonic() > deadline:
                raise self._late()
        return found

    def _text(self, answer: bytes) -> str:
        try:
            text = json.loads(answer)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise self._fault("answered something else than a chat completion", NOT_A_CHAT) from None
        if not isinstance(text, str):
            raise self._fault("answered without a text", "choose another model, or a larger max_tokens in options")
        return text

    def _late(self) -> InputError:
        return self._fault(f"did not answer within {self.parameters.timeout:g} s", "raise timeout, or see that it runs")

    def _fault(self, what: str, fix: str) -> InputError:
        return InputError(f"the judge at {self.address} {what}: {fix}; portrait.judge: null asks none")


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
