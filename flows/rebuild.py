"""The flow `rebuild`: run the pipeline where something changed, then publish its models."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.artifacts import StageBoard, link_reports
from flows.dvc_output import ReproOutput, StageRun, planned_stages
from flows.environment import child_environment
from flows.leash import run_leashed
from flows.workspace import exclusive

PROJECT_ROOT = Path(__file__).resolve().parent.parent
LINES_OF_A_FAILED_PUBLISH = 30


class PipelineError(RuntimeError):
    """The pipeline or its publishing failed; the message is what the stage itself said."""


@flow(name="rebuild", retries=0, persist_result=False)
def rebuild(
    targets: Sequence[str] = (),
    force: bool = False,
    publish: bool = True,
    root: Path = PROJECT_ROOT,
) -> list[StageRun]:
    """Bring the pipeline up to date with `dvc repro`, then publish what it made to MLflow.

    One rebuild runs at a time in one folder. A stage that fails fails the flow, with the stage's own error.

    Args:
        targets: Stages to bring up to date, with all they depend on; none means all.
        force: Run these stages even where nothing changed.
        publish: Log runs and register models in MLflow afterwards.
        root: The folder that holds dvc.yaml.
    """
    with exclusive(root) as lock:
        stages = reproduce(targets, force, root, lock)
        link_reports(root)
        if publish:
            publish_models(root, lock)
    return stages


@task(name="dvc-repro", cache_policy=NO_CACHE, retries=0, persist_result=False)
def reproduce(targets: Sequence[str], force: bool, root: Path, lock: int) -> list[StageRun]:
    """Run one `dvc repro`, line by line into the log and stage by stage into the artifacts.

    ``lock`` is held for as long as `dvc` lives. Returns the stages it went through; raises PipelineError.
    """
    board = StageBoard(planned_stages(graph_of(root), targets))
    output = ReproOutput()
    log = get_run_logger()

    def follow(line: str) -> None:
        if line:
            log.info(line)
        if output.feed(line, time.monotonic()):
            board.show(output.stages)

    command = [sys.executable, "-m", "dvc", "repro", *(["--force"] if force else []), *targets]
    try:
        status = run_leashed(command, follow, folder=root, environment=child_environment(), keep_open=[lock])
        output.finish(status, time.monotonic())
    finally:
        output.stop(time.monotonic())
        board.close(output.stages)
    if output.failure:
        raise PipelineError(output.failure)
    return output.stages


@task(name="publish", cache_policy=NO_CACHE, retries=0, persist_result=False)
def publish_models(root: Path, lock: int) -> None:
    """Log runs and register models from what the stages wrote; publishing twice changes nothing."""
    log = get_run_logger()
    said: list[str] = []

    def follow(line: str) -> None:
        log.info(line)
        said.append(line)

    command = [sys.executable, "-m", "stages.publish"]
    if run_leashed(command, follow, folder=root, environment=child_environment(), keep_open=[lock]):
        raise PipelineError("publishing failed:\n" + "\n".join(said[-LINES_OF_A_FAILED_PUBLISH:]))


def graph_of(root: Path) -> str:
    """The pipeline's graph, as `dvc dag --dot` prints it."""
    command = [sys.executable, "-m", "dvc", "dag", "--dot"]
    asked = subprocess.run(command, cwd=root, env=child_environment(), capture_output=True, text=True)
    if asked.returncode:
        raise PipelineError(f"dvc cannot read the pipeline in {root}: {asked.stderr.strip()}")
    return asked.stdout
