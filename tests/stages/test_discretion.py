"""People's words stay in the data: no log line and nothing that MLflow keeps of a run or a model repeats them."""

import json
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq

from tests.stages.conftest import Project

STAGES = ("prepare", "validate", "split", "validate_split")
PUBLISHED = ("params", "tags", "latest_metrics", "experiment_tags", "model_version_tags", "model_versions", "runs")


def test_no_stage_says_what_people_wrote(whole: Project) -> None:
    said = [whole.run(f"stages.{stage}", "mine") for stage in STAGES]
    said.append(whole.run("stages.embed", "stylebench", "minilm"))
    words = "".join(done.stdout + done.stderr for done in said)
    assert "mine" in words
    rows = [json.loads(line) for line in (whole.folder / "mine.jsonl").read_text().splitlines()]
    texts = {row[name] for row in rows for name in ("prompt", "chosen", "rejected")} | texts_of(whole, "stylebench")
    assert not [text for text in texts if text in words]


def test_an_error_says_where_and_not_what_somebody_wrote(whole: Project, tmp_path: Path) -> None:
    secret = "Only my doctor knows of this."
    bad = tmp_path / "bad.jsonl"
    bad.write_text(json.dumps({"user_id": "anna", "prompt": secret, "chosen": secret, "rejected": secret}) + "\n")
    done = whole.run("prefactor.cli", "data", "check", str(bad), check=False)
    assert done.returncode == 1 and "row 1" in done.stderr
    assert secret not in done.stdout + done.stderr


def test_mlflow_keeps_no_text_of_the_data(whole: Project, tmp_path: Path) -> None:
    store = tmp_path / "mlflow.db"
    whole.run("stages.publish", "--tracking-uri", f"sqlite:///{store}")
    with sqlite3.connect(store) as database:
        known = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        rows = [row for table in PUBLISHED if table in known for row in database.execute(f"SELECT * FROM {table}")]
    kept = "\n".join(str(cell) for row in rows for cell in row)
    assert "learning_rate" in kept
    assert not [text for text in texts_of(whole, "stylebench") if text in kept]


def texts_of(project: Project, dataset: str) -> set[str]:
    """All prompts and responses."""
    table = pq.read_table(project.folder / "data" / "prepared" / dataset / "texts.parquet")
    return {*table["prompt"].to_pylist(), *table["response"].to_pylist()}
