"""Publishing: what the stages wrote becomes MLflow runs and registered models; doing it twice changes nothing.

Not a stage of the pipeline: DVC may restore a stage's outputs without running it, and they are published all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefactor.parameters import load_parameters, section
from prefactor.tracking.candidate import choose
from prefactor.tracking.outage import answering
from prefactor.tracking.registry import Registered, register
from prefactor.tracking.runs import publish_run, remove_unfinished
from prefactor.tracking.store import connected, experiment, resolve_uri
from prefactor.trainings import Training, find_trainings

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class PublishReport:
    """What publishing did.

    ``added`` and ``present`` name the trainings whose run was made now, or was there; ``waiting`` those that lack
    figures of their present weights; ``models`` the registered models, one per dataset with a trained VRF.
    """

    tracking_uri: str
    added: tuple[str, ...]
    present: tuple[str, ...]
    waiting: tuple[str, ...]
    models: tuple[Registered, ...]


def publish(root: Path, tracking_uri: str | None = None) -> PublishReport:
    """Publish the trainings below ``root`` that params.yaml asks for.

    ``tracking_uri`` defaults to MLFLOW_TRACKING_URI, and that to SQLite at ``mlruns/mlflow.db``. Raises InputError
    if files of the stages are broken or the store does not answer; a run or version is then whole or absent.
    """
    root, uri = Path(root), resolve_uri(Path(root), tracking_uri)
    trainings = find_trainings(root, section(load_parameters(root / "params.yaml"), "run"))
    ready = [training for training in trainings if training.evaluated]
    datasets = sorted({training.dataset for training in ready})
    runs: dict[Training, bool] = {}
    models: list[Registered] = []
    with answering(uri), connected(root, uri) as client:
        for dataset in datasets:
            ours = [training for training in ready if training.dataset == dataset]
            made, model = _publish_dataset(client, dataset, ours)
            runs |= made
            models += [model] if model else []
    return PublishReport(
        tracking_uri=uri,
        added=tuple(_name(training) for training, new in runs.items() if new),
        present=tuple(_name(training) for training, new in runs.items() if not new),
        waiting=tuple(_name(training) for training in trainings if training not in ready),
        models=tuple(models),
    )


def _publish_dataset(
    client: "MlflowClient", dataset: str, trainings: Sequence[Training]
) -> tuple[dict[Training, bool], Registered | None]:
    """Which trainings' runs had to be made, and the place of the best model in the registry."""
    experiment_id = experiment(client, dataset)
    remove_unfinished(client, experiment_id)
    runs = {training: publish_run(client, experiment_id, training) for training in trainings}
    best = choose(trainings)
    model = register(client, experiment_id, runs[best.training][0], best) if best else None
    return {training: new for training, (_, new) in runs.items()}, model


def _name(training: Training) -> str:
    return f"{training.dataset}: {training.name}"
