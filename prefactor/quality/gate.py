"""The gate itself: run the suites, leave their Data Docs and the rows that failed, and stop what is not good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefactor.atomic import atomic_folder, write_json
from prefactor.errors import InputError
from prefactor.parameters import as_dict
from prefactor.quality.parameters import QualityParameters
from prefactor.quality.suite import Suite
from prefactor.quality.validation import Outcome, check, load_great_expectations
from prefactor.reading import read_object

if TYPE_CHECKING:
    import duckdb

    from prefactor.quality.failures import Failure


def validate_tables(prepared: Path, out: Path, parameters: QualityParameters) -> dict[str, Any]:
    """Hold the normalized tables of one dataset against their suites, and against its previous version if it has one.

    Writes Data Docs (``out``/index.html) and ``out``/result.json, and returns the latter. Where an expectation is not
    met, also writes the rows that failed to ``out``/failed, and raises InputError.
    """
    load_great_expectations()
    from prefactor.quality.drift import drift_suite, observe_drift
    from prefactor.quality.observed import observe_tables
    from prefactor.quality.sources import source_relations, source_suites
    from prefactor.quality.tables import relation_suites, table_suites

    source = read_object(prepared / "source.json", "run stage prepare")
    files = _tables(prepared)
    with _views(files, "run stage prepare again") as connection:
        suites = [*table_suites(source, files, parameters), *source_suites(source, files, prepared)]
        outcomes = _run(suites, connection)
        observed: dict[str, Any] = {}
        if all(outcome.sound for outcome in outcomes):
            outcomes += _run([*source_relations(source), *relation_suites(source, files, parameters)], connection)
            observed = observe_tables(connection, outcomes[-1].table)
            if prepared.name in parameters.previous:
                with _previous(connection, prepared.name, Path(parameters.previous[prepared.name])):
                    outcomes += _run([drift_suite(parameters.drift)], connection)
                observed["drift"] = observe_drift(outcomes[-1].table)
    return _conclude("tables", prepared, prepared, out, outcomes, observed, parameters)


def validate_split(prepared: Path, split: Path, out: Path, parameters: QualityParameters) -> dict[str, Any]:
    """Hold the split of one dataset against its suites and the leakage rule that its manifest names.

    The prepared tables are taken to have passed ``validate_tables``. Writes, returns and raises like it.
    """
    load_great_expectations()
    from prefactor.quality.observed import observe_split
    from prefactor.quality.partition import split_relations, split_suites

    leakage = _leakage(split / "manifest.json")
    files = _tables(prepared) | {f"split_{name}": split / f"{name}.parquet" for name in ("pairs", "users")}
    with _views(files, "run stage split again") as connection:
        outcomes = _run(split_suites(), connection)
        observed: dict[str, Any] = {}
        if all(outcome.sound for outcome in outcomes):
            outcomes += _run(split_relations(leakage), connection)
            observed = observe_split(connection, leakage)
    return _conclude("split", prepared, split, out, outcomes, observed, parameters)


def _run(suites: list[Suite], connection: duckdb.DuckDBPyConnection) -> list[Outcome]:
    return [check(suite, connection) for suite in suites]


def _conclude(
    gate: str,
    prepared: Path,
    checked: Path,
    out: Path,
    outcomes: list[Outcome],
    observed: Mapping[str, Any],
    parameters: QualityParameters,
) -> dict[str, Any]:
    from prefactor.quality.docs import write_docs
    from prefactor.quality.failures import write_failures

    with atomic_folder(out) as folder:
        failures = write_failures(outcomes, folder, parameters.failing_rows)
        summary = {
            "dataset": prepared.name,
            "gate": gate,
            "success": not failures,
            "suites": {outcome.suite.name: _counts(outcome) for outcome in outcomes},
            "failures": [asdict(failure) for failure in failures],
            "observed": dict(observed),
            "parameters": as_dict(parameters),
        }
        write_docs(folder, outcomes, failures, summary)
        write_json(folder / "result.json", summary)
    if failures:
        raise InputError(_message(checked, out, failures))
    return summary


def _counts(outcome: Outcome) -> dict[str, int]:
    evaluated = len(outcome.result.results)
    failed = len(outcome.failed)
    rows = {} if outcome.suite.rules else {"rows": len(outcome.table)}
    return {**rows, "passed": evaluated - failed, "failed": failed, "skipped": outcome.skipped}


def _message(checked: Path, out: Path, failures: list[Failure]) -> str:
    lines = [f"{checked} did not pass the gate: {len(failures)} expectation(s) not met; see {out / 'index.html'}"]
    for failure in failures:
        observed = f", observed {failure.observed}" if failure.observed else ""
        lines.append(
            f"  {failure.suite}: {failure.expectation}: {failure.rows} row(s){observed}, in {out / failure.file}; "
            f"fix: {failure.fix}"
        )
    return "\n".join(lines)


def _tables(prepared: Path) -> dict[str, Path]:
    files = {name: prepared / f"{name}.parquet" for name in ("texts", "pairs", "users")}
    further = {name: prepared / f"{name}.parquet" for name in ("candidates", "prompts")}
    return files | {name: path for name, path in further.items() if path.exists()}


@contextmanager
def _views(files: Mapping[str, Path], fix: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection in memory with each file as a view; a file that cannot be read is an InputError."""
    import duckdb

    offline: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,
    }
    with duckdb.connect(config=offline) as connection, _viewed(connection, files, fix):
        yield connection


@contextmanager
def _viewed(connection: duckdb.DuckDBPyConnection, files: Mapping[str, Path], fix: str) -> Iterator[None]:
    import duckdb

    for name, path in files.items():
        if not path.is_file():
            raise InputError(f"{path} does not exist: {fix}")
        try:
            connection.read_parquet(str(path)).create_view(name)
        except duckdb.Error as error:
            raise InputError(f"{path} is not a readable parquet file ({_first_line(error)}): {fix}") from error
    try:
        yield
    except duckdb.Error as error:  # a damaged page, or a column that the file lacks
        names = ", ".join(path.name for path in files.values())
        raise InputError(f"{path.parent}: cannot query {names} ({_first_line(error)}): {fix}") from error


@contextmanager
def _previous(connection: duckdb.DuckDBPyConnection, dataset: str, folder: Path) -> Iterator[None]:
    """The tables of the previous version as views too, under their names after ``previous_``."""
    fix = f"set quality.previous.{dataset} to a folder with the prepared tables of its previous version, or drop it"
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: {fix}")
    files = {f"previous_{name}": folder / f"{name}.parquet" for name in ("texts", "pairs", "users")}
    with _viewed(connection, files, fix):
        yield


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _leakage(manifest: Path) -> str:
    from prefactor.quality.partition import MEANINGS

    parameters = read_object(manifest, "run stage split").get("parameters")
    rule = parameters.get("leakage") if isinstance(parameters, dict) else None
    if not isinstance(rule, str) or rule not in MEANINGS:
        known = ", ".join(MEANINGS)
        raise InputError(f"{manifest}: parameters.leakage is {rule!r}, must be one of {known}: run stage split again")
    return rule
