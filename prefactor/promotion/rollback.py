"""Rollback: the version that was served before is served again, at once and without gates."""

from pathlib import Path

from prefactor.errors import InputError
from prefactor.promotion.decision import ROLLED_BACK, Decision, complete, decide
from prefactor.promotion.loading import load_version
from prefactor.tracking.aliases import CHAMPION, PREVIOUS, aliases_of, registered_name
from prefactor.tracking.outage import answering
from prefactor.tracking.store import connected, resolve_uri


def rollback(root: Path, dataset: str, tracking_uri: str | None = None) -> Decision:
    """Serve @previous; what was served is @previous then, so that a second rollback takes back the first.

    InputError where there is no @previous, or it is not what was published: nothing changes then. What a killed
    promotion began is carried out first, and then rolled back.
    """
    root = Path(root)
    uri, name = resolve_uri(root, tracking_uri), registered_name(dataset)
    with answering(uri), connected(root, uri) as client:
        for done in complete(client, root, dataset):
            if done.outcome == ROLLED_BACK:
                return done
        if not client.search_registered_models(f"name = '{name}'"):
            raise InputError(f"there is no registered model {name}: publish one")
        aliases = aliases_of(client, name)
        before, after = aliases.get(CHAMPION), aliases.get(PREVIOUS)
        if after is None or after == before:
            served = f"version {before} is the first that was served" if before else "no version is served"
            raise InputError(f"{name} has nothing to roll back to: {served}")
        load_version(client, name, after)
        return decide(client, root, Decision(dataset, ROLLED_BACK, before, after))
