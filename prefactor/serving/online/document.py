"""The OpenAPI document of the service, and a page that shows it without asking any other host."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

from prefactor.serving.online.bodies import AskBody, ObserveBody, Problem, RankBody
from prefactor.serving.online.gate import is_open

PAGE, FILES = "/docs", "/docs/files"
PLACE = "#/components/schemas/{model}"
PAIR = {
    "prompt": "How long does an egg need?",
    "chosen": "Eight minutes.",
    "rejected": "Lovely question! Eight minutes, I think.",
}
BODIES: dict[type[BaseModel], dict[str, Any]] = {  # and what the page begins with where one is tried out
    RankBody: {
        "user_id": "visitor-1",
        "prompt": "How do I keep tea warm?",
        "responses": ["In a flask.", "Perhaps you might consider a flask?"],
    },
    ObserveBody: {"user_id": "visitor-1", "pairs": [PAIR], "key": "answer-1"},
    AskBody: {"user_id": "visitor-1", "n": 1},
}
KEY = {"type": "http", "scheme": "bearer", "description": "A key that `prefactor serve --make-key NAME` made."}
# What the page may load: its own files, and the lines in it that start it.
POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

MEANINGS = {
    400: "Malformed; the sentence names the place and the fix.",
    401: "No key.",
    403: "An unknown key.",
    408: "The body came too slowly.",
    409: "The idempotency key was used for other pairs.",
    413: "The body is too long.",
    415: "The body is not JSON.",
    421: "Addressed to another host.",
    429: "Too many requests; Retry-After says when.",
    500: "Something broke.",
    501: "The service was started without what this needs.",
    503: "Too much is going on, or the store is down; Retry-After says when.",
}
RETRY = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}


def request_body(kind: type[BaseModel]) -> dict[str, Any]:
    """What the document says of an operation that reads its body itself."""
    reference = {"$ref": PLACE.format(model=kind.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}}


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the document says of an operation's failures."""
    return {
        status: {
            "model": Problem,
            "description": MEANINGS[status],
            **({"headers": RETRY} if status in (429, 503) else {}),
        }
        for status in statuses
    }


def add_pages(app: FastAPI, keyed: bool) -> None:
    """Serve the document at /openapi.json, and the page at /docs; ``keyed``: operations need a key."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, keyed)
        return app.openapi_schema

    async def page() -> HTMLResponse:
        shown = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url=f"{FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{FILES}/swagger-ui.css",
            swagger_favicon_url=f"{FILES}/favicon.png",
        )
        shown.headers["Content-Security-Policy"] = POLICY
        return shown

    app.openapi = document  # type: ignore[method-assign]
    app.add_api_route(PAGE, page, include_in_schema=False)
    app.mount(FILES, StaticFiles(directory=_files()), name="files")


def _document(app: FastAPI, keyed: bool) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for kind, example in BODIES.items():
        schema = kind.model_json_schema(ref_template=PLACE)
        schemas |= schema.pop("$defs", {})
        schema["examples"] = [example]
        schemas[kind.__name__] = schema
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path, operations in found["paths"].items():
        for operation in operations.values():
            operation["responses"].pop("422", None)  # FastAPI's own check of what is in a path, which takes any text
            if keyed and not is_open(path):
                operation["security"] = [{"key": []}]
    if keyed:
        components["securitySchemes"] = {"key": KEY}
    return found


def _files() -> Path:
    """The files of Swagger's page, which come with a package."""
    import fastapi_offline

    return Path(fastapi_offline.__file__).parent / "static"
