"""A sweep in MLflow: a run for the whole, and below it one for every trial that has ended, none twice.

What is shown is made from the outcomes that the sweep keeps, so a store that was gone for a while is brought up to
date the next time. These runs have none of publishing's tags, and publishing leaves them alone.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefactor.parameters import as_dict
from prefactor.sweeping.outcome import Outcome, State
from prefactor.sweeping.settings import SweepSettings
from prefactor.sweeping.winner import winner
from prefactor.tracking.address import is_server, run_page
from prefactor.tracking.runs import METRICS_PER_BATCH, PARAMETERS_PER_BATCH, flattened
from prefactor.tracking.store import connected, experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

SWEEP, TRIAL = "prefactor.sweep", "prefactor.trial"  # tags: a sweep's name and settings; a trial's number
STATE, REASON = "prefactor.trial_state", "prefactor.trial_reason"
BEST = "prefactor.best_trial"
PARENT = "mlflow.parentRunId"
ENDED = {State.COMPLETE: "FINISHED", State.PRUNED: "KILLED", State.FAILED: "FAILED"}
MOST_RUNS = 1_000  # of a search's page
LONGEST = 500  # characters of a value, MLflow's limit
SERVER = "http://127.0.0.1:5000"  # where `make mlflow` shows a store that is no server


class Ended(StrEnum):
    """How a sweep ended, in MLflow's words: all trials were run, something failed, or somebody stopped it."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


@dataclass(frozen=True)
class Shown:
    """Where a sweep is shown: its run, the address of that run's page, how many trials were added now."""

    run_id: str
    page: str
    added: int


def show_sweep(
    root: Path,
    tracking_uri: str,
    name: str,
    settings: SweepSettings,
    outcomes: Sequence[Outcome],
    ended: Ended | None = None,
    files: Sequence[Path] = (),
) -> Shown:
    """Bring the store up to date with what came of a sweep's trials; doing it twice changes nothing.

    ``ended``: the sweep's own run is closed as that, with ``files`` as its artifacts. Raises InputError, or MLflow's
    errors, if the store does not answer; a trial's run is then whole or is made again.
    """
    with connected(root, tracking_uri) as client:
        number = experiment(client, settings.dataset)
        parent = _parent(client, number, name, settings)
        known = _known_trials(client, number, parent)
        missing = [outcome for outcome in outcomes if outcome.number not in known]
        for outcome in missing:
            _add_trial(client, number, parent, outcome)
        _sum_up(client, parent, outcomes)
        if ended is not None:
            for path in files:
                client.log_artifact(parent, str(path))
            client.set_terminated(parent, ended)
    server = tracking_uri if is_server(tracking_uri) else SERVER
    return Shown(parent, run_page(server, number, parent), len(missing))


def _parent(client: "MlflowClient", experiment_id: str, name: str, settings: SweepSettings) -> str:
    """The sweep's own run, running again."""
    tag = f"{name} {settings.key}"
    found = client.search_runs([experiment_id], f"tags.`{SWEEP}` = '{tag}'", max_results=1)
    if found:
        client.update_run(found[0].info.run_id, status="RUNNING")
        return found[0].info.run_id
    values = as_dict(settings)
    about = {key: str(values[key]) for key in ("dataset", "backbone", "method", "variant")}
    run = client.create_run(experiment_id, tags={SWEEP: tag, **about}, run_name=f"sweep {name}")
    _log_parameters(client, run.info.run_id, values)
    return run.info.run_id


def _known_trials(client: "MlflowClient", experiment_id: str, parent: str) -> set[int]:
    """The numbers of the trials that are shown; what a kill left half-made is deleted."""
    known, token = set[int](), None
    while True:
        wanted = f"tags.`{PARENT}` = '{parent}'"
        page = client.search_runs([experiment_id], wanted, max_results=MOST_RUNS, page_token=token)
        for run in page:
            if run.info.status == "RUNNING":
                client.delete_run(run.info.run_id)
            else:
                known.add(int(run.data.tags[TRIAL]))
        token = page.token
        if not token:
            return known


def _add_trial(client: "MlflowClient", experiment_id: str, parent: str, outcome: Outcome) -> None:
    tags = {PARENT: parent, TRIAL: str(outcome.number), STATE: outcome.state.value}
    tags |= {REASON: outcome.reason} if outcome.reason else {}
    run_id = client.create_run(experiment_id, tags=tags, run_name=f"trial {outcome.number}").info.run_id
    _log_parameters(client, run_id, outcome.changes)
    metrics = list(_metrics(outcome))
    for start in range(0, len(metrics), METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + METRICS_PER_BATCH])
    client.set_terminated(run_id, ENDED[outcome.state])  # last: one that still runs was not made whole


def _log_parameters(client: "MlflowClient", run_id: str, values: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    parameters = [Param(name, value[:LONGEST]) for name, value in flattened(values)]
    for start in range(0, len(parameters), PARAMETERS_PER_BATCH):
        client.log_batch(run_id, params=parameters[start : start + PARAMETERS_PER_BATCH])


def _metrics(outcome: Outcome) -> "Iterator[Metric]":
    """Score, its interval over users and spread; a seed's accuracies; what validations said, in the order they came."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    finals = {"score": outcome.score, "spread": outcome.spread, "seconds": outcome.seconds}
    finals |= {"memory_mb": outcome.memory_mb, "score_ci_low": outcome.low, "score_ci_high": outcome.high}
    if outcome.users is not None:
        finals |= {"users": outcome.users.number, "pairs": outcome.users.pairs}
    for seed, scores in outcome.seeds.items():
        finals |= {f"seed_{seed}/accuracy/{name}": value for name, value in scores.items() if name != "seconds"}
    for name, value in finals.items():
        if value is not None and math.isfinite(value):
            yield Metric(name, value, now, 0)
    for step, point in enumerate(outcome.curve, 1):
        yield Metric("validation/accuracy", point.value, now, step)
        if point.loss is not None:
            yield Metric("validation/loss", point.loss, now, step)


def _sum_up(client: "MlflowClient", parent: str, outcomes: Sequence[Outcome]) -> None:
    """How many trials ended how, and the best, as far as that is not shown yet."""
    shown = client.get_run(parent).data
    best = winner(outcomes)
    found = {f"trials/{state}": float(sum(outcome.state is state for outcome in outcomes)) for state in State}
    if best is not None and best.score is not None:
        found["best_score"] = best.score
        client.set_tag(parent, BEST, str(best.number))
    for name, value in found.items():
        if shown.metrics.get(name) != value:
            client.log_metric(parent, name, value, step=len(outcomes))
