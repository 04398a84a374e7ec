"""Nested records of published files, a JSON object a line or a row of a parquet file, held against a dataclass.

Pydantic reads and checks: unknown fields are left out, a field of another type is refused, never converted.
"""

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from prefactor.datasets.formats import parquet
from prefactor.datasets.inputs import InputFile, refused_access
from prefactor.datasets.published import refuse_repeated
from prefactor.datasets.rows import recognisable, without_text
from prefactor.errors import InputError

T = TypeVar("T")
ROWS_PER_BATCH = 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FOREIGN = "no type of JSON"


def read_records(file: InputFile, kind: type[T]) -> Iterator[tuple[str, T]]:
    """Every record with its place (``<path>, line 3``), as instances of the dataclass ``kind``.

    Raises InputError for the first record that is not one, naming file, line or row, field, value and fix. It never
    holds free text: of a text where another kind of value belongs only its length is said.
    """
    adapter = TypeAdapter(kind)
    with refused_access(file.path):
        yield from _rows(file, kind, adapter) if file.format == "parquet" else _lines(file, adapter)


def _lines(file: InputFile, adapter: TypeAdapter[T]) -> Iterator[tuple[str, T]]:
    with file.path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if record := line.removeprefix(BYTE_ORDER_MARK if number == 1 else b"").strip():
                place = f"{file.path}, line {number}"
                try:
                    yield place, adapter.validate_json(record, strict=True)
                except ValidationError as error:
                    raise refusal(place, error) from None


def _rows(file: InputFile, kind: type[T], adapter: TypeAdapter[T]) -> Iterator[tuple[str, T]]:
    held = parquet.header(file)
    names = [field.name for field in fields(kind) if field.name in held]  # type: ignore[arg-type]
    refuse_repeated(file.path, held, names)
    number = 0
    for batch in parquet.batches(file, names, ROWS_PER_BATCH):
        for row in _plain(batch, file, number):
            number += 1
            place = f"{file.path}, row {number}"
            try:  # by way of JSON: strict Python would ask for instances where the row has dictionaries
                yield place, adapter.validate_json(json.dumps(row, default=_foreign), strict=True)
            except ValidationError as error:
                raise refusal(place, error) from None


def _plain(batch: Any, file: InputFile, start: int) -> list[dict[str, Any]]:
    """Rows as dictionaries. Text inside of lists is first decoded here."""
    where = f"{file.path}, rows {start + 1} to {start + len(batch)}"
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except UnicodeDecodeError:
        raise InputError(f"{where}: text that is not valid UTF-8: write it again as UTF-8") from None
    except (ValueError, OverflowError) as error:  # dates that Python has none for, two fields of one name
        raise InputError(f"{where}: values that cannot be read ({type(error).__name__}): write them again") from None
    return rows


def _foreign(value: object) -> dict[str, str]:
    """What JSON has no word for, a date or bytes: an object, which no field but one of objects takes."""
    return {FOREIGN: type(value).__name__}


def refusal(place: str, error: ValidationError) -> InputError:
    """The first problem of a record in words."""
    problem = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "json_invalid":
        what = problem["ctx"]["error"].replace(" at line 1 column ", " at column ")
        return InputError(f"{place}: malformed JSON, {what}: write one JSON object per line")
    if not problem["loc"]:
        return InputError(f"{place}: holds {without_text(problem['input'])}, not an object: write one object a line")
    if problem["type"] == "missing":
        return InputError(f"{place}: there is no field {name!r}{_instead(problem['input'])}: add it")
    wanted = problem["msg"].removeprefix("Input should be ")
    return InputError(f"{place}: field {name!r} is {_described(problem)}, but must be {wanted}: correct it")


def _instead(record: Any) -> str:
    """The fields that a record has. What is no name is left out: it may be text that came to be a key."""
    names = [name for name in record if name.isidentifier()] if isinstance(record, dict) else []
    return f", but {', '.join(names)}" if names else ""


def _described(problem: Any) -> str:
    """The value: in the place of a number as it is, elsewhere without the text that it may be."""
    value = problem["input"]
    if isinstance(value, dict) and FOREIGN in value:
        return f"of type {value[FOREIGN]}"
    wants_number = problem["type"].startswith(("int", "float", "bool"))
    return recognisable(value) if wants_number and not isinstance(value, dict | list) else without_text(value)
