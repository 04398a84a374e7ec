"""Accuracy by what users said of themselves: a table per attribute, and how many gaps were looked at."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from prefactor.evaluation.slices import BY_ATTRIBUTE, FROM_OTHERS, NOT_SAID, OTHERS
from prefactor.reporting.estimates import Estimate
from prefactor.reporting.panels import Styles
from prefactor.reporting.style import Style
from prefactor.reporting.tables import Cell, Contender, Group, Row, Section, Table, cell_of
from prefactor.reporting.verdict import paired_words, unbroken

MAIN = ("bt", "vrf")  # whose figures stand first, the other methods' below
SPLITS = ("unseen", "seen")
CHANCE = 0.05  # of intervals of 95 % that do not hold a difference of 0 where there is none
MOST_NAMED = 5  # gaps in a sentence


class Place(NamedTuple):
    """A group of one split."""

    split: str
    group: str


@dataclass(frozen=True)
class GroupLine:
    """A group's line: its users of each split, with the cells of that split's methods; None where it has none."""

    group: str
    splits: tuple[tuple[str, tuple[Cell, ...]] | None, ...]


@dataclass(frozen=True)
class AttributeTable:
    """One attribute: its groups, and all methods' figures in two further tables, with captions, for who wants them."""

    attribute: str
    lines: tuple[GroupLine, ...]
    further: tuple[tuple[str, Table], ...]


@dataclass(frozen=True)
class SlicesView:
    """Sentences, and a table for each attribute: ``splits`` by the ``methods`` whose figures stand in it."""

    sentences: tuple[str, ...]
    splits: tuple[str, ...]
    methods: tuple[tuple[str, Style | None], ...]
    tables: tuple[AttributeTable, ...]
    smallest: int | None


def view_of_slices(section: Section, styled: Styles, parameters: Mapping[str, Any]) -> SlicesView | None:
    """None where accuracy by attributes was not asked for; ``parameters`` are those of params.yaml."""
    if not section.groups:
        return None
    methods = _methods(section)
    splits = tuple(split for split in SPLITS if any(key.split == split for key in section.groups))
    return SlicesView(
        tuple(sentence for item in methods for split in splits if (sentence := _sentence(section, item, split))),
        splits,
        tuple((item.name, styled.get(item)) for item in methods),
        tuple(_table(section, styled, name, methods, splits) for name in _attributes(section)),
        ((parameters.get("evaluation") or {}).get("slices") or {}).get("smallest"),
    )


def _methods(section: Section) -> list[Contender]:
    """BT and VRF in the variants that others are held against; the best two where neither is there."""
    sliced = [item for item in section.contenders() if item in {key.contender for key in section.groups}]
    found = []
    for method, variant in zip(MAIN, (section.against, section.against_vrf), strict=True):
        own = [item for item in sliced if item.method == method]
        named = [item for item in own if item.variant == (variant or "default")]
        found += (named or own)[:1]
    return found or sliced[:2]


def _attributes(section: Section) -> list[str]:
    return sorted({key.attribute for key in section.groups})


def _table(
    section: Section, styled: Styles, attribute: str, methods: Sequence[Contender], splits: Sequence[str]
) -> AttributeTable:
    places = _places(section, attribute)
    lines = tuple(
        GroupLine(group, tuple(_part(section, attribute, Place(split, group), methods) for split in splits))
        for group in dict.fromkeys(place.group for place in places)
    )
    captions = {BY_ATTRIBUTE: "Accuracy, %", FROM_OTHERS: "Minus everybody else, points"}
    further = ((words, _of_all(section, styled, attribute, metric, places)) for metric, words in captions.items())
    return AttributeTable(attribute, lines, tuple(further))


def _places(section: Section, attribute: str) -> list[Place]:
    """The groups of an attribute, unseen users' first, in the order that a reader expects."""
    found = {Place(key.split, key.group) for key in section.groups if key.attribute == attribute}
    return sorted(found, key=lambda place: (SPLITS.index(place.split), _order(place.group)))


def _order(group: str) -> tuple[int, float, str]:
    """Numbers by size, then words, then whoever is in none of these."""
    number = re.match(r"-?\d+(\.\d+)?", group)
    last = 1 if group == OTHERS else 2 if group == NOT_SAID else 0
    return last, float(number.group()) if number else float("inf"), group


def _part(
    section: Section, attribute: str, place: Place, methods: Sequence[Contender]
) -> tuple[str, tuple[Cell, ...]] | None:
    """Users, and the accuracy of each method; None where the group is not one of this split."""
    found = [section.groups.get(Group(item, BY_ATTRIBUTE, attribute, *place)) for item in methods]
    counts = [own.n_users for own in found if own is not None and own.n_users is not None]
    cells = tuple(cell_of(own, BY_ATTRIBUTE) for own in found)
    return (f"{max(counts):,}" if counts else "", cells) if any(found) else None


def _of_all(section: Section, styled: Styles, attribute: str, metric: str, places: Sequence[Place]) -> Table:
    rows = []
    for item in section.contenders():
        found = [section.groups.get(Group(item, metric, attribute, *place)) for place in places]
        if any(found):
            rows.append(Row(item.label, styled.get(item), tuple(cell_of(own, metric) for own in found)))
    return Table(tuple(f"{place.group}, {place.split}" for place in places), tuple(rows))


def _sentence(section: Section, item: Contender, split: str) -> str:
    """How many gaps were looked at, which of them are no chance by their own intervals, and how many chance gives."""
    gaps = [*_gaps(section, item, split)]
    if not gaps:
        return ""
    clear = [(name, own) for name, own in gaps if own.widest.low > 0 or own.widest.high < 0]
    expected = f"{CHANCE * len(gaps):.1f}".removesuffix(".0")
    looked = "1 gap" if len(gaps) == 1 else f"{len(gaps)} gaps"
    begun = f"{unbroken(item.name)}, {split} users: of {looked} between a group and everybody else"
    ended = f"by chance alone about {expected} would be"
    if not clear:
        return f"{begun}, none is clear of 0; {ended}."
    named = [f"{name} ({paired_words(own)})" for name, own in clear[:MOST_NAMED]]
    more = f", and {len(clear) - MOST_NAMED} more" if len(clear) > MOST_NAMED else ""
    are = "is" if len(clear) == 1 else "are"
    return f"{begun}, {len(clear)} {are} clear of 0, and {ended}: {'; '.join(named)}{more}."


def _gaps(section: Section, item: Contender, split: str) -> Iterator[tuple[str, Estimate]]:
    """Differences from everybody else, the widest first; of two groups, which mirror each other, the one."""
    found = []
    keys = [key for key in section.groups if key[:2] == (item, FROM_OTHERS) and key.split == split]
    for _, own in groupby(sorted(keys, key=lambda key: key.attribute), key=lambda key: key.attribute):
        of_attribute = sorted(own, key=lambda key: _order(key.group))
        found += of_attribute[:1] if len(of_attribute) == 2 else of_attribute
    widest_first = sorted(found, key=lambda key: -abs(section.groups[key].value))
    yield from ((f"{key.attribute} {key.group}", section.groups[key]) for key in widest_first)
