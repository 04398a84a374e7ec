"""Checks a call of the served model; a malformed one is refused with the place, the value and the way to mend it."""

import difflib
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from prefactor.errors import InputError
from prefactor.serving.requests import (
    MAX_CHARACTERS,
    MAX_REFERENCE,
    MAX_REQUESTS,
    MAX_RESPONSES,
    MAX_TEXTS,
    ReferencePair,
    Request,
)

EXAMPLE = '{"inputs": [{"user_id": "...", "prompt": "...", "responses": ["...", "..."]}]}'
SHOWN_PROBLEMS = 5
SHOWN_CHARACTERS = 60

HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # half a surrogate pair: JSON can carry one, UTF-8 cannot

Location = tuple[int | str, ...]


def parse_requests(inputs: object, empty_prompts: bool = False) -> list[Request]:
    """The requests of a call: a list of them as JSON gave it, or a single one.

    ``empty_prompts`` says whether they are legal in the model's dataset. Raises InputError that names the first few
    places that are wrong, each with its value and what belongs there.
    """
    single = isinstance(inputs, Mapping | Request)
    items = [inputs] if single else inputs
    if not isinstance(items, list):
        raise InputError(f"inputs must be a list of requests, got {_shown(inputs)}: send {EXAMPLE}")
    if not 1 <= len(items) <= MAX_REQUESTS:
        raise InputError(f"inputs holds {len(items)} requests: send 1 to {MAX_REQUESTS} in a call, such as {EXAMPLE}")
    requests = _typed(items, single)
    faults = [
        f"{_place((row, *place), single)} {fault}"
        for row, request in enumerate(requests)
        for place, fault in _faults(request, empty_prompts)
    ]
    _refuse(faults)
    _refuse_crowd(requests)
    return requests


def _typed(items: list[Any], single: bool) -> list[Request]:
    plain = [item.model_dump() if isinstance(item, Request) else item for item in items]
    try:
        return TypeAdapter(list[Request]).validate_python(plain, strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    raise _refusal([f"{_place(problem['loc'], single)} {_explain(problem)}" for problem in problems])


def _explain(problem: Mapping[str, Any]) -> str:
    """The fault of one place in pydantic's words, and the fix in ours."""
    location, kind = problem["loc"], problem["type"]
    if kind == "missing":
        return f"is missing: give {_wanted(location)}"
    if kind == "extra_forbidden":
        return f"is not a known field{_nearest(location)}"
    return f"must be {_wanted(location)}, got {_shown(problem['input'])}"


def _wanted(location: Location) -> str:
    """What belongs at a place, e.g. (0, 'reference', 2, 'chosen')."""
    fields, last = _model(location).model_fields, location[-1]
    if isinstance(last, str) and last in fields:
        return str(fields[last].description)
    return "a string" if "responses" in location else "an object with " + ", ".join(fields)


def _nearest(location: Location) -> str:
    known = list(_model(location).model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    return f": did you mean {close[0]!r}?" if close else f": known are {', '.join(known)}"


def _model(location: Location) -> type[BaseModel]:
    """The model that the last part of a location is a field, or an instance, of."""
    return ReferencePair if "reference" in location[:-1] else Request


def _faults(request: Request, empty_prompts: bool) -> Iterator[tuple[Location, str]]:
    """What types cannot say: emptiness, sizes, pairs that prefer nothing."""
    reference = request.reference or []
    if not 1 <= len(request.responses) <= MAX_RESPONSES:
        yield ("responses",), f"holds {len(request.responses)} candidates: give 1 to {MAX_RESPONSES}"
    if len(reference) > MAX_REFERENCE:
        yield ("reference",), f"holds {len(reference)} pairs: give at most {MAX_REFERENCE}"
    for row, pair in enumerate(reference):
        if pair.chosen == pair.rejected:
            yield ("reference", row), "prefers a text to itself: give two different responses or leave the pair out"
    for place, text in _texts(request):
        if not text.strip() and not (empty_prompts and place[-1] == "prompt"):
            yield place, "is empty: " + ("leave it out for a stranger" if place == ("user_id",) else "give its text")
        if len(text) > MAX_CHARACTERS:
            yield place, f"has {len(text)} characters: shorten it to at most {MAX_CHARACTERS}"
        if HALF_CHARACTER.search(text):
            yield place, "is not valid Unicode, it holds half a surrogate pair: send whole characters"


def _texts(request: Request) -> Iterator[tuple[Location, str]]:
    """Every text of a request and its place."""
    yield ("prompt",), request.prompt
    if request.user_id is not None:
        yield ("user_id",), request.user_id
    for row, response in enumerate(request.responses):
        yield ("responses", row), response
    for row, pair in enumerate(request.reference or []):
        for name, text in pair:
            yield ("reference", row, name), text


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        raise _refusal(faults)


def _refusal(faults: Sequence[str]) -> InputError:
    more = [f"and {len(faults) - SHOWN_PROBLEMS} more"] if len(faults) > SHOWN_PROBLEMS else []
    return InputError("; ".join([*faults[:SHOWN_PROBLEMS], *more]))


def _refuse_crowd(requests: Sequence[Request]) -> None:
    texts = sum(len(request.responses) + 2 * len(request.reference or []) for request in requests)
    if texts > MAX_TEXTS:
        raise InputError(f"the call holds {texts} texts: send at most {MAX_TEXTS} at once, in several calls")


def _place(location: Location, single: bool) -> str:
    """``inputs[0].reference[2].chosen``; a single request's fields stand alone."""
    text = "" if single else f"inputs[{location[0]}]"
    for part in location[1:]:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "the request"


def _shown(value: object) -> str:
    """A value as JSON names it, shortened."""
    return "null" if value is None else reprlib.repr(value)[:SHOWN_CHARACTERS]
