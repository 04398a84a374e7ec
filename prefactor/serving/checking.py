"""Checks a call of the served model; a malformed one is refused with the place, the value and the way to mend it."""

import difflib
import re
import reprlib
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

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
SIZES = {"responses": (1, MAX_RESPONSES, "candidates"), "reference": (0, MAX_REFERENCE, "pairs")}
INSTEAD = {"user_id": "leave it out for a stranger"}  # of an empty text

Location = tuple[int | str, ...]
Sizes = Mapping[str, tuple[int, int, str]]
Body = TypeVar("Body", bound=BaseModel)


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
    found = [
        f"{_place((row, *place), single)} {fault}"
        for row, request in enumerate(requests)
        for place, fault in _faults(request, SIZES, empty_prompts)
    ]
    _refuse(found)
    _refuse_crowd(requests)
    return requests


def parse_body(kind: type[Body], body: bytes, sizes: Sizes, empty_prompts: bool = False) -> Body:
    """One request of another kind, from JSON as it came. Raises InputError in the same words.

    ``sizes`` gives the least and the most items of its lists, and what they are called.
    """
    try:
        found = kind.model_validate_json(body, strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise _refusal([_unread(kind, problem) for problem in problems]) from None
    _refuse([f"{_field(place)} {fault}" for place, fault in _faults(found, sizes, empty_prompts)])
    return found


def _typed(items: list[Any], single: bool) -> list[Request]:
    plain = [item.model_dump() if isinstance(item, Request) else item for item in items]
    try:
        return TypeAdapter(list[Request]).validate_python(plain, strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    raise _refusal([f"{_place(problem['loc'], single)} {_explain(Request, problem)}" for problem in problems])


def _unread(kind: type[BaseModel], problem: Mapping[str, Any]) -> str:
    """The fault of one place of a body, or of all of it."""
    if problem["type"] == "json_invalid":
        fields = ", ".join(kind.model_fields)
        return f"the body is not valid JSON ({problem['ctx']['error']}): send an object with {fields}"
    return f"{_field(problem['loc'])} {_explain(kind, problem)}"


def _explain(kind: type[BaseModel], problem: Mapping[str, Any]) -> str:
    """The fault of one place in pydantic's words, and the fix in ours."""
    location, fault = problem["loc"], problem["type"]
    if fault == "missing":
        return f"is missing: give {_wanted(kind, location)}"
    if fault == "extra_forbidden":
        return f"is not a known field{_nearest(kind, location)}"
    return f"must be {_wanted(kind, location)}, got {_shown(problem['input'])}"


def _wanted(kind: type[BaseModel], location: Location) -> str:
    """What belongs at a place, e.g. (0, 'reference', 2, 'chosen')."""
    owner, last = _owner(kind, location), location[-1] if location else 0
    if isinstance(last, str) and last in owner.model_fields:
        return str(owner.model_fields[last].description)
    names = [part for part in location if isinstance(part, str)]
    lists_texts = bool(names) and names[-1] in owner.model_fields  # else the last part is an object within a list
    return "a string" if lists_texts else "an object with " + ", ".join(owner.model_fields)


def _nearest(kind: type[BaseModel], location: Location) -> str:
    known = list(_owner(kind, location).model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    return f": did you mean {close[0]!r}?" if close else f": known are {', '.join(known)}"


def _owner(kind: type[BaseModel], location: Location) -> type[BaseModel]:
    """The model that the last part of a location is a field, or an instance, of."""
    for part in location[:-1]:
        within = _nested(kind, part)
        kind = within or kind
    return kind


def _nested(kind: type[BaseModel], part: int | str) -> type[BaseModel] | None:
    """The model in a field that lists some, or that may."""
    pending = [kind.model_fields[part].annotation] if isinstance(part, str) and part in kind.model_fields else []
    while pending:
        hint = pending.pop()
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return hint
        pending += typing.get_args(hint)
    return None


def _faults(request: BaseModel, sizes: Sizes, empty_prompts: bool) -> Iterator[tuple[Location, str]]:
    """What types cannot say: emptiness, sizes, pairs that prefer nothing."""
    for name, (least, most, what) in sizes.items():
        count = len(getattr(request, name, None) or [])
        if not least <= count <= most:
            yield (name,), f"holds {count} {what}: give {f'{least} to' if least else 'at most'} {most}"
    for place, item in _parts(request):
        if isinstance(item, ReferencePair) and item.chosen == item.rejected:
            yield place, "prefers a text to itself: give two different responses or leave the pair out"
        if isinstance(item, str):
            yield from ((place, fault) for fault in _text_faults(place, item, empty_prompts))


def _text_faults(place: Location, text: str, empty_prompts: bool) -> Iterator[str]:
    if not text.strip() and not (empty_prompts and place[-1] == "prompt"):
        yield f"is empty: {INSTEAD.get(str(place[-1]), 'give its text')}"
    if len(text) > MAX_CHARACTERS:
        yield f"has {len(text)} characters: shorten it to at most {MAX_CHARACTERS}"
    if HALF_CHARACTER.search(text):
        yield "is not valid Unicode, it holds half a surrogate pair: send whole characters"


def _parts(item: object, place: Location = ()) -> Iterator[tuple[Location, object]]:
    """Every text and every object within a request, and its place."""
    if isinstance(item, str | BaseModel):
        yield place, item
    if isinstance(item, BaseModel | list):
        for name, value in item if isinstance(item, BaseModel) else enumerate(item):
            yield from _parts(value, (*place, name))


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
    inner = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:])
    return (inner if single else f"inputs[{location[0]}]{inner}").removeprefix(".") or "the request"


def _field(location: Location) -> str:
    """The place in a request that stands alone."""
    return _place((0, *location), single=True)


def _shown(value: object) -> str:
    """A value as JSON names it, shortened."""
    return "null" if value is None else reprlib.repr(value)[:SHOWN_CHARACTERS]
