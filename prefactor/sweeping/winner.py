"""The winner of a sweep by validation, and params.yaml with it."""

import copy
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from prefactor.atomic import atomic_file
from prefactor.errors import InputError
from prefactor.sweeping.outcome import Outcome, State, ranked
from prefactor.sweeping.space import Flat

YARDSTICK = 0  # the trial of the variant as it stood
WIDEST = 4_096  # characters of a line: none is broken anew


class Written(NamedTuple):
    """One value that was written: its dotted key in params.yaml, and what stood there; None where nothing did."""

    key: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.key}: {self.before} -> {self.after}"


def winner(outcomes: Sequence[Outcome]) -> Outcome | None:
    """The complete trial with the best score, the earlier of equals; None if none is complete."""
    best = ranked(outcomes)[:1]
    return best[0] if best and best[0].state is State.COMPLETE else None


def better(outcomes: Sequence[Outcome]) -> bool:
    """Whether the winner's score is above that of the yardstick, which has to have one."""
    best = winner(outcomes)
    before = next((outcome.score for outcome in outcomes if outcome.number == YARDSTICK), None)
    return best is not None and best.score is not None and before is not None and best.score > before


def write_winner(path: Path, section: str, changes: Flat) -> list[Written]:
    """Write a winner's values into a section of params.yaml, whole or not at all; what that changed.

    Comments, order and everything else stay as they are. A mapping that other sections share, by an anchor, is copied
    first, so that only this section changes. Raises InputError for a file that is written from another one.
    """
    text = path.read_text(encoding="utf-8")
    if text.startswith("# Written from"):
        values = ", ".join(f"{section}.{key}: {value}" for key, value in changes.items())
        raise InputError(
            f"{path} is written from other files, and would be again: write the winner into those, {values}"
        )
    yaml = _yaml()
    parameters = yaml.load(text)
    written = [_put(parameters, [*section.split("."), *key.split(".")], value) for key, value in changes.items()]
    changed = [each for each in written if each.before != each.after]
    if changed:
        with atomic_file(path) as scratch, scratch.open("w", encoding="utf-8") as file:
            yaml.dump(parameters, file)
    return changed


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = WIDEST
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(type(None), _write_null)
    yaml.representer.add_representer(float, _write_float)
    return yaml


def _write_null(representer: Any, _: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _write_float(representer: Any, value: float) -> Any:
    """With a dot: what reads params.yaml takes 1e-05 to be text."""
    whole, exponent, power = repr(value).partition("e")
    return representer.represent_scalar(
        "tag:yaml.org,2002:float", f"{whole}.0{exponent}{power}" if exponent and "." not in whole else repr(value)
    )


def _put(parameters: Any, keys: Sequence[str], value: Any) -> Written:
    inside = parameters
    for key in keys[:-1]:
        if inside.get(key) is None:
            inside[key] = {}
        elif _uses(parameters)[id(inside[key])] > 1:
            inside[key] = _apart(inside[key])
        inside = inside[key]
    before = inside.get(keys[-1])
    if keys[-1] in inside:
        inside[keys[-1]] = value
    else:
        _insert(inside, keys[-1], value)
    return Written(".".join(keys), before, value)


def _insert(mapping: Any, key: str, value: Any) -> None:
    """A new key; before the last one where each has a line, because comments that follow belong to that."""
    lines = hasattr(mapping, "fa") and not mapping.fa.flow_style()
    mapping.insert(max(len(mapping) - 1, 0), key, value) if lines else mapping.update({key: value})


def _apart(shared: Any) -> Any:
    """A copy of a mapping that several sections share."""
    copied = copy.deepcopy(shared)
    copied.yaml_set_anchor(None)
    return copied


def _uses(parameters: Any) -> Counter[int]:
    """How often each container stands in another one."""
    found: Counter[int] = Counter()
    for child in _children(parameters):
        found[id(child)] += 1
        if found[id(child)] == 1:
            found += _uses(child)
    return found


def _children(value: Any) -> Iterable[Any]:
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return (child for child in inside if isinstance(child, Mapping | list))
