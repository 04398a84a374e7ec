"""One MLflow run per training, whole or not at all, none twice."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from prefactor.tracking.figures import write_figures
from prefactor.tracking.lineage import dataset_inputs
from prefactor.tracking.measures import metrics
from prefactor.trainings import Training

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY = "prefactor.run"  # tag: the content that a run shows
T = TypeVar("T")
METRICS_PER_BATCH, PARAMETERS_PER_BATCH = 1_000, 100  # MLflow's limits
FINISHED = "FINISHED"


def publish_run(client: "MlflowClient", experiment_id: str, training: Training) -> tuple[str, bool]:
    """The id of the training's run, and whether it had to be made."""
    found = client.search_runs([experiment_id], f"tags.`{KEY}` = '{training.key}'", max_results=1)
    return (found[0].info.run_id, False) if found else (_make_run(client, experiment_id, training), True)


def remove_unfinished(client: "MlflowClient", experiment_id: str) -> int:
    """Delete the runs that a killed publisher left half-made; their number."""
    unfinished = client.search_runs([experiment_id], f"attributes.status != '{FINISHED}'")
    ours = [run.info.run_id for run in unfinished if KEY in run.data.tags]
    for run_id in ours:
        client.delete_run(run_id)
    return len(ours)


def _make_run(client: "MlflowClient", experiment_id: str, training: Training) -> str:
    run_id = client.create_run(experiment_id, tags=_tags(training), run_name=training.name).info.run_id
    try:
        _log(client, run_id, training)
        client.set_terminated(run_id, FINISHED)  # last: only a finished run counts as published
    except BaseException:
        client.delete_run(run_id)
        raise
    return run_id


def _log(client: "MlflowClient", run_id: str, training: Training) -> None:
    from mlflow.entities import Param

    client.log_inputs(run_id, dataset_inputs(training.root, training.dataset))
    parameters = [Param(name, value) for name, value in flattened(_parameters(training))]
    for some in _batches(parameters, PARAMETERS_PER_BATCH):
        client.log_batch(run_id, params=some)
    for more in _batches(metrics(training), METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=more)
    for name in ("training.json", "history.csv"):
        client.log_artifact(run_id, str(training.folder / name), "training")
    for path in sorted(training.evaluation.iterdir()):
        client.log_artifact(run_id, str(path), "evaluation")
    with tempfile.TemporaryDirectory() as folder:
        write_figures(training, Path(folder))
        client.log_artifacts(run_id, folder, "figures")


def _tags(training: Training) -> dict[str, str]:
    names = {name: getattr(training, name) for name in ("dataset", "backbone", "method", "variant")}
    return {KEY: training.key, "prefactor.weights": training.run, **names}


def _parameters(training: Training) -> dict[str, Any]:
    seeds = training.summary["seeds"]
    trainable = {seed.get("trainable_parameters") for seed in seeds.values()} - {None}
    counted = {"trainable_parameters": max(trainable)} if trainable else {}
    names = {name: getattr(training, name) for name in ("dataset", "backbone", "method", "variant")}
    kept = {"choices_kept": training.choices_kept} if training.choices_kept else {}
    return {**names, "seeds": list(seeds), **counted, **kept, **training.summary["parameters"]}


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested parameters as dotted names and text; whatever is no mapping or string is written as JSON."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _batches(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (values[start : start + size] for start in range(0, len(values), size))
