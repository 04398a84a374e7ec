"""What stage portrait found of a dataset's default VRF, and how the page shows it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from markupsafe import Markup

from prefactor.errors import InputError
from prefactor.evaluation.labels import JUDGED
from prefactor.evaluation.portrait import PERSON
from prefactor.reading import read_object
from prefactor.reporting import portrait_figures as figures
from prefactor.reporting.estimates import MINUS, PERCENT
from prefactor.reporting.panels import Panel

TABLES = ("coverage", "space", "labels")
LEAST_SHARE = 0.05  # of a user: smaller ones are not drawn, unless they explain a pair
LEAST_USE = 0.01  # mean share of a basis that is numbered in the space: the unused ones lie on top of each other
MOST_BARS = 6
LONGEST = 24  # characters of a label beside a bar
LETTERS = "ABCDEFGH"  # of single users, the same in the space and above their bars


@dataclass(frozen=True)
class Portrait:
    """The stage's tables, and what portraits.json says; empty tables where no direction of taste was found."""

    coverage: pd.DataFrame
    space: pd.DataFrame
    labels: pd.DataFrame
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Basis:
    """A basis as people read it: its number from 1, the name of its colour, its label short and with figures."""

    number: int
    colour: str
    short: str
    label: str


@dataclass(frozen=True)
class BasisLine:
    """A line of the bases' table: mean shares in percent and numbers of users, as text, a cell for each group."""

    basis: Basis
    cells: tuple[str, ...]


@dataclass(frozen=True)
class NoTaste:
    """What the page says of a model that found no direction of taste: which one it is."""

    seed: str


@dataclass(frozen=True)
class PortraitView:
    """All that the page shows of one portrait.

    ``by``: what labels are made of, scorer or word; empty without any. ``judge``: the model that wrote the short ones;
    empty where none did. ``powers``: what counts in users' shares; empty where nothing was to choose.
    """

    seed: str
    powers: str
    by: str
    judge: str
    coverage: Markup
    groups: tuple[str, ...]
    lines: tuple[BasisLine, ...]
    space: Markup | None
    explained: tuple[str, ...]
    drawn: int
    people: tuple[Panel, ...]


def read_portrait(folder: Path) -> Portrait | None:
    """What the stage left in ``folder``; None where it had no model. InputError for a file that is broken."""
    if not (folder / "portraits.json").exists():
        return None
    about = read_object(folder / "portraits.json", "rerun stage portrait")
    if not about.get("directions", 1):
        return Portrait(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), about)
    try:
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{folder} cannot be read ({error}): rerun stage portrait") from error
    return Portrait(**tables, about=about)


def view_of_portrait(found: Portrait, anchor: str) -> PortraitView | NoTaste:
    """The figures and the table; ``anchor`` keeps the figures of several sections apart."""
    if found.coverage.empty:
        return NoTaste(str(found.about["seed"]))
    groups = _groups(found.coverage)
    bases = _bases(found, groups)
    measured = found.labels[found.labels["kind"] != JUDGED]
    explained = tuple(PERCENT.text(share) for share in found.about["explained"])
    return PortraitView(
        seed=str(found.about["seed"]),
        powers=_powers(found.about.get("powers", {})),
        by=str(measured["kind"].iloc[0]) if len(measured) else "",
        judge=str(found.about.get("judge", "")),
        coverage=_coverage(groups, bases, anchor),
        groups=tuple(groups),
        lines=tuple(_line(number, basis, groups) for number, basis in bases.items()),
        space=_space(found.space, bases, _used(groups), anchor) if len(found.space) else None,
        explained=explained,
        drawn=int((~found.space["kind"].isin(["basis", PERSON])).sum()),
        people=tuple(
            _person(letter, person, bases, f"{anchor}-person-{letter}")
            for letter, person in zip(LETTERS, found.about["people"], strict=False)
        ),
    )


def _powers(chosen: Mapping[str, Sequence[float]]) -> str:
    """Which powers each seed's model was given, and what they mean; by seed from ``evaluation.portrait.powers``."""
    seeds: dict[str, list[str]] = {}
    for seed, power in chosen.items():
        seeds.setdefault(_power(*power), []).append(seed)
    if not seeds:
        return ""
    by_power = "; ".join(
        f"{words} (seed{'s' if len(own) > 1 else ''} {', '.join(own)})" for words, own in seeds.items()
    )
    return (
        "A user's shares come from the encoder, which reads the pairs and tells how near each basis is, and from "
        "Bayes' rule, by how well each basis explains the pairs. Held-out users choose after training to what power "
        f"each of the two counts, 0 being not at all: {by_power}."
    )


def _power(encoder: float, evidence: float) -> str:
    if not evidence:
        return "the encoder alone"
    return f"encoder {encoder:g} and Bayes' rule {evidence:g}" if encoder else "Bayes' rule alone"


def _groups(coverage: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Groups of users by name, each with a row per basis, in the table's order."""
    found = {}
    for (split, shots), rows in coverage.groupby(["split", "shots"], dropna=False, sort=False):
        found[str(split) if pd.isna(shots) else f"{split}, {shots} pairs"] = rows.set_index("basis")
    return found


def _bases(found: Portrait, groups: Mapping[str, pd.DataFrame]) -> dict[int, Basis]:
    """Bases by their row, the one with most users first; the first ones have colours of their own."""
    first = next(iter(groups.values()))
    order = first.sort_values(["largest", "share"], ascending=False, kind="stable").index
    named = {number: rows.sort_values("rank") for number, rows in found.labels.groupby("basis")}
    return {
        int(number): _basis(int(number), place, named.get(number, found.labels[:0]))
        for place, number in enumerate(order)
    }


def _basis(number: int, place: int, labels: pd.DataFrame) -> Basis:
    colour = figures.COLOURED[place] if place < len(figures.COLOURED) else "grey"
    written = labels.loc[labels["kind"] == JUDGED, "label"].tolist()
    measured = labels[labels["kind"] != JUDGED]
    rows = list(zip(measured["kind"], measured["label"], measured["value"], strict=True))
    named = [(kind, label, value) for kind, label, value in rows if not math.isnan(value)]
    short = ", ".join(f"{_sign(value)}{label}" if kind == "scorer" else label for kind, label, value in named)
    figures_too = ", ".join(f"{label}{_figure(value)}" for _, label, value in rows)
    marked = [f"{label} (by the judge)" for label in written]
    return Basis(number + 1, colour, written[0] if written else short, "; ".join(filter(None, [*marked, figures_too])))


def _figure(value: float) -> str:
    """Behind a label: nothing where it measures nothing."""
    return "" if math.isnan(value) else f" {_sign(value)}{abs(value):.2f}"


def _sign(value: float) -> str:
    return MINUS if value < 0 else "+"


def _name(basis: Basis) -> str:
    text = f"{basis.number}  {basis.short}".rstrip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _line(number: int, basis: Basis, groups: Mapping[str, pd.DataFrame]) -> BasisLine:
    shares = [PERCENT.text(rows.loc[number, "share"]) for rows in groups.values()]
    users = [f"{rows.loc[number, 'largest']:,}" for rows in groups.values()]
    return BasisLine(basis, (*shares, *users))


def _coverage(groups: Mapping[str, pd.DataFrame], bases: Mapping[int, Basis], anchor: str) -> Markup:
    first, *others = groups.values()
    bars = [
        figures.Bar(
            _name(basis),
            basis.colour,
            float(first.loc[number, "share"]),
            tuple(float(rows.loc[number, "share"]) for rows in others),
            " / ".join(f"{rows.loc[number, 'largest']:,}" for rows in [first, *others[:1]]),
        )
        for number, basis in bases.items()
    ]
    words = "Mean share of each basis: " + "; ".join(f"{bar.name} {PERCENT.text(bar.share)} %" for bar in bars)
    return figures.coverage(bars, f"{anchor}-bases", words)


def _used(groups: Mapping[str, pd.DataFrame]) -> set[int]:
    """The bases that some group of users makes use of."""
    return {int(number) for rows in groups.values() for number in rows.index[rows["share"] >= LEAST_USE]}


def _space(table: pd.DataFrame, bases: Mapping[int, Basis], used: set[int], anchor: str) -> Markup:
    ovals, letters = [], iter(LETTERS)
    for row in table.itertuples():
        basis, is_basis = bases[row.basis], row.kind == "basis"
        number = str(basis.number) if is_basis and row.basis in used else ""
        name = next(letters, "") if row.kind == PERSON else number
        ovals.append(figures.Oval(row.x, row.y, (row.xx, row.xy, row.yy), basis.colour, is_basis, name))
    number_of_bases, marked = (int((table["kind"] == kind).sum()) for kind in ("basis", PERSON))
    words = (
        f"{len(ovals) - number_of_bases - marked:,} users and {number_of_bases:,} bases on the two leading components"
    )
    return figures.space(ovals, f"{anchor}-space", f"{words} of users' means; {marked} users are marked by letters")


def _person(letter: str, person: Mapping[str, Any], bases: Mapping[int, Basis], name: str) -> Panel:
    """Their largest shares as bars; the share of their pairs that a basis explains best as a dot.

    Pairs that none does are counted above it.
    """
    weight, pairs = person["weight"], person["explained"]
    shown = [number for number in bases if weight[number] >= LEAST_SHARE or pairs[number]]
    shown = sorted(shown, key=lambda number: (-weight[number], -pairs[number]))[:MOST_BARS]
    known = max(person["pairs"], 1)
    bars = [
        figures.Bar(_name(bases[number]), bases[number].colour, weight[number], (pairs[number] / known,))
        for number in shown
    ]
    title = f"{letter}: {person['pairs']} pairs known, {person['diversity']} diversity, {person['entropy']:.2f} nats"
    if person.get("none"):
        title += f"; {person['none']} that no basis explains best"
    return Panel(title, figures.person(bars, name, f"{title}. {_spoken(bars)}"))


def _spoken(bars: Sequence[figures.Bar]) -> str:
    return "; ".join(f"{bar.name} {PERCENT.text(bar.share)} %" for bar in bars)
