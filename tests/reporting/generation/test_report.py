"""The report's tables, read from the folders that stages wrote."""

from pathlib import Path

import pandas as pd

from prefactor.evaluation.generation.tables import SCHEMAS, write_about, write_table
from prefactor.reporting.generation.report import GenerationReport
from tests.reporting.generation.made_up import made_up


def test_a_report_comes_back_from_its_files(tmp_path: Path) -> None:
    report = made_up(users=4, prompts=3)
    for number, name in enumerate(SCHEMAS):
        write_table(tmp_path / str(number % 2), name, getattr(report, name))
    write_about(tmp_path / "0", dict(report.about))
    found = GenerationReport.read("stylebench", tmp_path / "0", tmp_path / "1", tmp_path / "nobody")
    assert found.about == report.about and found.dataset == "stylebench"
    for name in SCHEMAS:
        theirs, ours = getattr(found, name), getattr(report, name)
        assert len(theirs) == len(ours) and list(theirs.columns) == SCHEMAS[name].names
    keys = ["metric", "method", "setting", "shots"]
    values = [table.sort_values(keys)["value"].to_numpy() for table in (found.results, report.results)]
    pd.testing.assert_series_equal(pd.Series(values[0]), pd.Series(values[1]))


def test_without_files_all_tables_are_empty(tmp_path: Path) -> None:
    found = GenerationReport.read("stylebench", tmp_path)
    assert all(not len(getattr(found, name)) for name in SCHEMAS) and not GenerationReport("x").about
