"""The aliases of a registered model: which version is served, which was before it, which wants to be."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"


def registered_name(dataset: str) -> str:
    """What a dataset's registered model is called."""
    return f"prefactor-{dataset}"


def aliases_of(client: "MlflowClient", name: str) -> dict[str, str]:
    """Alias -> number of the version that it names."""
    return {alias: str(number) for alias, number in client.get_registered_model(name).aliases.items()}


def point(client: "MlflowClient", name: str, wanted: Mapping[str, str | None]) -> None:
    """Let aliases name these versions, one after the other in the order given; None takes an alias away."""
    for alias, number in wanted.items():
        now = aliases_of(client, name).get(alias)
        if number is None and now is not None:
            client.delete_registered_model_alias(name, alias)
        elif number is not None and now != number:
            client.set_registered_model_alias(name, alias, number)
