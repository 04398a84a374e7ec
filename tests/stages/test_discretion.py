"""People's words stay in the data: no log line and nothing that MLflow keeps of a run or a model repeats them."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from prefactor.cli import app
from tests.stages.conftest import MARKER, Project, write_own_file

STAGES = ("prepare", "validate", "split", "validate_split")
SPAN = 8  # so many words in a row are a quotation
Row = dict[str, Any]
FAULTS: dict[str, Callable[[Row], Row]] = {
    "the same response twice": lambda row: row | {"rejected": row["chosen"]},
    "no prompt": lambda row: row | {"prompt": None},
    "a record for a text": lambda row: row | {"chosen": {"said": row["chosen"]}},
    "a text for a number": lambda row: row | {"margin": row["chosen"]},
    "a text for a key": lambda row: row | {row["chosen"]: 1, "prompt": 3},
    "a column lost": lambda row: {name: value for name, value in row.items() if name != "rejected"},
    "too long": lambda row: row | {"chosen": row["chosen"] * 5000},
}


def test_no_stage_says_what_people_wrote(whole: Project) -> None:
    said = [whole.run(f"stages.{stage}", "mine") for stage in STAGES]
    said.append(whole.run("stages.embed", "stylebench", "minilm"))
    words = "".join(done.stdout + done.stderr for done in said)
    assert "mine" in words
    assert MARKER in (whole.folder / "mine.jsonl").read_text() and MARKER not in words
    assert not spans_of([words]) & spans_of(texts_of(whole, "stylebench"))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("which", ["one", "all"])
def test_an_error_says_where_and_not_what_somebody_wrote(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], fault: str, which: str
) -> None:
    write_own_file(tmp_path / "mine.jsonl", users=3, prompts=4)
    rows = [json.loads(line) for line in (tmp_path / "mine.jsonl").read_text().splitlines()]
    bad = [FAULTS[fault](row) if which == "all" or at == 5 else row for at, row in enumerate(rows)]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in bad))
    done = CliRunner().invoke(app, ["data", "check", str(tmp_path / "mine.jsonl"), "--columns", "user_id=rater"])
    assert done.exit_code == 1 and (done.stderr.startswith("prefactor: "))
    assert MARKER not in done.output + "".join(capfd.readouterr())


def test_mlflow_keeps_no_text_of_the_data(whole: Project, tmp_path: Path) -> None:
    whole.run("stages.publish", "--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}")
    kept = [*cells_of(tmp_path / "mlflow.db"), *readable_under(tmp_path)]
    assert any("learning_rate" in text for text in kept)
    assert not [text for text in kept if MARKER in text]
    assert not spans_of(kept) & spans_of(texts_of(whole, "stylebench"))


def cells_of(store: Path) -> list[str]:
    """All that the tables of an SQLite file hold."""
    with sqlite3.connect(store) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [str(cell) for table in tables for row in database.execute(f'SELECT * FROM "{table}"') for cell in row]


def readable_under(folder: Path) -> list[str]:
    """The text files there, also of tables their text columns."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    texts = [path.read_bytes().decode(errors="ignore") for path in files if path.suffix != ".db"]
    return [*texts, *(str(pq.read_table(path).to_pylist()) for path in files if path.suffix == ".parquet")]


def spans_of(texts: Iterable[str]) -> set[tuple[str, ...]]:
    """Every run of SPAN words; of a shorter text nothing."""
    words = (re.findall(r"\w+", text.lower()) for text in texts)
    return {tuple(run[at : at + SPAN]) for run in words for at in range(len(run) - SPAN + 1)}


def texts_of(project: Project, dataset: str) -> set[str]:
    """All prompts and responses."""
    table = pq.read_table(project.folder / "data" / "prepared" / dataset / "texts.parquet")
    return {*table["prompt"].to_pylist(), *table["response"].to_pylist()}
