"""What personal generation costs: tokens a second beside plain generation, overheads, the next token's entropy."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from prefactor.evaluation.generation.entropy import AFTER, BEFORE, CHANGE
from prefactor.evaluation.generation.settings import parsed_setting
from prefactor.evaluation.generation.verdicts import BASE
from prefactor.reporting.estimates import TO, Scale
from prefactor.reporting.generation.measured import Measured, in_order
from prefactor.reporting.generation.names import name_of, place, style_of
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import BITS, COUNT, cell, clauses, listed, sentence
from prefactor.reporting.tables import Cell, Row, Table

LEVELS = (BEFORE, AFTER)
RATE = Scale(1.0, 1, False, "")
SHARE = Scale(100.0, 1, False, "%")
OVERHEAD = Scale(100.0, 2, False, "%")
PUBLISHED_OVERHEAD = {"exact": "5.27"}  # EXACT, section 4.2, %
SIGNED_BITS = Scale(1.0, 2, True, "bits")


def speed_part(speed: pd.DataFrame) -> Part | None:
    """None where nothing was timed."""
    if not len(speed):
        return None
    timed = speed.fillna({"setting": "", "machine": ""})
    return Part(
        "What it costs",
        "Drift runs the small model m + 1 times beside the large one for every token, as one batch; Best-of-N writes N "
        "texts for one; EXACT only embeds the prompt and looks it up before it writes. Overhead is the share of a "
        "text's time that is not generating.",
        tables=(_table(timed),),
        note=f"{_measured_on(timed)}Neither paper gives tokens per second; Drift's Table 3 has the cost of a text of T "
        "tokens as T(C + N c), of the large model C and N contexts of the small one c.",
    )


def _table(speed: pd.DataFrame) -> Titled:
    """By machine and method, rates beside that machine's plain generation."""
    plain = {row.machine: row.tokens_per_second for row in speed.itertuples() if row.method == BASE and not row.setting}
    ordered = sorted(speed.itertuples(), key=lambda row: (row.machine, place(row.method), _numbers(row.setting)))
    overheads = bool(speed["overhead"].notna().any())
    headings = ["Tokens a second", "Of plain generation, %"]
    headings += ["Overhead, %", "Published, %"] if overheads else []
    rows = tuple(
        Row(name_of(row.method, row.setting).label, style_of(row.method), _cells(row, plain, overheads))
        for row in ordered
    )
    return Titled("Method", Table((*headings, "Tokens timed"), rows))


def _measured_on(speed: pd.DataFrame) -> str:
    machines = [name for name in dict.fromkeys(speed["machine"]) if name]
    runs = int(speed["runs"].fillna(0).max())
    where = f" on {listed(machines)}" if machines else ""
    return f"Measured{where}, up to {runs} runs each. " if runs else ""


def entropy_part(measured: Measured) -> Part | None:
    """None where entropy was not measured."""
    found = measured.find(CHANGE)
    if not found:
        return None
    rows = tuple(
        Row(
            name_of(key.method, key.setting).label,
            style_of(key.method),
            (*(cell(measured.one(level, key.method, **key.parsed), BITS) for level in LEVELS), cell(own, SIGNED_BITS)),
        )
        for key, own in found
    )
    by = {name_of(key.method, key.setting): own for key, own in found}
    said = clauses(by, 0.0, "plain generation", SIGNED_BITS)
    return Part(
        "How open the next token is",
        "The mean entropy of the next token's distribution over the tokens of a text, before and after the method "
        "changes it.",
        sentences=(sentence(said),),
        tables=(Titled("Bits a token", Table(("Before", "After", "Change"), rows)),),
        note="Published for Drift, of far larger models: 0.27 bits before, 0.63 after.",
    )


def _numbers(setting: str) -> list[tuple[str, tuple[float, str]]]:
    return [(key, in_order(value)) for key, value in parsed_setting(setting).items()]


def _cells(row: Any, plain: Mapping[str, float], overheads: bool) -> tuple[Cell, ...]:
    rate, base = row.tokens_per_second, plain.get(row.machine)
    share = rate / base if base and pd.notna(rate) else math.nan
    cells = [_cell(rate, RATE), _cell(share, SHARE)]
    if overheads:
        cells += [_cell(row.overhead, OVERHEAD), Cell(PUBLISHED_OVERHEAD.get(row.method, TO))]
    return (*cells, _cell(row.tokens, COUNT))


def _cell(value: float, scale: Scale) -> Cell:
    return Cell(TO) if pd.isna(value) else Cell(scale.text(value), order=float(value))
