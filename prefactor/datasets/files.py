"""The source ``files``: anyone's own preferences, as parquet, JSONL or CSV."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from prefactor.datasets.checks import check_rows
from prefactor.datasets.columns import KINDS, SCORES_LAYOUT, Layout, choose_layout
from prefactor.datasets.inputs import InputFile, combined_sha256, find_inputs
from prefactor.datasets.pairing import Normalized, from_pairs, from_scores
from prefactor.datasets.reading import read_header, read_rows
from prefactor.datasets.rows import EXAMPLES, Rows, examples
from prefactor.errors import InputError
from prefactor.parameters import nearest
from prefactor.preferences import Preferences


@dataclass(frozen=True)
class FilesParameters:
    """How to read a user's own file.

    columns         normalized name -> column of the file, where they differ, e.g. ``{user_id: rater}``
    strict          the same pair with opposite labels from one user is an error, not just counted
    empty_prompts   an empty prompt is legal
    minimum_margin  least difference between the highest and the lowest score of a set, in the file's own units
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    empty_prompts: bool = False
    minimum_margin: float = 0.0

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in KINDS:
                raise InputError(f"columns: unknown name {name!r}{nearest(name, KINDS, 'names')}")
        if not (math.isfinite(self.minimum_margin) and self.minimum_margin >= 0):
            raise InputError("minimum_margin must be a number of 0 or more")


@dataclass(frozen=True)
class Reading:
    """What was made of someone's own file.

    ``places`` says where the first few rows are that were left out or noted, by the reasons of ``source``'s
    ``dropped`` and ``noted``; of users without pairs it has the ids.
    """

    preferences: Preferences
    places: Mapping[str, tuple[str, ...]]


def load(parameters: FilesParameters, input: Path) -> Preferences:
    """Read the file ``input``, or all data files of one format in the folder ``input``.

    Two layouts: ``user_id, prompt, chosen, rejected`` with optional ``group_id``, ``order`` and ``margin``; or
    ``user_id, prompt, response, score`` with optional ``group_id`` and ``order``, where a user's highest- and
    lowest-scored response to a prompt become a pair. Whole-number ids become strings. Equal pairs of one user are
    dropped, opposite ones kept, both counted. Raises InputError for everything else that is wrong.
    """
    return read(parameters, input).preferences


def read(parameters: FilesParameters, input: Path) -> Reading:
    """As :func:`load`, and where what was left out or noted is."""
    files = find_inputs(input)
    layout = choose_layout(parameters.columns, read_header(files[0]), str(files[0].path))
    if parameters.minimum_margin and layout is not SCORES_LAYOUT:
        raise InputError(f"minimum_margin is for scored responses, but {input} has pairs: remove it")
    rows = read_rows(input, files, layout, parameters.columns)
    check_rows(rows, layout, parameters.empty_prompts)
    normalized = _normalize(rows, layout, parameters)
    source = _provenance(files, rows, layout, normalized, parameters)
    preferences = Preferences(normalized.texts, normalized.pairs, normalized.users, None, source)
    return Reading(preferences, _places(rows, normalized))


def _places(rows: Rows, done: Normalized) -> dict[str, tuple[str, ...]]:
    found = {
        reason: tuple(rows.place(item) if isinstance(item, int) else repr(item) for item in items)
        for reason, items in done.examples.items()
    }
    if (negative := _negative_margins(rows)) is not None:
        indices = pc.indices_nonzero(negative)[:EXAMPLES].to_pylist()
        found["negative_margins"] = tuple(rows.place(row) for row in indices)
    return found


def _negative_margins(rows: Rows) -> pa.ChunkedArray | None:
    """Which margins are below zero; None where there are no margins."""
    return pc.less(rows.table["margin"], 0) if "margin" in rows.table.column_names else None


def _normalize(rows: Rows, layout: Layout, parameters: FilesParameters) -> Normalized:
    by_score = layout is SCORES_LAYOUT
    done = from_scores(rows.table, parameters.minimum_margin) if by_score else from_pairs(rows.table)
    if not len(done.pairs):
        reasons = ", ".join(f"{name}: {count}" for name, count in done.dropped.items() if count)
        what = f"{rows.source}: no pair is left of {len(rows)} row(s) ({reasons})"
        raise InputError(f"{what}: give each prompt responses that were scored differently")
    if parameters.strict and len(done.contradictions):
        raise _contradictory(rows, done)
    return done


def _contradictory(rows: Rows, done: Normalized) -> InputError:
    count = len(done.contradictions)
    shown = [
        f"{rows.place(item['second'])} against {rows.place(item['first'])} (user {item['user_id']!r})"
        for item in done.contradictions.slice(0, EXAMPLES).to_pylist()
    ]
    what = f"{rows.source}: {count} pair(s) with opposite labels from one user"
    return InputError(f"{what}: {examples(shown, count)}; remove one of each, or unset strict to keep and count them")


def _provenance(
    files: tuple[InputFile, ...], rows: Rows, layout: Layout, done: Normalized, parameters: FilesParameters
) -> dict[str, Any]:
    """The content of source.json. It names files without their folders: the same data has the same provenance."""
    noted = dict(done.noted)
    if (negative := _negative_margins(rows)) is not None:
        noted["negative_margins"] = pc.sum(negative, min_count=0).as_py()
    parts = [
        {"file": file.path.name, "sha256": file.sha256, "rows": count}
        for file, count in zip(files, rows.counts, strict=True)
    ]
    return {
        "name": "files",
        "file": rows.source.absolute().name,
        "sha256": combined_sha256(files) if rows.source.is_dir() else files[0].sha256,
        "rows": len(rows),
        "layout": layout.name,
        "columns": {name: asdict(origin) for name, origin in rows.columns.items()},
        "parts": parts,
        "dropped": dict(done.dropped),
        "noted": noted,
        "empty_prompts": parameters.empty_prompts,
        "scorers": [],
        "truth": False,
    }
