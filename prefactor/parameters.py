"""params.yaml becomes frozen dataclasses; an unknown or mistyped key is an error that says what was meant."""

import dataclasses
import difflib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from prefactor.errors import InputError

T = TypeVar("T")


def load_parameters(path: Path | str = "params.yaml") -> dict[str, Any]:
    """Read params.yaml as plain nested dictionaries."""
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: run from the project's root") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check what it is and its permissions") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not valid UTF-8 at byte {error.start}: save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} must hold a mapping of sections, but holds {type(values).__name__}")
    return values


def section(values: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key, e.g. ``section(values, "methods.vrf.default")``."""
    current: Any = values
    for depth, part in enumerate(parts := key.split(".")):
        if not isinstance(current, Mapping) or part not in current:
            where = ".".join(parts[:depth]) or "params.yaml"
            raise InputError(f"{where} has no key {part!r}{nearest(part, _keys(current))}")
        current = current[part]
    return current


def build(kind: type[T], values: Mapping[str, Any] | None, where: str) -> T:
    """Build a frozen dataclass from a section of params.yaml.

    ``where`` is the section's dotted key, for messages. Raises InputError naming the key, the value and
    the nearest known key.
    """
    if values is not None and not isinstance(values, Mapping):
        raise InputError(f"{where} must be a mapping of keys to values, but is {values!r}")
    values = dict(values or {})
    _refuse_unknown(kind, values, where)
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise InputError("; ".join(_explain(problem, where) for problem in error.errors())) from None


def as_dict(parameters: Any) -> dict[str, Any]:
    """A parameters dataclass as JSON-ready nested dictionaries."""
    return TypeAdapter(type(parameters)).dump_python(parameters, mode="json")


def merged(base: Any, changes: Any) -> Any:
    """``base`` with ``changes``: mappings are merged key by key, everything else is replaced."""
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    return {
        key: merged(base[key], changes[key]) if key in base and key in changes else {**base, **changes}[key]
        for key in {**base, **changes}
    }


def nearest(name: object, known: Iterable[object], what: str = "keys") -> str:
    """How an error about an unknown name ends: the nearest known one if any is near, else all of them.

    ``what`` says what the known ones are. Empty if there are none.
    """
    names = [str(item) for item in known]
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known {what}: {', '.join(sorted(names))}" if names else ""


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Mapping) else []


def _refuse_unknown(kind: type, values: Mapping[str, Any], where: str) -> None:
    known = {field.name for field in dataclasses.fields(kind)}
    for key in values:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, known)}")
    hints = typing.get_type_hints(kind)
    for key, value in values.items():
        _refuse_unknown_inside(hints[key], value, f"{where}.{key}")


def _refuse_unknown_inside(hint: Any, value: Any, where: str) -> None:
    """Look into nested dataclasses, also those in unions and containers: pydantic lets their unknown keys pass."""
    options = typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and isinstance(value, Mapping):
        _refuse_unknown(hint, value, where)
    elif typing.get_origin(hint) in (typing.Union, UnionType):
        nested = [option for option in options if _may_nest(option)]
        if len(nested) == 1:  # of several, pydantic decides which is meant
            _refuse_unknown_inside(nested[0], value, where)
    elif options and isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_unknown_inside(options[-1], item, f"{where}.{key}")
    elif options and isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_unknown_inside(options[0], item, f"{where}.{index}")


def _may_nest(hint: Any) -> bool:
    return dataclasses.is_dataclass(hint) or typing.get_origin(hint) not in (None, typing.Literal)


def _explain(problem: Any, where: str) -> str:
    key = ".".join([where, *(str(part) for part in problem["loc"])])
    if problem["type"] == "value_error":  # raised by the dataclass itself, in its own words
        return f"{key}: {problem['ctx']['error']}"
    given = "" if problem["type"] == "missing" else f", got {problem['input']!r}"
    return f"{key}: {problem['msg'][0].lower()}{problem['msg'][1:]}{given}"
