"""A registered model made ready to answer, after every one of its files was checked against the registry."""

import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefactor.errors import InputError
from prefactor.reading import read_object
from prefactor.serving.package import DESCRIPTION, Served, unpack
from prefactor.serving.seal import check_files, digest
from prefactor.tracking.address import redacted
from prefactor.tracking.aliases import CHAMPION
from prefactor.tracking.contents import AROUND, AROUND_FILES, ARTIFACTS, CODE, PACKED, SEAL
from prefactor.tracking.outage import answering
from prefactor.tracking.registry import CONTENT

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ADDED = "registered_model_meta"  # by MLflow, to what it fetches
FIX = "restore the registry's files, or publish the model again and promote that"


@dataclass(frozen=True)
class Loaded:
    """A version of a registered model, checked and unpacked.

    ``package`` lies in a folder of this process alone, which goes when nobody holds the model any more; ``content`` is
    what the version is made of, and ``run_id`` the run of its training.
    """

    name: str
    version: str
    package: Path
    served: Served
    run_id: str
    content: str

    @property
    def label(self) -> str:
        """What tells it from every other model: ``prefactor-stylebench/3``."""
        return f"{self.name}/{self.version}"


def load_version(client: "MlflowClient", name: str, alias_or_version: str = CHAMPION) -> Loaded:
    """Fetch, check and unpack a version of a registered model, named by its number or an alias.

    InputError before anything of it is used: where there is no such version; where a file is missing, was changed or
    is no part of it; where the backbone is not the one that it was trained on. StoreGone if the store does not answer.
    """
    version = find_version(client, name, alias_or_version)
    scratch = Path(tempfile.mkdtemp(prefix="prefactor-"))
    try:
        folder = fetch(client, version, scratch)
        check(version, folder)
        served = unpack(folder / ARTIFACTS / PACKED, folder / CODE)
    except BaseException as error:
        shutil.rmtree(scratch, ignore_errors=True)
        if isinstance(error, InputError):
            raise type(error)(f"{name} version {version.version}: {error}") from error
        raise
    loaded = Loaded(
        name, str(version.version), folder / ARTIFACTS / PACKED, served, version.run_id or "", version.tags[CONTENT]
    )
    weakref.finalize(loaded, shutil.rmtree, scratch, ignore_errors=True)
    return loaded


def find_version(client: "MlflowClient", name: str, alias_or_version: str) -> "ModelVersion":
    """The version of that number or alias, with or without its @. InputError if there is none."""
    from mlflow.exceptions import MlflowException

    wanted = alias_or_version.removeprefix("@")
    by_number = wanted.isdecimal()
    try:
        with answering(client.tracking_uri):
            find: Any = client.get_model_version if by_number else client.get_model_version_by_alias
            return find(name, wanted)
    except MlflowException as error:
        what = f"version {wanted}" if by_number else f"@{wanted}"
        known = _known(client, name)
        raise InputError(f"{name} has no {what}; {known}: publish a model, or name another") from error


def fetch(client: "MlflowClient", version: "ModelVersion", folder: Path) -> Path:
    """Copy a version's files below a folder; the copy. InputError if they cannot be had, StoreGone likewise.

    Why a copy fails is said in as many ways as there are places for files. Where the store does not answer right after
    it either, that is why.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    with answering(client.tracking_uri):
        place = client.get_model_version_download_uri(version.name, version.version)
    try:
        return Path(download_artifacts(place, dst_path=str(folder), tracking_uri=client.tracking_uri))
    except (MlflowException, OSError) as error:
        with answering(client.tracking_uri):
            client.get_model_version(version.name, version.version)
        why = redacted(" ".join(str(error).split()))
        raise InputError(f"its files cannot be fetched from {place} ({why}): {FIX}") from error


def check(version: "ModelVersion", folder: Path) -> None:
    """Hold what the registry says of a version against its files around the package; InputError if they differ.

    What is in the package and the code beside it is held against the package's description when it is unpacked; the
    description itself is checked here.
    """
    missing = [tag for tag in (CONTENT, SEAL, AROUND) if tag not in version.tags]
    if missing:
        raise InputError(f"the registry does not know its hashes (tags {', '.join(missing)}): publish it again")
    package = folder / ARTIFACTS / PACKED
    for path, tag in ((folder / AROUND_FILES, AROUND), (package / DESCRIPTION, SEAL)):
        if not path.is_file():
            raise InputError(f"{path} does not exist: {FIX}")
        if (found := digest(path)) != (published := version.tags[tag]):
            raise InputError(f"{path} was changed (sha256 {found[:12]}..., published {published[:12]}...): {FIX}")
    inside = [f"{ARTIFACTS}/{PACKED}", CODE]
    check_files(folder, read_object(folder / AROUND_FILES), FIX, but=[*inside, AROUND_FILES, ADDED])


def _known(client: "MlflowClient", name: str) -> str:
    """What there is of a registered model, in words."""
    with answering(client.tracking_uri):
        found = client.search_registered_models(f"name = '{name}'")
        numbers = sorted(int(version.version) for version in client.search_model_versions(f"name = '{name}'"))
    if not found:
        return "there is no such registered model"
    aliases = [f"@{alias}" for alias in sorted(found[0].aliases)]
    return f"it has the versions {', '.join([*map(str, numbers), *aliases])}"
