"""What the report says beside the results: data, splits, trainings, parameters, gathered from the run's files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefactor import layout
from prefactor.errors import InputError
from prefactor.parameters import load_parameters
from prefactor.reading import read_object
from prefactor.reporting.distribution import Distribution, distribution_of
from prefactor.reporting.examples import Example, examples_of
from prefactor.reporting.language_models import LanguageModel, read_language_models
from prefactor.reporting.latency import Timings, read_timings
from prefactor.reporting.portrait import Portrait, read_portrait
from prefactor.trainings import Training, find_trainings

# Sources whose texts are ours to print: real people's words stay out of a page that travels.
PRINTABLE = ("stylebench",)
GATES = ("tables", "split")


@dataclass(frozen=True)
class DatasetFacts:
    """One dataset as prepared, split and checked."""

    source: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    words: Distribution | None = None
    pairs_per_user: Distribution | None = None
    examples: tuple[Example, ...] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)
    training_pairs: tuple[int, ...] = ()  # of each seen user who has any
    quality: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)  # suite -> path of its Data Docs from the root
    embeddings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # backbone -> its report
    state_widths: Mapping[str, int] = field(default_factory=dict)  # backbone -> numbers in a state
    portraits: Mapping[str, Portrait] = field(default_factory=dict)  # backbone -> what its default VRF has learnt
    timings: Mapping[str, Timings] = field(default_factory=dict)  # backbone -> how long a new user takes
    diagnoses: Mapping[str, str] = field(default_factory=dict)  # backbone -> path of the page on more candidates


@dataclass(frozen=True)
class Signal:
    """The test for a personal signal: its findings, and the gains (nats) of random deals."""

    findings: Mapping[str, Any]
    null: tuple[float, ...]


@dataclass(frozen=True)
class ReportContext:
    """Everything on the page that is not a result row. ``dirty``: the commit had changes on top.

    ``signals`` are keyed by dataset and backbone.
    """

    datasets: Mapping[str, DatasetFacts] = field(default_factory=dict)
    trainings: tuple[Training, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    commit: str = ""
    dirty: bool = False
    signals: Mapping[tuple[str, str], Signal] = field(default_factory=dict)
    language_models: tuple[LanguageModel, ...] = ()


def collect(root: Path, commit: str = "", dirty: bool = False) -> ReportContext:
    """Gather the context below ``root``; what a run did not make is left out. InputError for a file that is broken."""
    root = Path(root)
    folders = [folder for place in (layout.prepared, layout.split) for folder in root.glob(str(place("*")))]
    names = sorted({folder.name for folder in folders if folder.is_dir() and not folder.name.startswith(".")})
    parameters = load_parameters(root / "params.yaml") if (root / "params.yaml").exists() else {}
    return ReportContext(
        {name: _dataset(root, name) for name in names},
        tuple(find_trainings(root, parameters.get("run") or {})),
        parameters,
        commit,
        dirty,
        _signals(root),
        read_language_models(root),
    )


def _signals(root: Path) -> dict[tuple[str, str], Signal]:
    paths = sorted(root.glob(str(layout.signal("*", "*") / "result.json")))
    return {(path.parent.parent.name, path.parent.name): _signal(path) for path in paths}


def _signal(path: Path) -> Signal:
    null = _table(path.with_name("null.parquet"))
    return Signal(_object(path), () if null is None else tuple(null["log_loss"].to_pylist()))


def _dataset(root: Path, name: str) -> DatasetFacts:
    prepared, gates = root / layout.prepared(name), {gate: root / layout.data_docs(name, gate) for gate in GATES}
    source = _object(prepared / "source.json")
    pairs = _table(prepared / "pairs.parquet")
    reports = sorted(root.glob(str(layout.states(name, "*") / "report.json")))
    caches = sorted(root.glob(str(layout.states(name, "*") / "meta.json")))
    portraits = sorted(root.glob(str(layout.portrait(name, "*"))))
    timings = sorted(root.glob(str(layout.latency(name, "*"))))
    diagnoses = sorted(root.glob(str(layout.diagnosis(name, "*"))))
    texts = _table(prepared / "texts.parquet")
    return DatasetFacts(
        source=source,
        counts=_counts(prepared, pairs),
        words=None if texts is None else distribution_of(pc.count_substring_regex(texts["response"], r"\S+")),
        pairs_per_user=None if pairs is None else distribution_of(pc.value_counts(pairs["user_id"]).field("counts")),
        examples=examples_of(texts, pairs) if texts and pairs and source.get("name") in PRINTABLE else (),
        manifest=_object(root / layout.split(name) / "manifest.json"),
        training_pairs=_training_pairs(root / layout.split(name) / "pairs.parquet"),
        quality={gate: found for gate, docs in gates.items() if (found := _object(docs / "result.json"))},
        pages={gate: page for gate, docs in gates.items() if (page := _page(root, docs))},
        embeddings={path.parent.name: _object(path) for path in reports},
        state_widths={path.parent.name: width for path in caches if (width := _width(path)) is not None},
        portraits={path.name: portrait for path in portraits if (portrait := read_portrait(path))},
        diagnoses={path.name: page for path in diagnoses if (page := _page(root, path))},
        timings={path.name: timed for path in timings if (timed := read_timings(path))},
    )


def _width(path: Path) -> int | None:
    """What the cache says of its states; None where it does not."""
    identity = read_object(path).get("identity")
    return identity.get("hidden_size") if isinstance(identity, dict) else None


def _counts(prepared: Path, pairs: pa.Table | None) -> dict[str, int]:
    """Rows of each table, without reading them, and the number of prompts or interactions."""
    paths = {name: prepared / f"{name}.parquet" for name in ("users", "pairs", "texts")}
    counts = {name: pq.read_metadata(path).num_rows for name, path in paths.items() if path.exists()}
    return counts if pairs is None else {**counts, "groups": pc.count_distinct(pairs["group_id"]).as_py()}


def _training_pairs(path: Path) -> tuple[int, ...]:
    """How many each seen user has, in no order."""
    pairs = _table(path, ["user_id"], (pc.field("role") == "seen") & (pc.field("part") == "train"))
    return () if pairs is None else tuple(pc.value_counts(pairs["user_id"]).field("counts").to_pylist())


def _page(root: Path, folder: Path) -> str:
    """The Data Docs' first page below ``folder``: the shallowest index.html."""
    pages = sorted(folder.rglob("index.html"), key=lambda path: (len(path.parts), str(path)))
    return pages[0].relative_to(root).as_posix() if pages else ""


def _table(path: Path, columns: list[str] | None = None, rows: pc.Expression | None = None) -> pa.Table | None:
    if not path.exists():
        return None
    try:
        return pq.read_table(path, columns=columns, filters=rows)
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} cannot be read ({error}): rerun the stage that makes it") from error


def _object(path: Path) -> dict[str, Any]:
    return read_object(path) if path.exists() else {}
