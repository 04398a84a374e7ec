"""The ids that a person is known by: the one that is given, and the pseudonyms that it has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from prefactor.forgetting.workspace import Workspace
from prefactor.preparation import key_variable_of
from prefactor.pseudonyms import Pseudonyms


@dataclass(frozen=True)
class Aliases:
    """``sought``: every id to look for, the given one first. ``listed``: those that rebuilds meet.

    The id itself is not among ``listed`` where all data have pseudonyms: its digest could be guessed.
    """

    sought: tuple[str, ...]
    listed: frozenset[str]

    @classmethod
    def of(cls, user_id: str, places: Sequence[Workspace], dataset: str | None) -> Self:
        """In one dataset or in all, as params.yaml names the keys. Raises InputError for a key that is not set."""
        variables = {
            key_variable_of(place.parameters, name)
            for place in places
            for name in place.datasets
            if dataset in (None, name)
        }
        keys = sorted(variable for variable in variables if variable is not None)
        pseudonyms = [Pseudonyms.from_variable(variable).of(user_id) for variable in keys]
        plain = [user_id] if None in variables or not keys else []
        return cls((user_id, *pseudonyms), frozenset([*plain, *pseudonyms]))
