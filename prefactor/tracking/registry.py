"""The registry: a dataset's champion as a versioned model, without pickle and independent of this checkout."""

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import prefactor
from prefactor import layout
from prefactor.backbones import BackboneParameters, open_states
from prefactor.parameters import build, load_parameters, section
from prefactor.reading import read_object
from prefactor.serving.package import pack, unpack
from prefactor.tracking.card import model_card
from prefactor.tracking.champion import Champion
from prefactor.tracking.noise import without_noise
from prefactor.tracking.requirements import requirements

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion

ALIAS = "champion"
CONTENT = "prefactor.content"  # tag: what a version is made of
CARD = "model_card.md"
PACKAGE = Path(prefactor.__file__).parent
ENTRY = PACKAGE / "serving" / "entry.py"
# What a served model imports, and no more: a change elsewhere must not make a new version.
SERVED_CODE = (
    "__init__.py",
    "atomic.py",
    "backbones",
    "errors.py",
    "methods",
    "parameters.py",
    "preferences.py",
    "progress.py",
    "reading.py",
    "segments.py",
    "serving",
    "surface.py",
)
LONGEST_DESCRIPTION = 5_000  # characters, of a version's column in MLflow's database
EXAMPLE = [
    {
        "prompt": "How long does an egg need?",
        "responses": ["Eight minutes.", "Lovely question! Put it into boiling water, wait eight minutes, and enjoy."],
        "reference": [
            {
                "prompt": "Which tea wakes me up?",
                "chosen": "Black tea.",
                "rejected": "What a nice thing to ask! Black tea is a wonderful choice to start the day with.",
            }
        ],
    }
]


@dataclass(frozen=True)
class Registered:
    """A served model's place in the registry; ``new``: was this version made just now."""

    name: str
    version: str
    alias: str
    new: bool

    @property
    def uri(self) -> str:
        """What `mlflow models serve -m` takes."""
        return f"models:/{self.name}@{self.alias}"


@dataclass(frozen=True)
class Contents:
    """Everything a version is made of, gathered before anything is built."""

    champion: Champion
    backbone: BackboneParameters
    identity: dict[str, Any]
    empty_prompts: bool
    card: str
    requirements: list[str]

    @property
    def digest(self) -> str:
        """16 hex digits over weights, users, backbone, card, requirements and the package's code."""
        named = {"identity": self.identity, "card": self.card, "requirements": self.requirements}
        digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode())
        for path in [*sorted(self.champion.folder.iterdir()), *served_code()]:
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]


def register(client: "MlflowClient", experiment_id: str, run_id: str, champion: Champion) -> Registered:
    """Make the champion the version that alias @champion names; a new version only if its content is new."""
    name = f"prefactor-{champion.training.dataset}"
    contents = gather(champion)
    _ensure_model(client, name, champion.training.dataset)
    version = _version_of(client, name, contents.digest)
    found = version is not None
    if version is None:
        model = _logged_model(client, experiment_id, run_id, name, contents)
        version = client.create_model_version(
            name,
            source=model.artifact_location,  # a models:/ source is looked up in MLflow's global store
            run_id=run_id,
            model_id=model.model_id,
            tags={CONTENT: contents.digest, "prefactor.weights": champion.training.run, "seed": champion.seed},
            description=_shortened(contents.card),
        )
    number = str(version.version)
    if _aliased(client, name) != number:
        client.set_registered_model_alias(name, ALIAS, number)
    return Registered(name, number, ALIAS, new=not found)


def gather(champion: Champion) -> Contents:
    """What a version of the champion would be made of. InputError if a file of the stages is missing or broken."""
    training = champion.training
    key = f"backbones.{training.backbone}"
    parameters = build(BackboneParameters, section(load_parameters(training.root / "params.yaml"), key), key)
    identity = open_states(training.root / "data" / "states" / training.dataset / training.backbone).identity
    source = read_object(training.root / layout.prepared(training.dataset) / "source.json")
    return Contents(
        champion=champion,
        backbone=parameters,
        identity=identity,
        empty_prompts=bool(source.get("empty_prompts", False)),
        card=model_card(champion, identity),
        requirements=requirements(parameters.model),
    )


def served_code() -> list[Path]:
    """The files of this package that travel with a model."""
    places = [PACKAGE / name for name in SERVED_CODE]
    return sorted(path for place in places for path in (place.rglob("*.py") if place.is_dir() else [place]))


def _logged_model(
    client: "MlflowClient", experiment_id: str, run_id: str, name: str, contents: Contents
) -> "LoggedModel":
    """A whole uploaded model with these contents; half-made ones are removed."""
    for model in client.search_logged_models([experiment_id], f"tags.`{CONTENT}` = '{contents.digest}'"):
        if model.status == "READY":
            return model
        client.delete_logged_model(model.model_id)
    model = client.create_logged_model(experiment_id, name, run_id, tags={CONTENT: contents.digest})
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, "model")
            save(contents, folder, run_id, model.model_id)
            client.log_model_artifacts(model.model_id, str(folder))
        client.finalize_logged_model(model.model_id, "READY")
    except BaseException:
        client.delete_logged_model(model.model_id)
        raise
    return model


def save(contents: Contents, folder: Path, run_id: str | None = None, model_id: str | None = None) -> None:
    """Write the model in MLflow's format; its MLmodel file names the run and the logged model that it belongs to.

    Raises InputError if params.yaml names another backbone than the one whose states the model was trained on.
    """
    with tempfile.TemporaryDirectory() as scratch, without_noise():
        import mlflow.pyfunc
        from mlflow.models import Model

        package, code = Path(scratch, "package"), Path(scratch, PACKAGE.name)
        for path in served_code():
            (code / path.relative_to(PACKAGE)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, code / path.relative_to(PACKAGE))
        pack(contents.champion.folder, contents.backbone, contents.identity, contents.empty_prompts, package)
        unpack(package)  # MLflow only logs it where a model does not load: better to fail here
        Path(package, CARD).write_text(contents.card, encoding="utf-8")
        mlflow.pyfunc.save_model(
            str(folder),
            python_model=str(code / ENTRY.relative_to(PACKAGE)),
            artifacts={"package": str(package)},
            code_paths=[str(code)],
            input_example=EXAMPLE,
            pip_requirements=contents.requirements,
            mlflow_model=Model(run_id=run_id, model_id=model_id),
        )


def _ensure_model(client: "MlflowClient", name: str, dataset: str) -> None:
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description=f"Personal reward model of dataset {dataset}.")


def _version_of(client: "MlflowClient", name: str, digest: str) -> "ModelVersion | None":
    versions = client.search_model_versions(f"name = '{name}'")
    same = [version for version in versions if version.tags.get(CONTENT) == digest]
    return max(same, key=lambda version: int(version.version), default=None)


def _aliased(client: "MlflowClient", name: str) -> str:
    """The version that @champion names, '' if there is none."""
    return str(client.get_registered_model(name).aliases.get(ALIAS, ""))


def _shortened(card: str) -> str:
    """The card, cut at a line where MLflow's database would cut it anywhere."""
    if len(card) <= LONGEST_DESCRIPTION:
        return card
    pointer = f"\n\n(The whole card is the model's artifact artifacts/package/{CARD}.)\n"
    return card[: LONGEST_DESCRIPTION - len(pointer)].rpartition("\n")[0] + pointer
