"""Who is let in: a request for this service, by somebody with a key, within their rate, while there is room."""

import asyncio
import ipaddress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from prefactor.serving.online.failures import Failure, later
from prefactor.serving.online.metrics import Metrics
from prefactor.serving.online.rates import Rates
from prefactor.serving.online.ring import KeyRing
from prefactor.serving.online.settings import Settings

OPEN = ("/health", "/docs", "/openapi.json")  # paths that need no key, and what is below them
NOBODY = "nobody"  # the caller where there are no keys
SCHEME = "bearer"


class Gate:
    """ASGI middleware. ``keys`` may be replaced while it works; the caller's name goes on as ``state["caller"]``."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, keys: KeyRing) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._keys = keys
        self._rates = Rates(settings.rate, settings.shared) if settings.rate else None
        self._working = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        self._check_host(headers)
        if is_open(scope["path"]):
            return await self._app(scope, receive, send)
        caller = scope["state"]["caller"] = self._caller(headers)
        self._check_rate(caller)
        if self._working >= self._settings.concurrent:
            raise later(f"{self._working} requests are being worked on: try again later", 1)
        self._count(1)
        try:
            async with asyncio.timeout(self._settings.seconds):
                await self._app(scope, receive, send)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._working += change
        self._metrics.working.set(self._working)

    def _check_host(self, headers: Headers) -> None:
        if self._settings.hosts is not None and (name := _host(headers.get("host", ""))) not in self._settings.hosts:
            raise Failure(421, f"this service is not {name[:60]!r}: use {' or '.join(self._settings.hosts)}")

    def _caller(self, headers: Headers) -> str:
        if self._keys.keys is None:
            return NOBODY
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != SCHEME or not key.strip():
            raise Failure(
                401, "a key is needed: send the header Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"}
            )
        owner = self._keys.keys.owner(key.strip())
        if owner is None:
            raise Failure(403, "the key is not known here: ask whoever runs the service for one")
        return owner

    def _check_rate(self, caller: str) -> None:
        wait = None if self._rates is None else self._rates.take(caller)
        if wait is not None and self._rates is not None:
            raise later(f"{caller} may send {self._settings.rate}: wait {wait:.1f} s", wait, status=429)


def is_open(path: str) -> bool:
    """Whether a path may be asked for without a key."""
    return any(path == one or path.startswith(f"{one}/") for one in OPEN)


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(value: str) -> str:
    """The name in a Host header, without its port."""
    name = value.rpartition("]")[0] + "]" if value.startswith("[") else value.partition(":")[0]
    return name.lower()
