"""What a served model is made of, as one folder: weights, known users, and the backbone or where it comes from.

Its description holds the SHA-256 of every other file, and of the code that travels beside it. A folder that differs
from that is not loaded.
"""

import dataclasses
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
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
from prefactor.reading import read_object
from prefactor.serving.model import KnownUsers, PersonalRanker
from prefactor.serving.seal import check_files, digest, digests

DESCRIPTION = "serving.json"
CARD = "model_card.md"
BACKBONE = "backbone"
MODEL_FILES = (WEIGHTS, MODEL, USER_TENSORS, USER_IDS)
INDEX, CONFIG = "model.safetensors.index.json", "config.json"
SAID = ("backbone", "identity", "empty_prompts", "files", "code")
FIX = "publish it again, or fetch it anew from the registry"


@dataclass(frozen=True)
class Served:
    """A packed model, ready to answer; ``empty_prompts``: are they legal in its dataset.

    ``identity`` is that of its backbone: caches of states with the same identity are this backbone's.
    """

    ranker: PersonalRanker
    empty_prompts: bool
    identity: Mapping[str, Any] = field(default_factory=dict)


def pack(
    trained: Path,
    parameters: BackboneParameters,
    identity: Mapping[str, Any],
    empty_prompts: bool,
    folder: Path,
    card: str | None = None,
    code: Path | None = None,
) -> None:
    """Copy a trained model into ``folder``, which nothing else is needed for later but the pinned requirements.

    ``trained`` holds the weights and the known users; ``identity`` is that of the backbone whose states they were
    trained on. A backbone in a local folder is copied, one of a Hugging Face id is pinned to its commit. ``card`` is
    the model's, in Markdown; ``code`` a folder that will travel beside the package, of which the digests are kept.
    """
    if load_model(trained).shape.tuned:
        raise InputError(f"{trained} reads a fine-tuned backbone of its own, which is not served: serve a frozen one")
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODEL_FILES:
        shutil.copyfile(trained / name, folder / name)
    if card is not None:
        (folder / CARD).write_text(card, encoding="utf-8")
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
        "files": digests(folder, [DESCRIPTION]),
        "code": {} if code is None else digests(code),
    }
    write_json(folder / DESCRIPTION, description)


def seal(folder: Path) -> str:
    """What stands for a whole package: the SHA-256 of its description, which holds those of all its other files."""
    return digest(folder / DESCRIPTION)


def check_package(folder: Path, code: Path | None = None) -> dict[str, Any]:
    """The description of a package whose files are those that were packed. InputError if any is not.

    With ``code``, the folder that travels beside the package, that is checked too.
    """
    description = read_object(folder / DESCRIPTION, FIX)
    if missing := [key for key in SAID if key not in description]:
        raise InputError(f"{folder / DESCRIPTION} lacks {', '.join(missing)}: it is of another version, {FIX}")
    check_files(folder, description["files"], FIX, but=[DESCRIPTION])
    if code is not None:
        check_files(code, description["code"], FIX)
    return description


def unpack(folder: Path, code: Path | None = None) -> Served:
    """Load a packed model, and check ``code`` as above.

    InputError if it is not whole, was changed, or its backbone is not the one that it was trained on.
    """
    description = check_package(folder, code)
    parameters = build(BackboneParameters, description["backbone"], f"{DESCRIPTION}: backbone")
    if parameters.model.startswith(f"{BACKBONE}/"):
        parameters = dataclasses.replace(parameters, model=str(folder / parameters.model))
    backbone = load_backbone(parameters)
    check_identity(backbone.identity(), description["identity"], "install the pinned requirements")
    model = load_model(folder)
    if not isinstance(model, VRF):
        raise InputError(f"{folder / MODEL} is a {model.name}: only vrf is served, which updates users pair by pair")
    known = KnownUsers.of(*load_users(folder))
    ranker = PersonalRanker(model, backbone, known)
    return Served(ranker, bool(description["empty_prompts"]), description["identity"])


def _copy_backbone(source: Path, target: Path) -> None:
    """The files that loading reads, and no others: a folder may hold pickled weights beside the safe ones."""
    target.mkdir(parents=True)
    names = [CONFIG, INDEX, *TOKENIZER_FILES]
    for path in [*weight_files(source), *(source / name for name in names if (source / name).is_file())]:
        shutil.copyfile(path, target / path.name)
