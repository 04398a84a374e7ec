"""What a variant of a method changes, and of which other one, by the parameters that both were trained with.

A variant's paired difference (``evaluation.comparison``) is taken from the one that it is a variant of, its base: held
against another it would tell little of what it changes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from prefactor.choices import CHOICES, choices_of
from prefactor.layout import Cell
from prefactor.methods import METHODS
from prefactor.parameters import as_dict, build

DEFAULT = "default"
SECTION = "set"  # stands for all of a section's parameters
BASES = (DEFAULT, "faithful")  # what variants may be variants of

C = TypeVar("C", bound=Cell)


class Change(NamedTuple):
    """One parameter by its dotted key, as in params.yaml below the variant.

    None stands for what one side has not got, SECTION for all of a section.
    """

    key: str
    before: Any
    after: Any

    @property
    def is_numeric(self) -> bool:
        """Whether both are numbers: such variants lie on a line."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self[1:])


class Variation(NamedTuple):
    """What a variant changes of its base, another variant of the same method on the same states."""

    base: str
    changes: tuple[Change, ...]


def variations(parameters: Mapping[C, Mapping[str, Any]]) -> dict[C, Variation]:
    """Every cell that is a variant of another, by the parameters that each was trained with.

    Of BASES the one that it changes least is its base, the earlier of equals; the first by name where neither is there.
    """
    known = {cell: _spelt_out(cell, own) for cell, own in parameters.items()}
    found = {}
    for cell, after in known.items():
        possible = [Variation(base.variant, changes(known[base], after)) for base in _bases(cell, known)]
        if possible:
            found[cell] = min(possible, key=lambda variation: len(variation.changes))
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs between two sets of nested parameters, by key in alphabetical order.

    A whole section that one side has not got is one change.
    """
    return tuple(sorted(_differences(before, after), key=attrgetter("key")))


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], above: str = "") -> Iterator[Change]:
    for key in {*before, *after}:
        one, other = before.get(key), after.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other, f"{above}{key}.")
        elif one != other:
            yield Change(f"{above}{key}", *(SECTION if isinstance(side, Mapping) else side for side in (one, other)))


def _bases(cell: C, known: Iterable[C]) -> list[C]:
    """What a cell may be a variant of; a base itself only of an earlier one, so that no two are each other's."""
    alike = (other for other in known if replace(other, variant=cell.variant) == cell)
    own = sorted(alike, key=attrgetter("variant"))
    bases = [other for name in BASES for other in own if other.variant == name] or own[:1]
    return bases[: bases.index(cell)] if cell in bases else bases


def _spelt_out(cell: Cell, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's parameters; those of the model that params.yaml leaves out have the method's own values."""
    own, choices = choices_of(parameters.get("model") or {})
    model = as_dict(build(METHODS[cell.method].Parameters, own, f"{cell.parameters}.model"))
    return {**parameters, "model": model | {CHOICES: choices}}
