"""What a served model is made of, as one folder: weights, known users, and the backbone or where it comes from."""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefactor.atomic import write_json
from prefactor.backbones import BackboneParameters, load_backbone
from prefactor.backbones.identity import check_identity
from prefactor.backbones.weights import EMBEDDED, TOKENIZER_FILES, weight_files
from prefactor.errors import InputError
from prefactor.methods.storage import MODEL, USER_IDS, USER_TENSORS, WEIGHTS, load_model, load_users
from prefactor.methods.vrf import VRF
from prefactor.parameters import as_dict, build
from prefactor.serving.model import KnownUsers, PersonalRanker

DESCRIPTION = "serving.json"
BACKBONE = "backbone"
MODEL_FILES = (WEIGHTS, MODEL, USER_TENSORS, USER_IDS)
INDEX, CONFIG = "model.safetensors.index.json", "config.json"


@dataclass(frozen=True)
class Served:
    """A packed model, ready to answer; ``empty_prompts``: are they legal in its dataset."""

    ranker: PersonalRanker
    empty_prompts: bool


def pack(
    trained: Path, parameters: BackboneParameters, identity: Mapping[str, Any], empty_prompts: bool, folder: Path
) -> None:
    """Copy a trained model into ``folder``, which nothing else is needed for later but the pinned requirements.

    ``trained`` holds the weights and the known users; ``identity`` is that of the backbone whose states they were
    trained on. A backbone in a local folder is copied, one of a Hugging Face id is pinned to its commit.
    """
    if load_model(trained).shape.tuned:
        raise InputError(f"{trained} reads a fine-tuned backbone of its own, which is not served: serve a frozen one")
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODEL_FILES:
        shutil.copyfile(trained / name, folder / name)
    source = Path(parameters.model).expanduser()
    if parameters.model != EMBEDDED and source.is_dir():
        place = Path(BACKBONE, source.resolve().name)  # its name is part of its identity
        _copy_backbone(source, folder / place)
        parameters = dataclasses.replace(parameters, model=place.as_posix())
    else:
        parameters = dataclasses.replace(parameters, revision=identity.get("revision"))
    description = {
        "backbone": as_dict(dataclasses.replace(parameters, device="auto", log_probabilities=False)),
        "identity": dict(identity),
        "empty_prompts": empty_prompts,
    }
    write_json(folder / DESCRIPTION, description)


def unpack(folder: Path) -> Served:
    """Load a packed model. InputError if it is not whole or its backbone is not the one that it was trained on."""
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    parameters = build(BackboneParameters, description["backbone"], f"{DESCRIPTION}: backbone")
    if parameters.model.startswith(f"{BACKBONE}/"):
        parameters = dataclasses.replace(parameters, model=str(folder / parameters.model))
    backbone = load_backbone(parameters)
    check_identity(backbone.identity(), description["identity"], "install the pinned requirements")
    model = load_model(folder)
    if not isinstance(model, VRF):
        raise InputError(f"{folder / MODEL} is a {model.name}: only vrf is served, which updates users pair by pair")
    known = KnownUsers.of(*load_users(folder))
    return Served(PersonalRanker(model, backbone, known), bool(description["empty_prompts"]))


def _copy_backbone(source: Path, target: Path) -> None:
    """The files that loading reads, and no others: a folder may hold pickled weights beside the safe ones."""
    target.mkdir(parents=True)
    names = [CONFIG, INDEX, *TOKENIZER_FILES]
    for path in [*weight_files(source), *(source / name for name in names if (source / name).is_file())]:
        shutil.copyfile(path, target / path.name)
