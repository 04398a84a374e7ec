"""What a variant of a method changes of its ``default``, by the parameters that both were trained with."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from prefactor.methods import METHODS
from prefactor.parameters import as_dict, build
from prefactor.reporting.estimates import TO
from prefactor.reporting.tables import Contender
from prefactor.trainings import Training

DEFAULT = "default"
MOST_NAMED = 2  # changes that are written out; of more only their number
ARROW = "\N{RIGHTWARDS ARROW}"


class Change(NamedTuple):
    """One parameter by its dotted key, as in params.yaml below the variant; None for what one side has not got."""

    key: str
    before: Any
    after: Any

    @property
    def is_numeric(self) -> bool:
        """Whether both are numbers: such variants lie on a line."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self[1:])

    def __str__(self) -> str:
        return f"{self.key}: {_text(self.before)} {ARROW} {_text(self.after)}"


def changes_of_variants(trainings: Mapping[Contender, Training]) -> dict[Contender, tuple[Change, ...]]:
    """Each variant whose method's ``default`` is there too, with what it changes of it."""
    known = {item: _spelt_out(training) for item, training in trainings.items()}
    found = {item: known.get(default_of(item)) for item in known if item.variant != DEFAULT}
    return {item: changes(before, known[item]) for item, before in found.items() if before is not None}


def default_of(item: Contender) -> Contender:
    """The ``default`` of the contender's method, in the same setting."""
    return item._replace(variant=DEFAULT)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs between two sets of nested parameters, by key in alphabetical order."""
    sides = dict(_flat(before)), dict(_flat(after))
    pairs = (Change(key, sides[0].get(key), sides[1].get(key)) for key in sorted({*sides[0], *sides[1]}))
    return tuple(change for change in pairs if change.before != change.after)


def named(found: tuple[Change, ...]) -> str:
    """The changes in words, or how many they are."""
    if len(found) > MOST_NAMED:
        return f"{len(found)} parameters"
    return "; ".join(map(str, found)) or "nothing"


def _spelt_out(training: Training) -> dict[str, Any]:
    """The training's parameters; those of the model that params.yaml leaves out have the method's own values."""
    parameters = dict(training.summary["parameters"])
    where = f"{training.parameters}.model"
    model = build(METHODS[training.method].Parameters, parameters.get("model"), where)
    return {**parameters, "model": as_dict(model)}


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _text(value: Any) -> str:
    if value is None:
        return TO
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
