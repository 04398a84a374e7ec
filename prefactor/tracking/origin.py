"""Where a version's weights lie in DVC, and DVC's artifact that names the version: each says the other's name.

The artifacts have a file of their own, ``registry/dvc.yaml``, which git keeps: whoever moves @champion commits it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from prefactor import layout
from prefactor.atomic import write_text
from prefactor.errors import InputError
from prefactor.tracking.aliases import CHAMPION
from prefactor.tracking.candidate import Candidate
from prefactor.tracking.lineage import LOCK, recorded_hashes

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

PIPELINE = "dvc.yaml"
FILE = Path("registry", PIPELINE)
ARTIFACT, PATH, MD5 = "dvc.artifact", "dvc.path", "dvc.md5"  # tags of a version
HEADER = "# The models that are served, by dataset: written when @champion moves, committed by whoever moved it.\n"


def origin_tags(candidate: Candidate) -> dict[str, str]:
    """What DVC calls the weights: its artifact, their folder, and the hash that dvc.lock records for the training."""
    training = candidate.training
    tags = {
        ARTIFACT: f"{FILE.parent.as_posix()}:{artifact_name(training.dataset)}",
        PATH: layout.seed_folder(training.model, candidate.seed).as_posix(),
    }
    recorded = recorded_hashes(training.root / LOCK).get(training.model.as_posix())
    return {**tags, MD5: recorded} if recorded else tags


def artifact_name(dataset: str) -> str:
    """The artifact's name: DVC wants lower case letters, digits and hyphens."""
    return "prefactor-" + "".join(sign if sign.isalnum() else "-" for sign in dataset.lower())


def name_champion(root: Path, version: "ModelVersion") -> bool:
    """Let DVC's artifact name this version, which is @champion; whether its file had to be changed.

    Nothing where DVC keeps no pipeline, or the version does not say where its weights came from.
    """
    if not (root / PIPELINE).is_file() or PATH not in version.tags:
        return False
    path = root / FILE
    values = _read(path)
    artifacts = {**(values.get("artifacts") or {}), version.tags[ARTIFACT].rpartition(":")[2]: _entry(version)}
    if artifacts == values.get("artifacts"):
        return False
    ordered = {**values, "artifacts": dict(sorted(artifacts.items()))}
    write_text(path, HEADER + yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=120))
    return True


def _entry(version: "ModelVersion") -> dict[str, Any]:
    meta = {"registered_model": version.name, "version": int(version.version), "alias": CHAMPION}
    if MD5 in version.tags:
        meta["training_md5"] = version.tags[MD5]
    return {
        "path": Path("..", version.tags[PATH]).as_posix(),
        "type": "model",
        "desc": f"The personal reward model that is served: {version.name} version {version.version} in MLflow.",
        "meta": meta,
    }


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        artifacts = values.get("artifacts") or {}
        artifacts.items()
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError) as error:
        raise InputError(f"{path} is not a dvc.yaml with artifacts ({error}): mend it, or delete it") from error
    return values
