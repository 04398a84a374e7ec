"""What is kept of every request: a line in the log, counts and times; and an answer whatever happens."""

import re
import time
import uuid
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prefactor.serving.online.bodies import Problem
from prefactor.serving.online.failures import Failure, failure_of
from prefactor.serving.online.logs import where
from prefactor.serving.online.metrics import Metrics

HEADER = "X-Request-ID"
GOOD_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
ELSEWHERE = "elsewhere"  # the route of a path that there is not
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CLOSED = 499  # the status of a request whose caller has gone, in the log alone


class Record:
    """ASGI middleware around all others. A request's id is the caller's, where it is a good one, or made here."""

    def __init__(self, app: ASGIApp, log: Any, metrics: Metrics) -> None:
        self._app = app
        self._log = log
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        given = Headers(scope=scope).get(HEADER, "")
        number = given if GOOD_ID.fullmatch(given) else uuid.uuid4().hex
        state = scope.setdefault("state", {})
        state["request"] = number
        started, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[HEADER] = number
                headers["Cache-Control"] = "no-store"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            failure = self._failed(error, number)
            if status == 0:  # else an answer has begun, and cannot be taken back
                await problem(failure, number)(scope, receive, sending)
        finally:
            self._done(scope, state, status, time.perf_counter() - started)

    def _failed(self, error: Exception, number: str) -> Failure:
        failure = failure_of(error)
        if failure.status == 500:
            self._log.error("broken", request=number, error=type(error).__name__, where=where(error))
        return failure

    def _done(self, scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", None) or ELSEWHERE
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        self._metrics.requests.labels(method, route, status or CLOSED).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if route.startswith("/health"):
            return
        more = {name: state[name] for name in ("caller", "user", "model") if name in state}
        milliseconds = round(1000 * seconds, 2)
        self._log.info(
            "request",
            request=state["request"],
            method=method,
            route=route,
            status=status or CLOSED,
            ms=milliseconds,
            **more,
        )


def problem(failure: Failure, number: str) -> JSONResponse:
    """A failure as the service says it."""
    body = Problem(error=failure.message, request=number).model_dump()
    return JSONResponse(body, failure.status, failure.headers)
