"""No error of the pipeline repeats what somebody wrote; that no stage and no run does is tested on a whole pipeline."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from prefactor.cli import app
from tests.stages.conftest import MARKER, write_own_file

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
