"""The data behind a training, as MLflow dataset inputs that carry DVC's hashes."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import yaml

from prefactor import layout
from prefactor.errors import InputError

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

LOCK = "dvc.lock"


def dataset_inputs(root: Path, dataset: str) -> list["DatasetInput"]:
    """The prepared tables and the split of a dataset, each with the hash that dvc.lock records for it."""
    hashes = recorded_hashes(root / LOCK)
    return [_input(root, place(dataset), hashes, place.__name__) for place in (layout.prepared, layout.split)]


def recorded_hashes(lock: Path) -> dict[str, str]:
    """Path -> md5 of every output that dvc.lock records; nothing without that file."""
    if not lock.exists():
        return {}
    try:
        stages = (yaml.safe_load(lock.read_text(encoding="utf-8")) or {}).get("stages", {})
        return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", []) if "md5" in out}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{lock} is not a lock file of DVC ({error!r}): rerun `dvc repro`") from error


def _input(root: Path, path: Path, hashes: Mapping[str, str], context: str) -> "DatasetInput":
    from mlflow.entities import Dataset, DatasetInput, InputTag

    recorded = hashes.get(path.as_posix())
    known = {"uri": path.as_posix(), "dvc_md5": recorded} if recorded else {"uri": path.as_posix()}
    dataset = Dataset(
        name=path.name,
        digest=recorded or _folder_hash(root / path),
        source_type="local",
        source=json.dumps(known),
        profile=json.dumps(_rows(root / path)),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])


def _rows(folder: Path) -> dict[str, int]:
    return {path.stem: pq.read_metadata(path).num_rows for path in sorted(folder.glob("*.parquet"))}


def _folder_hash(folder: Path) -> str:
    """32 hex digits over names and contents: stands in where DVC did not run."""
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist: run `dvc repro`, or `dvc checkout` if it ran elsewhere")
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]
