"""A registered model and the states that it reads, found by the dataset's name."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefactor import layout
from prefactor.backbones import open_states
from prefactor.errors import InputError
from prefactor.reading import read_object
from prefactor.serving.package import DESCRIPTION
from prefactor.tracking.aliases import CHAMPION, registered_name

if TYPE_CHECKING:
    from prefactor.promotion.loading import Loaded


@dataclass(frozen=True)
class Origin:
    """A model's ``label``, e.g. ``prefactor-stylebench/3``, its folder and its ``states``; all goes with ``holds``."""

    label: str
    model: Path
    states: Path
    holds: "Loaded"


def registered(
    dataset: str, root: Path, version: str = CHAMPION, states: Path | None = None, tracking_uri: str | None = None
) -> Origin:
    """A dataset's registered model by alias or number, checked; its states are the dataset's unless told otherwise.

    InputError where there is none, anything of it was changed, or no cache below ``root`` is of its backbone.
    """
    from prefactor.promotion.loading import load_version
    from prefactor.tracking.store import client_of, resolve_uri

    loaded = load_version(client_of(resolve_uri(root, tracking_uri)), registered_name(dataset), version)
    place = _states_of(dataset, root, loaded.package) if states is None else states
    return Origin(loaded.label, loaded.package, place, loaded)


def _states_of(dataset: str, root: Path, package: Path) -> Path:
    """The dataset's cache that was made by the package's backbone."""
    identity = read_object(package / DESCRIPTION)["identity"]
    places = sorted((root / layout.states(dataset, "*")).parent.glob("*/meta.json"))
    for place in places:
        if _identity(place.parent) == identity:
            return place.parent
    named = identity.get("model", "its backbone")
    raise InputError(
        f"none of the {len(places)} caches of states below {root / layout.states(dataset, '*').parent} was made by "
        f"{named}: run stage embed, or name one with --states"
    )


def _identity(cache: Path) -> dict[str, Any] | None:
    try:
        return open_states(cache).identity
    except InputError:  # damaged: that is no reason to look no further
        return None
