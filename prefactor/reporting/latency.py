"""How long a new user takes (VRF, Figure 3d): adapting beside the backbone, in a batch and one at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from markupsafe import Markup

from prefactor.errors import InputError
from prefactor.evaluation.latency import ADAPT, READ, WAYS, Latency
from prefactor.reading import read_object
from prefactor.reporting.estimates import TO, Scale
from prefactor.reporting.facts import duration
from prefactor.reporting.figures import Mark
from prefactor.reporting.latency_figures import Span, spans
from prefactor.reporting.style import Style, method_name
from prefactor.reporting.tables import Cell, Contender, Row, Section, Table

RESULTS, MACHINE = "results.parquet", "machine.json"
FIX = "rerun stage latency"
SHARE = Scale(100.0, 2, False, "%")  # two places: adapting is often less than a tenth of a percent
NEITHER = (Cell(TO), Cell(TO))
HEADINGS = (
    "Adapting",
    "alone",
    "Ratio",
    "With the backbone",
    "alone",
    "Backbone, %",
    "alone, %",
)


@dataclass(frozen=True)
class Timings:
    """What stage latency left: rows of the results' schema in seconds a user, and where and how they were measured."""

    rows: pd.DataFrame
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Taken:
    """Seconds a user of one contender: adapting, and reading texts; None where a user's pairs change nothing."""

    adapting: Latency
    reading: Latency | None

    @property
    def whole(self) -> Latency | None:
        """Both parts."""
        return None if self.reading is None else self.adapting.plus(self.reading)

    @property
    def share(self) -> tuple[float, ...]:
        """The backbone's share of both in each of WAYS, in [0, 1]; empty where it has none."""
        return tuple(part / whole for part, whole in zip(self.reading or (), self.whole or (), strict=True))


@dataclass(frozen=True)
class LatencyView:
    """The drawing (None where no method adapts), its table, what they say, and where they were measured."""

    drawing: Markup | None
    table: Table
    sentence: str
    shots: int
    texts: str
    how: str


def read_timings(folder: Path) -> Timings | None:
    """What the stage left in ``folder``, None where it left nothing. InputError for a file that is broken."""
    if not (folder / RESULTS).exists():
        return None
    try:
        rows = pd.read_parquet(folder / RESULTS)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{folder / RESULTS} cannot be read ({error}): {FIX}") from error
    return Timings(rows, read_object(folder / MACHINE, FIX))


def view_of_latency(section: Section, styled: Mapping[Contender, Style], found: Timings | None) -> LatencyView | None:
    """None where nothing was timed."""
    taken = timings_of(section, found.rows) if found else {}
    if found is None or not taken:
        return None
    return LatencyView(
        drawing=_drawing(section, styled, taken, found.about),
        table=Table(HEADINGS, tuple(Row(item.label, styled.get(item), _cells(mine)) for item, mine in taken.items())),
        sentence=_sentence(taken),
        shots=int(found.about["shots"]),
        texts=_texts(found.about),
        how=_how(found.about),
    )


def timings_of(section: Section, rows: pd.DataFrame) -> dict[Contender, Taken]:
    """What the section's contenders took, in its order."""
    values = rows.set_index(["method", "variant", "metric"])["value"].to_dict()

    def latency(item: Contender, metric: str) -> Latency | None:
        ways = [values.get((item.method, item.variant, f"{metric}_{way}")) for way in WAYS]
        return None if None in ways else Latency(*ways)

    found = {item: (latency(item, ADAPT), latency(item, READ)) for item in section.contenders()}
    return {item: Taken(adapting, read) for item, (adapting, read) in found.items() if adapting is not None}


def _drawing(
    section: Section, styled: Mapping[Contender, Style], taken: Mapping[Contender, Taken], about: Mapping[str, Any]
) -> Markup | None:
    """The backbone first, then the methods that adapt; those that do not would stretch the axis by nothing."""
    reading = next((mine.reading for mine in taken.values() if mine.reading), None)
    if reading is None:
        return None
    rows = [Span(Mark("Backbone", f"{_texts(about)} texts", None), reading)]
    for item, mine in taken.items():
        if mine.reading is not None:
            rows.append(Span(Mark(method_name(item.method), item.variant, styled.get(item)), mine.adapting))
    words = "; ".join(
        f"{row.mark.name} {row.mark.detail} {duration(row.latency.batched)} in a batch, "
        f"{duration(row.latency.single)} one at a time"
        for row in rows
    )
    return spans(rows, reading.batched, f"{section.anchor}-latency", f"{section.dataset}, time a new user: {words}")


def _cells(mine: Taken) -> tuple[Cell, ...]:
    ratio = mine.adapting.single / mine.adapting.batched
    shares = tuple(Cell(SHARE.text(share), order=share) for share in mine.share) or NEITHER
    return (*_seconds(mine.adapting), Cell(f"{ratio:,.0f}", order=ratio), *_seconds(mine.whole), *shares)


def _seconds(latency: Latency | None) -> tuple[Cell, ...]:
    return NEITHER if latency is None else tuple(Cell(duration(value), order=value) for value in latency)


def _sentence(taken: Mapping[Contender, Taken]) -> str:
    """What the backbone takes of all; empty where no method adapts."""
    shares = [mine.share for mine in taken.values() if mine.share]
    if not shares:
        return ""
    batched, single = (_range(ends) for ends in zip(*shares, strict=True))
    return f"In a batch the backbone takes {batched} of that time, one at a time {single}."


def _range(shares: Sequence[float]) -> str:
    ends = list(dict.fromkeys(SHARE.text(share) for share in (min(shares), max(shares))))
    return f"{' to '.join(ends)} %"


def _texts(about: Mapping[str, Any]) -> str:
    return f"{about['texts_per_user']:.1f}".removesuffix(".0")


def _how(about: Mapping[str, Any]) -> str:
    """How many were timed, on what machine, when."""
    threads = f"{about['threads']} thread{'s' if about['threads'] != 1 else ''} on {about['cores']} cores"
    gpu = f"the backbone on {about['gpu']}" if about["gpu"] else "no GPU"
    return (
        f"Medians of {about['runs']} runs after a warm-up, models of training seed {about['seed']}, {about['texts']} "
        f"texts read, on {about['date']}: {about['processor']}, {threads}, {gpu}, PyTorch {about['torch']}, "
        f"at a load of {about['load']:.1f}, the pipeline's own work included."
    )
