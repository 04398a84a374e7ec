"""The reader of DVC's output, on what a real DVC prints."""

import subprocess
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.dvc_output import LINES_OF_A_FAILURE, ReproOutput, StageState, planned_stages
from prefactor.errors import InputError


def read(lines: Iterable[str], status: int) -> ReproOutput:
    """Feed lines one second apart."""
    output = ReproOutput()
    at = 0.0
    for line in lines:
        output.feed(line, at)
        at += 1.0
    output.finish(status, at)
    return output


def read_run(run: "subprocess.CompletedProcess[str]") -> ReproOutput:
    return read(run.stdout.splitlines(), run.returncode)


def states(output: ReproOutput) -> dict[str, str]:
    return {run.stage: run.state.value for run in output.stages}


@pytest.fixture(scope="module")
def project(make_project):
    """A project whose pipeline has run once; `first` is what DVC said then."""
    project = make_project()
    project.first = project.dvc("repro")
    return project


def test_first_run_runs_every_stage_once(project):
    output = read_run(project.first)
    assert output.failure is None
    assert states(output) == dict.fromkeys(["prepare", "grow@p", "grow@q", "report", "aside"], "ran")
    assert all(run.seconds > 0 for run in output.stages)


def test_second_run_finds_nothing_changed(project):
    output = read_run(project.dvc("repro"))
    assert output.failure is None
    assert set(states(output).values()) == {"unchanged"} and len(output.stages) == 5


def test_restored_outputs_are_told_from_run_ones(project):
    project.write("params.yaml", "size: 2\n")
    project.dvc("repro", "report")
    project.write("params.yaml", "size: 1\n")
    assert states(read_run(project.dvc("repro")))["report"] == "cached"


def test_failure_is_told_in_the_stages_own_words(project):
    good = (project.root / "report.py").read_text()
    project.write("report.py", "import sys\nprint('reading')\nsys.exit('pairs.parquet: row 7 has no user')\n")
    try:
        run = project.dvc("repro")
    finally:
        project.write("report.py", good)
    output = read_run(run)
    assert run.returncode != 0
    assert states(output)["report"] == "failed"
    assert output.failure == "stage 'report' failed:\nreading\npairs.parquet: row 7 has no user"


def test_failure_before_a_command_runs_gives_dvcs_reason(project):
    good = (project.root / "report.py").read_text()
    (project.root / "report.py").unlink()
    try:
        output = read_run(project.dvc("repro"))
    finally:
        project.write("report.py", good)
    assert states(output)["report"] == "failed"
    assert output.failure.startswith("stage 'report' failed: ") and "report.py" in output.failure


def test_missing_output_gives_dvcs_reason_though_the_command_spoke(project):
    good = (project.root / "report.py").read_text()
    project.write("report.py", "print('all well')\n")
    try:
        output = read_run(project.dvc("repro"))
    finally:
        project.write("report.py", good)
    assert states(output)["report"] == "failed"
    assert "reports" in output.failure and "does not exist" in output.failure and "all well" not in output.failure


def test_failure_outside_any_stage_gives_dvcs_reason(project):
    output = read_run(project.dvc("repro", "nosuch"))
    assert output.stages == []
    assert output.failure == "dvc repro failed: Stage 'nosuch' not found inside 'dvc.yaml' file"


def test_plan_is_what_dvc_goes_through(project):
    graph = project.dvc("dag", "--dot").stdout
    for targets in (["grow"], ["aside", "grow@q"]):
        gone_through = read_run(project.dvc("repro", *targets)).stages
        assert sorted(planned_stages(graph, targets)) == sorted(run.stage for run in gone_through)


def test_unknown_target_names_the_nearest(project):
    with pytest.raises(InputError, match="'reprt'; did you mean 'report'"):
        planned_stages(project.dvc("dag", "--dot").stdout, ["reprt"])


def test_killed_run_says_what_came_last():
    output = read(["Running stage 'embed':", "> python -m stages.embed", "shard 3 of 9"], 137)
    assert output.failure == "dvc repro ended with status 137: shard 3 of 9"


def test_a_stopped_stage_is_neither_done_nor_failed():
    output = ReproOutput()
    output.feed("Stage 'prepare' didn't change, skipping", 0.0)
    output.feed("Running stage 'embed':", 1.0)
    output.stop(4.0)
    assert states(output) == {"prepare": "unchanged", "embed": "stopped"}
    assert output.stages[-1].seconds == 3.0 and output.failure is None


def test_stopping_after_the_end_changes_nothing():
    output = read(["Running stage 'embed':"], 0)
    output.stop(9.0)
    assert states(output) == {"embed": "ran"}


def test_colours_are_no_part_of_a_name():
    assert states(read(["\x1b[32mRunning stage 'embed':\x1b[0m"], 0)) == {"embed": "ran"}


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), max_size=2 * LINES_OF_A_FAILURE))
def test_no_line_of_a_stage_is_lost_or_invented_but_the_oldest(lines):
    spoken = ["line " + line for line in lines]
    error = "ERROR: failed to reproduce 'train': failed to run: python, exited with 1"
    output = read(["Running stage 'train':", "> python", *spoken, error], 255)
    told = output.failure.removeprefix("stage 'train' failed:").strip().splitlines()
    assert told == (spoken[-LINES_OF_A_FAILURE:] or ["failed to run: python, exited with 1"])


@given(st.lists(st.sampled_from(["run", "cached", "unchanged"]), max_size=20), st.floats(0.1, 100.0))
def test_seconds_of_run_and_restored_stages_add_up(kinds, step):
    text = {
        "run": "Running stage 's{}':",
        "cached": "Stage 's{}' is cached - skipping run, checking out outputs",
        "unchanged": "Stage 's{}' didn't change, skipping",
    }
    output = ReproOutput()
    for index, kind in enumerate(kinds):
        output.feed(text[kind].format(index), index * step)
    output.finish(0, len(kinds) * step)
    took = sum(run.seconds for run in output.stages)
    assert took == pytest.approx(step * sum(kind != "unchanged" for kind in kinds))
    assert all(run.state is not StageState.RUNNING for run in output.stages)
