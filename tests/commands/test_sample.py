"""``prefactor data sample``: the files are there and named, or one line says why not."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from prefactor.commands.sample import sample
from prefactor.datasets import load
from prefactor.errors import InputError


def run(*arguments: str) -> str:
    """What the command prints; its error is raised."""
    app = typer.Typer()
    app.command()(sample)
    result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_the_files_can_be_loaded_and_are_named(tmp_path: Path) -> None:
    printed = run("personalllm", str(tmp_path / "out")).splitlines()
    written = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert [line.rpartition(" (")[0] for line in printed] == [str(path) for path in written]
    loaded = load("personalllm", {"users": 5}, tmp_path / "out", "here")
    assert len(loaded.pairs) == 5 * 240, "enough prompts for as many pairs as a user has by default"


@pytest.mark.parametrize("size", ["small", "published"])
def test_a_source_without_a_sample_is_refused(tmp_path: Path, size: str) -> None:
    with pytest.raises(InputError, match="no sample for the source 'jester'"):
        run("jester", str(tmp_path / "out"), "--size", size)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is not an empty folder"):
        run("tldr", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
