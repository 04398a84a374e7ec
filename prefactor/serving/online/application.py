"""The HTTP face of the service: its routes, and what stands around them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

import prefactor
from prefactor.errors import InputError
from prefactor.parameters import nearest
from prefactor.serving.checking import HALF_CHARACTER, parse_body
from prefactor.serving.online.bodies import (
    MAX_ID,
    SIZES,
    AskBody,
    Asked,
    Explanation,
    Forgotten,
    Live,
    ModelCard,
    ObserveBody,
    Observed,
    RankBody,
    Ranked,
    Ready,
)
from prefactor.serving.online.document import add_pages, failures, request_body
from prefactor.serving.online.failures import Failure
from prefactor.serving.online.gate import Gate
from prefactor.serving.online.intake import read_body
from prefactor.serving.online.logs import make_log, pseudonym
from prefactor.serving.online.record import Record, problem
from prefactor.serving.online.ring import KeyRing
from prefactor.serving.online.service import Service
from prefactor.serving.online.settings import Settings

DESCRIPTION = "Personal reward models: rank candidates for a user, and learn from what the user prefers."
JSON, TEXT = "application/json", "text/plain; version=0.0.4; charset=utf-8"
LET_IN = (401, 403, 421, 429, 503)  # how any request may end before it reaches its route
READ = (400, 408, 413, 415)  # and one with a body while that is read

Body = TypeVar("Body", bound=BaseModel)


class Routes:
    """What the service answers; each method is a route, and its docstring what the document says of it."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service = service
        self._settings = settings

    async def rank(self, request: Request) -> Response:
        """Rank candidate responses for a user, with uncertainty."""
        body = await self._body(RankBody, request)
        return answer(await self._service.rank(body))

    async def explain(self, request: Request) -> Response:
        """Rank, and say what the rewards are made of and what is known of the user."""
        body = await self._body(RankBody, request)
        return answer(await self._service.explain(body))

    async def observe(self, request: Request) -> Response:
        """Add preferences of a user; later answers take them into account."""
        body = await self._body(ObserveBody, request)
        _check_id("key", body.key)
        return answer(await self._service.observe(body))

    async def ask(self, request: Request) -> Response:
        """Choose the pairs whose answers would tell most about a user."""
        body = await self._body(AskBody, request)
        return answer(await self._service.ask(body))

    async def forget(self, user_id: str, request: Request) -> Response:
        """Forget a user for good."""
        self._note(request, user_id)
        return answer(Forgotten(forgotten=await self._service.forget(user_id)))

    async def model(self) -> Response:
        """Which model answers."""
        return answer(self._service.card())

    async def health(self) -> Response:
        """Which version of the model answers, and what is amiss; the same as /health/ready."""
        return answer(self._service.ready())

    async def live(self) -> Response:
        """Whether the process answers at all."""
        return answer(Live(live=True))

    async def ready(self) -> Response:
        """Whether requests are answered, and what is amiss."""
        return answer(self._service.ready())

    async def metrics(self) -> Response:
        """Counts and times, in Prometheus' format."""
        self._service.metrics.waiting.set(len(self._service.embedder))
        return Response(self._service.metrics.page(), media_type=TEXT)

    async def _body(self, kind: type[Body], request: Request) -> Body:
        """The body, checked, and its user noted for the log."""
        text = await read_body(request, self._settings.body_bytes)
        sizes = {name: size for name, size in SIZES.items() if name in kind.model_fields}
        body = parse_body(kind, text, sizes, self._service.current.empty_prompts)
        self._note(request, getattr(body, "user_id", None))
        return body

    def _note(self, request: Request, user_id: str | None) -> None:
        _check_id("user_id", user_id)
        request.state.model = self._service.current.label
        if user_id is not None:
            request.state.user = pseudonym(user_id, self._settings.log_secret)


def create_app(
    service: Service,
    settings: Settings,
    *,
    keys: KeyRing | None = None,
    log: Any = None,
    beside: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> FastAPI:
    """The application. ``beside`` goes on for as long as it does.

    ``keys`` are those of ``settings.keys`` unless given. Raises InputError if their file is at fault.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with beside():
            yield
            service.close()

    app = FastAPI(
        title="Prefactor",
        version=prefactor.__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    ring = keys or _ring(settings)
    _add_routes(app, Routes(service, settings))
    add_pages(app, keyed=ring.keys is not None)
    app.add_exception_handler(HTTPException, _unrouted)
    app.add_middleware(Gate, settings=settings, metrics=service.metrics, keys=ring)
    app.add_middleware(Record, log=log or make_log(), metrics=service.metrics)  # the last one added is the first to see
    return app


def _ring(settings: Settings) -> KeyRing:
    ring = KeyRing(settings.keys)
    ring.renew()  # says what is amiss with the file
    return ring


def answer(found: BaseModel) -> Response:
    """An answer as JSON."""
    return Response(found.model_dump_json(), media_type=JSON)


def _add_routes(app: FastAPI, routes: Routes) -> None:
    def post(path: str, route: Callable[..., Any], body: type[BaseModel], gives: type[BaseModel], *more: int) -> None:
        said = failures(*LET_IN, *READ, *more)
        extra = request_body(body)
        app.add_api_route(path, route, methods=["POST"], response_model=gives, responses=said, openapi_extra=extra)

    post("/v1/rank", routes.rank, RankBody, Ranked)
    post("/v1/explain", routes.explain, RankBody, Explanation)
    post("/v1/observe", routes.observe, ObserveBody, Observed, 409, 501)
    post("/v1/ask", routes.ask, AskBody, Asked, 501)
    forgetting = failures(*LET_IN, 400, 501)
    app.add_api_route(
        "/v1/users/{user_id:path}", routes.forget, methods=["DELETE"], response_model=Forgotten, responses=forgetting
    )
    app.add_api_route("/v1/model", routes.model, response_model=ModelCard, responses=failures(*LET_IN))
    app.add_api_route("/health", routes.health, response_model=Ready, responses=failures(421))
    app.add_api_route("/health/live", routes.live, response_model=Live, responses=failures(421))
    app.add_api_route("/health/ready", routes.ready, response_model=Ready, responses=failures(421))
    said = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **failures(*LET_IN)}
    app.add_api_route("/metrics", routes.metrics, response_class=Response, responses=said)


async def _unrouted(request: Request, error: Exception) -> Response:
    """A path or method that there is not."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    message = str(error.detail).lower()
    if error.status_code == 404:
        known = [route.path for route in request.app.routes if hasattr(route, "path")]
        message = f"there is no {path[:100]!r}{nearest(path, known, 'paths')}"
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        message = f"{request.method[:20]} is not for {path[:100]!r}: use {allowed}"
    return problem(Failure(error.status_code, message, error.headers), request.state.request)


def _check_id(name: str, value: str | None) -> None:
    """Refuse what the store could not keep, whether it is to keep it or not."""
    if value is None:
        return
    if not value.strip():
        raise InputError(f"{name} is empty: give one")
    if len(value) > MAX_ID:
        raise InputError(f"{name} has {len(value)} characters: shorten it to at most {MAX_ID}")
    if "\0" in value or HALF_CHARACTER.search(value):
        raise InputError(f"{name} holds a null character or half of one: leave it out")
