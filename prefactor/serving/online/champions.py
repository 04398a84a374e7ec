"""Where the service's model comes from: a dataset's champion in the registry, or a packed folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from prefactor.errors import InputError
from prefactor.serving.package import DESCRIPTION, Served, seal, unpack

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGITS = 12


@dataclass(frozen=True)
class Champion:
    """A model to serve. ``holds`` is kept for as long as the model is: its files go with it."""

    label: str
    dataset: str | None
    served: Served
    holds: object = None


class Champions(Protocol):
    """A place that says which model is to be served now."""

    def newest(self) -> str:
        """Its label. Raises OutageError if the place does not answer, InputError if it has none."""
        ...

    def load(self, label: str) -> Champion:
        """That model, checked. Raises InputError if anything is wrong with it, OutageError as above."""
        ...


class OutageError(InputError):
    """The place does not answer; it may later."""


class InRegistry:
    """The model with the alias @champion among a dataset's in MLflow's registry."""

    def __init__(self, client: "MlflowClient", dataset: str) -> None:
        from prefactor.tracking.aliases import registered_name

        self._client = client
        self._dataset = dataset
        self._name = registered_name(dataset)

    def newest(self) -> str:
        from prefactor.promotion.loading import find_version
        from prefactor.tracking.aliases import CHAMPION
        from prefactor.tracking.outage import StoreGone

        try:
            return f"{self._name}/{find_version(self._client, self._name, CHAMPION).version}"
        except StoreGone as error:
            raise OutageError(str(error)) from error

    def load(self, label: str) -> Champion:
        from prefactor.promotion.loading import load_version
        from prefactor.tracking.outage import StoreGone

        try:
            loaded = load_version(self._client, self._name, label.rpartition("/")[2])
        except StoreGone as error:
            raise OutageError(str(error)) from error
        return Champion(loaded.label, self._dataset, loaded.served, loaded)


class InFolder:
    """A packed model. Where another takes its place, that is the newest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self) -> str:
        try:
            return f"{self._folder.name}/{seal(self._folder)[:DIGITS]}"
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise InputError(f"{self._folder / DESCRIPTION} cannot be read ({why}): name a packed model") from error

    def load(self, label: str) -> Champion:
        found = Champion(label, None, unpack(self._folder))
        if self.newest() != label:
            raise OutageError(f"{self._folder} changed while it was read: it will be read again")
        return found
