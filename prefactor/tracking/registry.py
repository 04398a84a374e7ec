"""The registry: the best model of a dataset as a version, served at once where none is, else a challenger."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefactor.serving.package import CARD
from prefactor.tracking.aliases import CHALLENGER, CHAMPION, aliases_of, point, registered_name
from prefactor.tracking.candidate import Candidate
from prefactor.tracking.contents import AROUND, SEAL, Contents, gather, save, seals
from prefactor.tracking.origin import name_champion, origin_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion

CONTENT = "prefactor.content"  # tag: what a version is made of
LONGEST_DESCRIPTION = 5_000  # characters, of a version's column in MLflow's database


@dataclass(frozen=True)
class Registered:
    """A model's place in the registry; ``new``: was this version made just now.

    ``alias`` is the one that names it; ``champion`` the version that is served, if that is another.
    """

    name: str
    version: str
    alias: str
    new: bool
    champion: str | None = None

    @property
    def uri(self) -> str:
        """What `mlflow models serve -m` takes."""
        return f"models:/{self.name}@{self.alias}"


def register(client: "MlflowClient", experiment_id: str, run_id: str, candidate: Candidate) -> Registered:
    """Make the candidate a version, if its content is new: @champion where there is none, else @challenger.

    The champion stays what it is until another is promoted.
    """
    dataset = candidate.training.dataset
    name, contents = registered_name(dataset), gather(candidate)
    _ensure_model(client, name, dataset)
    found = _version_of(client, name, contents.digest)
    version = found or _new_version(client, experiment_id, run_id, name, contents)
    number = str(version.version)
    champion = aliases_of(client, name).get(CHAMPION, number)
    alias = CHAMPION if champion == number else CHALLENGER
    point(client, name, {alias: number})
    if alias == CHAMPION:
        name_champion(candidate.training.root, version)
    return Registered(name, number, alias, new=found is None, champion=None if champion == number else champion)


def _new_version(
    client: "MlflowClient", experiment_id: str, run_id: str, name: str, contents: Contents
) -> "ModelVersion":
    candidate = contents.candidate
    model = _logged_model(client, experiment_id, run_id, name, contents)
    return client.create_model_version(
        name,
        source=model.artifact_location,  # a models:/ source is looked up in MLflow's global store
        run_id=run_id,
        model_id=model.model_id,
        tags={
            CONTENT: contents.digest,
            "prefactor.weights": candidate.training.run,
            "seed": candidate.seed,
            **{tag: model.tags[tag] for tag in (SEAL, AROUND)},
            **origin_tags(candidate),
        },
        description=_shortened(contents.card),
    )


def _logged_model(
    client: "MlflowClient", experiment_id: str, run_id: str, name: str, contents: Contents
) -> "LoggedModel":
    """A whole uploaded model with these contents; half-made ones are removed."""
    whole = None
    for model in client.search_logged_models([experiment_id]):
        if CONTENT in model.tags and model.status != "READY":
            client.delete_logged_model(model.model_id)
        elif model.tags.get(CONTENT) == contents.digest:
            whole = model
    if whole is not None:
        return whole
    model = client.create_logged_model(experiment_id, name, run_id, tags={CONTENT: contents.digest})
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, "model")
            save(contents, folder, run_id, model.model_id)
            client.set_logged_model_tags(model.model_id, seals(folder))
            client.log_model_artifacts(model.model_id, str(folder))
        return client.finalize_logged_model(model.model_id, "READY")
    except BaseException:
        client.delete_logged_model(model.model_id)
        raise


def _ensure_model(client: "MlflowClient", name: str, dataset: str) -> None:
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description=f"Personal reward model of dataset {dataset}.")


def _version_of(client: "MlflowClient", name: str, digest: str) -> "ModelVersion | None":
    versions = client.search_model_versions(f"name = '{name}'")
    same = [version for version in versions if version.tags.get(CONTENT) == digest]
    return max(same, key=lambda version: int(version.version), default=None)


def _shortened(card: str) -> str:
    """The card, cut at a line where MLflow's database would cut it anywhere."""
    if len(card) <= LONGEST_DESCRIPTION:
        return card
    pointer = f"\n\n(The whole card is the model's artifact artifacts/package/{CARD}.)\n"
    return card[: LONGEST_DESCRIPTION - len(pointer)].rpartition("\n")[0] + pointer
