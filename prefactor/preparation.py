"""From what a source gives to what is kept: without forgotten users, and under pseudonyms where those are asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefactor.errors import InputError
from prefactor.forgetting.forgotten import read_forgotten
from prefactor.parameters import nearest
from prefactor.preferences import Preferences
from prefactor.pseudonyms import Pseudonyms


class Keeper:
    """What is kept of one dataset's preferences. Made before anything is loaded: what is missing is missed early."""

    def __init__(self, root: Path, dataset: str, key_variable: str | None) -> None:
        """``root`` holds the list of forgotten users; ``key_variable`` names the pseudonyms' key, None for no
        pseudonyms. Raises InputError for a key that is not there and a list that is damaged."""
        self.dataset = dataset
        self.pseudonyms = None if key_variable is None else Pseudonyms.from_variable(key_variable)
        self.forgotten = read_forgotten(root)

    def kept(self, preferences: Preferences) -> Preferences:
        """The preferences that the pipeline may hold. Raises InputError if nobody is left."""
        left = self.forgotten.applied(preferences, self.dataset)  # whoever was, before there were pseudonyms
        if self.pseudonyms is not None:
            left = self.forgotten.applied(self.pseudonyms.applied(left), self.dataset)
        if not len(left.pairs):
            where = f"datasets.{self.dataset}"
            raise InputError(f"{where}: no pair is left without the forgotten users: take it out of params.yaml")
        return left


def key_variable_of(values: Mapping[str, Any], dataset: str) -> str | None:
    """The environment variable with the key of a dataset's pseudonyms, of params.yaml's section ``pseudonyms``.

    None where the section does not name the dataset. Raises InputError for a name that is no dataset.
    """
    named, known = values.get("pseudonyms") or {}, values.get("datasets") or {}
    if not isinstance(named, Mapping):
        raise InputError(f"pseudonyms must be a mapping of datasets to environment variables, but is {named!r}")
    for name, variable in named.items():
        if name not in known:
            raise InputError(f"pseudonyms: unknown dataset {name!r}{nearest(name, known, 'datasets')}")
        if not isinstance(variable, str) or not variable:
            raise InputError(f"pseudonyms.{name} must name an environment variable, but is {variable!r}")
    return named.get(dataset)
