"""``prefactor diagnose``: the page and its tables from anybody's scores, or one line that says what is wrong."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from prefactor.cli import app
from prefactor.commands.diagnose import OUTPUTS
from prefactor.evaluation.scaling.diagnosis import Diagnosis
from tests.reporting.diagnosis.made_up import SECRET, candidates


@pytest.fixture
def table() -> pd.DataFrame:
    return candidates(users=4, queries=3, size=4)[["user", "query", "candidate", "gold", "vrf#0", "vrf#1", "mine"]]


def run(path: Path, table: pd.DataFrame | None, *options: object) -> Result:
    if table is not None and path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif table is not None:
        table.to_parquet(path)
    out = path.parent / "out"
    return CliRunner().invoke(app, ["diagnose", str(path), "--out", str(out), *map(str, options)])


def test_a_table_becomes_a_page_and_its_figures(table: pd.DataFrame, tmp_path: Path) -> None:
    done = run(tmp_path / "scores.parquet", table.assign(note="words"), "--against", "vrf=mine", "--cost", 0.01)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(OUTPUTS)
    lines = done.stdout.splitlines()
    assert lines[0] == "4 users, 3 queries, 12 sets of candidates" and lines[-1].endswith("out/index.html")
    assert {"vrf", "mine"} <= {line.partition(":")[0] for line in lines} and SECRET not in done.stdout
    found = Diagnosis.read(tmp_path / "out")
    assert {"vrf", "mine", "oracle", "random"} <= set(found.figures["model"])
    assert (found.figures["metric"] == "gain_minus").any()
    about = json.loads((tmp_path / "out/about.json").read_text())
    assert about["file"] == "scores.parquet" and about["left_out"] == {"column note": "its values are no numbers"}
    text = (tmp_path / "out/index.html").read_text()
    assert "On scores, " in text and "column note" in text and SECRET not in text and "costs 0.01 sd" in text


def test_columns_may_have_any_names_and_order_in_either_format(table: pd.DataFrame, tmp_path: Path) -> None:
    assert run(tmp_path / "scores.parquet", table).exit_code == 0
    plain = Diagnosis.read(tmp_path / "out").figures
    names = {"user": "person", "query": "prompt", "candidate": "text", "gold": "rouge"}
    other = table.rename(columns=names).assign(**{"std:mine": 1.0})[::-1]
    options = [part for what, name in names.items() for part in (f"--{what}", name)]
    done = run(tmp_path / "scores.csv", other, *options)
    assert done.exit_code == 0, done.output
    pd.testing.assert_frame_equal(Diagnosis.read(tmp_path / "out").figures, plain)
    assert json.loads((tmp_path / "out/about.json").read_text())["file"] == "scores.csv", "the earlier one is replaced"


def test_chosen_scores_alone_are_diagnosed(table: pd.DataFrame, tmp_path: Path) -> None:
    assert run(tmp_path / "scores.parquet", table, "--score", "mine").exit_code == 0
    assert set(Diagnosis.read(tmp_path / "out").users["model"]) == {"mine"}


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, ("--gold", "rouge"), "no column 'rouge': it has ['user', 'query', 'candidate', 'gold'"),
        ({}, ("--score", "theirs"), "no column 'theirs'"),
        ({"mine": "high"}, ("--score", "mine"), "column mine, "),
        ({"gold": 1.0}, (), "gold is the same for all candidates of every set"),
        ({"candidate": "c"}, (), "rows 1 and 2 are the same candidate of the same user and query: keep one"),
        ({"query": [f"q{row}" for row in range(48)]}, (), "only candidate: there is nothing to choose"),
        ({"mine": [1.0] * 6 + [np.nan] + [2.0] * 41}, (), "row 7, column mine: nan cannot be ranked"),
        ({"vrf#0": "a", "vrf#1": "b", "mine": "c"}, (), "no column of scores"),
        ({"random": 1.0}, (), "column 'random'"),
        ({}, ("--score", "gold"), "column 'gold': it is meant as two things at once"),
        ({"rouge": 1.0}, ("--gold", "rouge"), "column 'gold': the name of a score would be that of the gold"),
        ({}, ("--against", "vrf=their"), "no scores of 'their'"),
        ({}, ("--against", "vrf"), "'vrf' is not MODEL=OTHER"),
        ({}, ("--cost", "-1"), "give a number above 0"),
    ],
)
def test_an_input_at_fault_is_one_line(
    table: pd.DataFrame, tmp_path: Path, change: dict[str, object], options: tuple[str, ...], message: str
) -> None:
    done = run(tmp_path / "scores.parquet", table.assign(**change), *options)
    assert done.exit_code == 1 and done.stderr.startswith("prefactor: ") and done.stderr.count("\n") == 1
    assert message in done.stderr and SECRET not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["scores.parquet"], "nothing is left behind"


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    assert "nowhere.parquet does not exist" in run(tmp_path / "nowhere.parquet", None).stderr
    for name, kind in {"broken.parquet": "parquet", "broken.csv": "CSV"}.items():
        (tmp_path / name).write_bytes(b"\xff\xfe\x00")
        assert f"{name} cannot be read as {kind} (" in run(tmp_path / name, None).stderr


def test_a_folder_of_other_things_is_kept(table: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    done = run(tmp_path / "scores.parquet", table)
    assert done.exit_code == 1 and "holds 'mine.txt', which is of no diagnosis" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
