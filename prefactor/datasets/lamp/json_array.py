"""Records of a file that is one JSON array: read one after another, so that memory holds one of them."""

import json
from collections.abc import Iterator
from typing import TextIO, TypeVar

from pydantic import TypeAdapter, ValidationError

from prefactor.datasets.inputs import InputFile, refused_access
from prefactor.datasets.records import refusal
from prefactor.errors import InputError

T = TypeVar("T")
CHARACTERS = 1 << 22  # read at once
BETWEEN = " \t\r\n,"


def read_array(file: InputFile, kind: type[T]) -> Iterator[tuple[str, T]]:
    """Every record with its place (``<path>, record 3``), as instances of the dataclass ``kind``.

    Raises InputError for a file that is no array, for one that is cut off, and for the first record that is not of
    the kind, naming file, record, field, value and fix, without the words that it holds.
    """
    adapter = TypeAdapter(kind)
    with refused_access(file.path), file.path.open(encoding="utf-8-sig") as lines:
        for number, text in enumerate(_records(lines, file), 1):
            place = f"{file.path}, record {number}"
            try:
                yield place, adapter.validate_json(text, strict=True)
            except ValidationError as error:
                raise refusal(place, error) from None


def read_whole(file: InputFile, kind: type[T]) -> T:
    """A file that is one JSON object, as an instance of ``kind``. Raises InputError as :func:`read_array` does."""
    with refused_access(file.path):
        text = file.path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        return TypeAdapter(kind).validate_json(text, strict=True)
    except ValidationError as error:
        raise refusal(str(file.path), error) from None


def _records(lines: TextIO, file: InputFile) -> Iterator[str]:
    """The text of each record."""
    decoder, text, number = json.JSONDecoder(), lines.read(CHARACTERS).lstrip(), 1
    if not text.startswith("["):
        raise InputError(f"{file.path} does not begin with '[': it must be one JSON array of records")
    text = text[1:]
    while True:
        text = text.lstrip(BETWEEN)
        if text.startswith("]"):
            return
        try:
            _, end = decoder.raw_decode(text)
        except json.JSONDecodeError as error:
            more = lines.read(max(CHARACTERS, len(text)))  # at least as much again: long records take few attempts
            if not more:
                what = f"malformed or cut off ({error.msg})"
                raise InputError(f"{file.path}, record {number}: {what}: copy the file again") from None
            text += more
            continue
        yield text[:end]
        text, number = text[end:], number + 1
