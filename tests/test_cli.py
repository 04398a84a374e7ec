"""The command line: quick to start, plain in its errors, and nothing half-written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from prefactor.cli import app
from prefactor.datasets.samples import write_sample
from prefactor.datasets.samples.prism import PrismSample

HEAVY = ("duckdb", "great_expectations", "matplotlib", "numpy", "pandas", "pyarrow", "pydantic", "torch")
HEADER = "rater,prompt,chosen,rejected"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file that passes the gates: ids by a column of another name, one pair twice."""
    rows = [
        f"u{u},Question {p}?,answer {p} {'b' * (u % 3)},answer {p} {'a' * (p % 4)}." for u in range(8) for p in range(9)
    ]
    path = tmp_path / "own.csv"
    path.write_text("\n".join([HEADER, *rows, rows[0]]) + "\n")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def test_it_starts_without_what_only_its_commands_need() -> None:
    loaded = f"import sys, prefactor.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    help = subprocess.run([sys.executable, "-m", "prefactor.cli", "data", "--help"], capture_output=True, text=True)
    assert help.returncode == 0 and "inspect" in help.stdout and "check" in help.stdout


def test_inspect_prints_and_writes_the_same_figures(own: Path, tmp_path: Path) -> None:
    page, figures = tmp_path / "page.html", tmp_path / "figures.json"
    options = ("--columns", "user_id=rater", "--params", tmp_path / "none.yaml", "--page", page, "--json", figures)
    done = run("inspect", own, *options)
    assert done.exit_code == 0 and not done.stderr
    assert done.stdout.startswith("own.csv: 72 pairs of 8 users\n")
    assert "Question" in done.stdout and "Question" in page.read_text(), "examples"
    content = figures.read_text()
    assert json.loads(content)["counts"] == {"users": 8, "pairs": 72, "groups": 9, "prompts": 9, "texts": 36}
    assert "Question" not in content
    done = run("inspect", own, *options, "--examples", 0)
    assert "Question" not in done.stdout + page.read_text()


def test_inspect_looks_at_prepared_tables(own: Path, tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("datasets: {mine: {source: files, input: own.csv, options: {columns: {user_id: rater}}}}")
    assert run("inspect", "mine", "--params", params).stdout.startswith("mine: 72 pairs of 8 users\n")


def test_check_says_what_would_be_dropped_and_passes(own: Path, tmp_path: Path) -> None:
    done = run("check", own, "--columns", "user_id=rater", "--docs", tmp_path / "docs")
    assert done.exit_code == 0
    assert "73 rows make 72 pairs of 8 users" in done.stdout and "row 73" in done.stdout
    assert "Question" not in done.output and (tmp_path / "docs" / "tables" / "index.html").exists()


def test_check_of_a_dataset_follows_params(own: Path, tmp_path: Path) -> None:
    """Its options, its split and the gate's bounds; and another file in the place of its input."""
    params = tmp_path / "params.yaml"
    section = "{source: files, input: nowhere.csv, options: {columns: {user_id: rater}}, split: {seed: 7}}"
    params.write_text(f"datasets: {{mine: {section}}}\nquality: {{minimum_pairs_per_user: 10}}")
    done = run("check", own, "--dataset", "mine", "--params", params)
    assert done.exit_code == 1 and "judgements: pairs values to be between (min_value 10): 8 row(s)" in done.stdout
    assert done.stderr == "prefactor: mine did not pass: see above\n"
    params.write_text(f"datasets: {{mine: {section}}}")
    assert "rule within-user, seed 7" in run("check", own, "--dataset", "mine", "--params", params).stdout
    done = run("check", "--dataset", "mine", "--params", params)
    assert done.exit_code == 1 and "nowhere.csv does not exist" in done.stderr


def test_published_files_need_no_params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_sample("prism", tmp_path / "files", PrismSample(users=30))
    done = run("inspect", "files", "--source", "prism", "--examples", 0)
    assert done.exit_code == 0 and "Agreement between users" in done.stdout
    done = run("check", "files", "--source", "prism")
    assert "Gate of the tables" in done.stdout and "Traceback" not in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("inspect", "nothing"), "nothing is neither a dataset of params.yaml nor a file or folder"),
        (("inspect", "OWN", "--columns", "user_id"), "--columns: 'user_id' is not NAME=COLUMN"),
        (("inspect", "OWN", "--columns", "user_id=a,user_id=b"), "--columns: user_id is given twice"),
        (("inspect", "OWN"), "has no column 'user_id'"),
        (("inspect", "OWN", "--columns", "user=rater"), "columns: unknown name 'user'; did you mean 'user_id'?"),
        (("inspect", "OWN", "--page", "."), ". is a folder: name a file in it"),
        (("inspect", "nowhere.csv", "--json", "/proc/x.json"), "cannot write /proc/x.json ("),
        (("inspect", "OWN", "--page", "none/x.html"), "cannot write none/x.html: the folder none does not exist"),
        (("inspect", "OWN", "--source", "prisma"), "unknown source 'prisma'; did you mean 'prism'"),
        (("inspect", "OWN", "--source", "prism", "--columns", "user_id=a"), "--columns beside --source prism"),
        (("check", "--dataset", "mine", "--source", "prism"), "--source beside --dataset"),
        (("check",), "nothing to check: name a file"),
        (("check", "nowhere.csv"), "nowhere.csv does not exist"),
        (("check", "OWN", "--dataset", "mine", "--strict"), "--strict beside --dataset"),
        (("check", "OWN", "--minimum-margin", "nan", "--columns", "user_id=rater"), "minimum_margin must be a number"),
    ],
)
def test_an_input_at_fault_is_one_line(
    own: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(own.parent)
    done = run(*(str(own) if argument == "OWN" else argument for argument in arguments))
    assert done.exit_code == 1 and done.exception is not None and isinstance(done.exception, SystemExit)
    assert said in done.stderr and done.stderr.startswith("prefactor: ") and done.stderr.count("\n") == 1
    assert [item.name for item in own.parent.iterdir()] == ["own.csv"]


def test_an_error_of_the_process_is_plain(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(f"{HEADER}\nu,p,a\n")
    command = [
        sys.executable,
        "-m",
        "prefactor.cli",
        "data",
        "check",
        str(tmp_path / "own.csv"),
        "--columns",
        "user_id=rater",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("prefactor: ") and "row 1 has 3" in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
