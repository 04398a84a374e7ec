"""What a variant of a method changes, and of which other one, by the parameters that both were trained with."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from prefactor.methods import METHODS
from prefactor.parameters import as_dict, build
from prefactor.reporting.estimates import TO
from prefactor.reporting.tables import Contender
from prefactor.trainings import Training

DEFAULT = "default"
BASES = (DEFAULT, "faithful")  # what variants may be variants of
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


class Variation(NamedTuple):
    """What a variant changes of its base."""

    base: Contender
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        """The changes in words, or how many they are."""
        words = (
            f"{len(self.changes)} parameters" if len(self.changes) > MOST_NAMED else "; ".join(map(str, self.changes))
        )
        of = "" if self.base.variant == DEFAULT else f"of {self.base.variant}: "
        return of + (words or "nothing")


def variations(trainings: Mapping[Contender, Training]) -> dict[Contender, Variation]:
    """Each variant whose base is there too: of BASES the one that it changes least, the earlier of equals."""
    known = {item: _spelt_out(training) for item, training in trainings.items()}
    found = {}
    for item, after in known.items():
        earlier = BASES[: BASES.index(item.variant)] if item.variant in BASES else BASES
        bases = [base for name in earlier if (base := item._replace(variant=name)) in known]
        if bases:
            possible = [Variation(base, changes(known[base], after)) for base in bases]
            found[item] = min(possible, key=lambda variation: len(variation.changes))
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs between two sets of nested parameters, by key in alphabetical order."""
    sides = dict(_flat(before)), dict(_flat(after))
    pairs = (Change(key, sides[0].get(key), sides[1].get(key)) for key in sorted({*sides[0], *sides[1]}))
    return tuple(change for change in pairs if change.before != change.after)


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
