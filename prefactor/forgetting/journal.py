"""The record of a forgetting that has begun: what to look for cannot be read off tables that are already rewritten.

It lies below ``data/``, holds ids in plain text, and is deleted when nothing is left of them.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from prefactor.forgetting.exposure import Exposure
from prefactor.forgetting.forgotten import digest
from prefactor.forgetting.traces import Traces
from prefactor.forgetting.workspace import JOURNAL
from prefactor.reading import read_object

DIGITS = 12


@dataclass(frozen=True)
class Finding:
    """A person in one dataset: by what they can be found there, and their ``role`` in the split, if they have any."""

    traces: Traces
    role: str | None = None

    def joined(self, other: "Finding") -> "Finding":
        """Both findings of one dataset."""
        return Finding(self.traces | other.traces, self.role or other.role)


@dataclass(frozen=True)
class Journal:
    """What was found by dataset, and which models had seen the person, when the forgetting began."""

    path: Path
    findings: Mapping[str, Finding]
    exposures: tuple[Exposure, ...] = ()
    older: tuple[Path, ...] = ()  # records that this one takes the place of

    @classmethod
    def read(cls, root: Path, user_id: str, dataset: str | None) -> Self:
        """The record of an earlier forgetting in a dataset that did not end; an empty one if there is none.

        For None, of all datasets: the records of single ones too.
        """
        stem = f"{JOURNAL}{digest(user_id)[:DIGITS]}"
        path = root / "data" / (f"{stem}.json" if dataset is None else f"{stem}.{dataset}.json")
        older = sorted(path.parent.glob(f"{stem}*.json")) if dataset is None else [path]
        journal = cls(path, {}, older=tuple(each for each in older if each.exists()))
        for each in journal.older:
            journal = journal.joined(*_kept(each))
        return journal

    def joined(self, findings: Mapping[str, Finding], exposures: tuple[Exposure, ...]) -> Self:
        """The record with what is found now."""
        both = {**self.findings}
        for name, finding in findings.items():
            both[name] = both[name].joined(finding) if name in both else finding
        known = {each.model for each in self.exposures}
        more = tuple(each for each in exposures if each.model not in known)
        return replace(self, findings=both, exposures=(*self.exposures, *more))

    def write(self) -> None:
        """Keep it until :meth:`delete`."""
        rows: dict[str, Any] = {
            name: {"traces": finding.traces.as_json(), "role": finding.role} for name, finding in self.findings.items()
        }
        value = {"findings": rows, "exposures": [vars(each) for each in self.exposures]}
        self.path.parent.mkdir(exist_ok=True)
        scratch = self.path.with_suffix(".part")
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(value, file)
        scratch.replace(self.path)

    def delete(self) -> None:
        """Nothing is left to look for."""
        for path in (self.path, *self.older):
            path.unlink(missing_ok=True)


def _kept(path: Path) -> tuple[dict[str, Finding], tuple[Exposure, ...]]:
    kept = read_object(path, "delete it, and forget again")
    findings = {name: Finding(Traces.from_json(row["traces"]), row["role"]) for name, row in kept["findings"].items()}
    return findings, tuple(Exposure(**row) for row in kept["exposures"])
