"""What a registered version is made of, without pickle and independent of this checkout; and writing it."""

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefactor import layout
from prefactor.atomic import write_json
from prefactor.backbones import BackboneParameters, open_states
from prefactor.parameters import build, load_parameters, section
from prefactor.reading import read_object
from prefactor.serving.package import pack, seal, unpack
from prefactor.serving.seal import digest, digests
from prefactor.tracking.candidate import Candidate
from prefactor.tracking.card import model_card
from prefactor.tracking.noise import without_noise
from prefactor.tracking.requirements import requirements
from prefactor.tracking.served_code import ENTRY, PACKAGE, served_code

SEAL = "prefactor.package"  # tag: SHA-256 of the package's description, which has those of its files and code
AROUND = "prefactor.around"  # tag: that of AROUND_FILES, which has those of the files that MLflow wrote around it
AROUND_FILES = "seal.json"
ARTIFACTS, CODE = "artifacts", "code"  # folders of a model in MLflow's format
PACKED = "package"
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
class Contents:
    """Everything a version is made of, gathered before anything is built."""

    candidate: Candidate
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
        for path in [*sorted(self.candidate.folder.iterdir()), *served_code()]:
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]


def gather(candidate: Candidate) -> Contents:
    """What a version of it would be made of. InputError if a file of the stages is missing or broken."""
    training = candidate.training
    key = f"backbones.{training.backbone}"
    parameters = build(BackboneParameters, section(load_parameters(training.root / "params.yaml"), key), key)
    identity = open_states(training.root / "data" / "states" / training.dataset / training.backbone).identity
    source = read_object(training.root / layout.prepared(training.dataset) / "source.json")
    return Contents(
        candidate=candidate,
        backbone=parameters,
        identity=identity,
        empty_prompts=bool(source.get("empty_prompts", False)),
        card=model_card(candidate, identity),
        requirements=requirements(parameters.model),
    )


def save(contents: Contents, folder: Path, run_id: str | None = None, model_id: str | None = None) -> None:
    """Write the model in MLflow's format; its MLmodel file names the run and the logged model that it belongs to.

    Raises InputError if params.yaml names another backbone than the one whose states the model was trained on.
    """
    with tempfile.TemporaryDirectory() as scratch, without_noise():
        import mlflow.pyfunc
        from mlflow.models import Model

        package, code = Path(scratch, ARTIFACTS, PACKED), Path(scratch, CODE)
        copy = code / PACKAGE.name
        for path in served_code():
            (copy / path.relative_to(PACKAGE)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy / path.relative_to(PACKAGE))
        trained, backbone = contents.candidate.folder, contents.backbone
        pack(trained, backbone, contents.identity, contents.empty_prompts, package, contents.card, code)
        unpack(package, code)  # MLflow only logs it where a model does not load: better to fail here
        mlflow.pyfunc.save_model(
            str(folder),
            python_model=str(copy / ENTRY.relative_to(PACKAGE)),
            artifacts={PACKED: str(package)},
            code_paths=[str(copy)],
            input_example=EXAMPLE,
            pip_requirements=contents.requirements,
            mlflow_model=Model(run_id=run_id, model_id=model_id),
        )


def seals(folder: Path) -> dict[str, str]:
    """Seal a model in MLflow's format; the tags that tell it from one that was changed, which the registry keeps."""
    package = f"{ARTIFACTS}/{PACKED}"
    write_json(folder / AROUND_FILES, digests(folder, [package, CODE, AROUND_FILES]))
    return {SEAL: seal(folder / package), AROUND: digest(folder / AROUND_FILES)}
