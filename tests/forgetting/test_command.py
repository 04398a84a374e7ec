"""The command line: what it says, and how it ends."""

from pathlib import Path

import typer
from typer.testing import CliRunner

from prefactor.commands.forget import forget
from tests.forgetting.project import seen


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(forget)
    done = CliRunner().invoke(app, [*arguments])
    return done.exit_code, done.stdout


def test_the_command_says_what_it_did_and_what_is_not_its_own(root: Path) -> None:
    user = seen(root)[0]
    code, said = run(user, "--everywhere", "--root", str(root), "--dry-run")
    assert code == 0 and "Would be removed:" in said and "digest" not in said
    code, said = run(user, "--everywhere", "--root", str(root))
    assert code == 0
    assert "Removed:" in said and "data/prepared/talks" in said and "(seeds 0, 1)" in said
    assert "inputs/talks.jsonl" in said and "forgotten.json" in said and "dvc repro" in said
    code, said = run(user, "--everywhere", "--root", str(root))
    assert code == 0 and "forgotten before" in said and "Removed:" not in said


def test_the_command_fails_where_anything_is_left(root: Path, notes: Path) -> None:
    code, said = run("anna", "--everywhere", "--root", str(root))
    assert code == 1 and ".prefect/flow.log" in said and "data/.forgetting-" in said
    assert run("anna", "--everywhere", "--root", str(root), "--dry-run")[0] == 0
