"""Taking in a request's body: of the right kind, no longer than allowed, and not too slowly."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from prefactor.serving.online.failures import Failure

JSON = "application/json"
SECONDS = 10.0  # for all of a body


async def read_body(request: Request, most: int) -> bytes:
    """The bytes of a JSON body. A Failure for one of another type, 415, too long, 413, or too slow, 408.

    The type is insisted on, because a page in somebody's browser may send any other without asking.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise Failure(415, f"the body must be of type {JSON}, got {kind[:60] or 'none'}: set Content-Type")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_long(most)
    try:
        async with asyncio.timeout(SECONDS):
            return await _read(request, most)
    except TimeoutError:
        raise Failure(408, f"the body did not come within {SECONDS:g} s: send it again") from None
    except ClientDisconnect:
        raise Failure(400, "the body broke off: send it again") from None


async def _read(request: Request, most: int) -> bytes:
    """However it comes: what is sent in pieces does not say how long it is."""
    pieces, length = [], 0
    async for piece in request.stream():
        pieces.append(piece)
        length += len(piece)
        if length > most:
            raise _too_long(most)
    return b"".join(pieces)


def _too_long(most: int) -> Failure:
    return Failure(413, f"the body is longer than {most:,} bytes: send fewer or shorter texts", {"Connection": "close"})
