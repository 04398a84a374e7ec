"""``prefactor adapt-users``: the table of users, or one line that says what is wrong."""

from pathlib import Path

import pandas as pd
from typer.testing import CliRunner, Result

from prefactor.cli import app
from tests.adaptation.worlds import make_batch, make_job


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["adapt-users", *map(str, arguments)])


def test_pairs_become_users(tmp_path: Path) -> None:
    job = make_job(tmp_path, make_batch([5, 9, 1]))
    done = run(job.pairs, job.out, "--model", job.model, "--states", job.states, "--threads", 1)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("3 users of 15 pairs in ") and done.stdout.endswith(f"s: {job.out}\n")
    assert len(pd.read_parquet(job.out / "part-00000.parquet")) == 3
    assert "user-0" not in done.output


def test_states_are_kept_on_request(tmp_path: Path) -> None:
    job = make_job(tmp_path, make_batch([5, 9, 1]))
    assert run(job.pairs, job.out, "--model", job.model, "--states", job.states, "--state", "--sort").exit_code == 0
    assert "state" in pd.read_parquet(job.out / "part-00000.parquet")


def test_what_is_missing_is_said_in_a_line(tmp_path: Path) -> None:
    job = make_job(tmp_path, make_batch([5]))
    for options, said in (
        ([], "which model: name its folder with --model, or a dataset of the registry with --dataset"),
        (["--model", job.model], "which states does the model read: name their cache with --states"),
        (
            ["--model", tmp_path / "none", "--states", job.states],
            "model.json does not exist: rerun stage train-encoder",
        ),
        (["--model", job.model, "--states", tmp_path], "holds no states: its meta.json is missing or damaged"),
    ):
        done = run(job.pairs, job.out, *options)
        assert done.exit_code == 1 and said in done.stderr and len(done.stderr.splitlines()) == 1
    assert not job.out.exists()
