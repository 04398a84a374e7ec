"""A decision in words and tables: what a person reads, and the files that are kept of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from prefactor.atomic import write_json, write_text

if TYPE_CHECKING:
    from prefactor.promotion.decision import Decision
    from prefactor.promotion.evidence import Evidence
    from prefactor.promotion.gate import Gate

GATES, SLICES, PAGE, WHOLE = "gates.parquet", "slices.parquet", "decision.md", "evidence.json"
DECISION = "decision.json"


def write_evidence(folder: Path, title: str, evidence: "Evidence") -> None:
    """Write gates and slices as tables, everything as JSON, and a page in Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([gate.row() for gate in evidence.gates]).to_parquet(folder / GATES, index=False)
    evidence.slices.to_parquet(folder / SLICES, index=False)
    write_text(folder / PAGE, markdown(title, evidence))
    whole = {
        "gates": [gate.row() for gate in evidence.gates],
        "stopped_by": evidence.stopped_by,
        "figures": dict(evidence.figures),
        "about": dict(evidence.about),
    }
    write_json(folder / WHOLE, whole)


def write_decision(folder: Path, decision: "Decision") -> None:
    """Write the decision as JSON, beside its evidence where there is any."""
    if decision.evidence is not None:
        write_evidence(folder, decision.title, decision.evidence)
    told = {
        "title": decision.title,
        "model": decision.model,
        "outcome": decision.outcome,
        "before": decision.before,
        "after": decision.after,
        "run_id": decision.run_id,
        "experiment_id": decision.experiment_id,
        "completed": decision.completed,
    }
    write_json(folder / DECISION, told)


def markdown(title: str, evidence: "Evidence", longest: int | None = None) -> str:
    """The gates, the slices, and what was measured on; without the slices where that is longer than ``longest``."""
    whole = _page(title, evidence, slices=True)
    return whole if longest is None or len(whole) <= longest else _page(title, evidence, slices=False)


def _page(title: str, evidence: "Evidence", slices: bool) -> str:
    about = evidence.about
    lines = [f"# {title}", "", *_gates(evidence.gates), ""]
    if slices and len(evidence.slices):
        lines += ["## Slices", "", *_slices(evidence.slices), ""]
    lines += [f"Evaluation set `{about['evaluation_set']}`: {about['users']:,} unseen users."]
    return "\n".join(lines) + "\n"


def plain(gates: "Sequence[Gate]") -> Iterator[str]:
    """A line per gate, aligned, as a terminal shows it."""
    width = max(len(gate.name) for gate in gates)
    for gate in gates:
        yield f"  {gate.name:<{width}}  {gate.verdict.value:<12}  {gate.found}"


def _gates(gates: "Sequence[Gate]") -> Iterator[str]:
    yield "| gate | verdict | found |"
    yield "| --- | --- | --- |"
    for gate in gates:
        yield f"| {gate.name} | {gate.verdict.value} | {gate.found} |"


def _slices(table: pd.DataFrame) -> Iterator[str]:
    yield "| slice | users | champion | challenger | difference | at most | |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in table.itertuples():
        interval = f"{row.difference:+.2%} [{row.ci_low:+.2%}, {row.ci_high:+.2%}]"
        harmed = "harmed" if row.harmed else ""
        yield (
            f"| {row.slice} | {row.users:,} | {row.champion:.2%} | {row.challenger:.2%} | {interval} "
            f"| {row.at_most:+.2%} | {harmed} |"
        )
