"""Promotion: a challenger is held against the champion, and takes its place if every gate lets it."""

from pathlib import Path
from typing import TYPE_CHECKING

from prefactor.errors import InputError
from prefactor.parameters import build, load_parameters
from prefactor.promotion.decision import PROMOTED, REFUSED, WITHDRAWN, Decision, complete, decide
from prefactor.promotion.evidence import gather
from prefactor.promotion.loading import find_version, load_version
from prefactor.promotion.parameters import PromotionParameters
from prefactor.tracking.aliases import CHALLENGER, CHAMPION, aliases_of, registered_name
from prefactor.tracking.outage import answering
from prefactor.tracking.store import connected, resolve_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


def promote(
    root: Path,
    dataset: str,
    challenger: str = CHALLENGER,
    tracking_uri: str | None = None,
    dry_run: bool = False,
) -> Decision:
    """Serve the challenger, a version by number or alias, if the gates of params.yaml let it; record it either way.

    Both models are fetched and checked, then judged by the same evaluation set. ``dry_run`` measures, changes nothing
    and records nothing. One decision is made at a time: others wait. Raises InputError where there is no such version,
    it is served already, or a model is not what was published; StoreGone where the store does not answer.
    """
    root = Path(root)
    parameters = build(PromotionParameters, load_parameters(root / "params.yaml").get("promotion"), "promotion")
    uri, name = resolve_uri(root, tracking_uri), registered_name(dataset)
    with answering(uri), connected(root, uri) as client:
        for done in [] if dry_run else complete(client, root, dataset):
            if done.outcome == PROMOTED and challenger.removeprefix("@") in (CHALLENGER, done.after):
                return done
        version = _challenger(client, name, challenger)
        before = aliases_of(client, name).get(CHAMPION)
        after = str(version.version)
        if before == after:
            raise InputError(f"{name} version {after} is @champion already: publish another, or name another version")
        served = load_version(client, name, before) if before else None
        evidence = gather(root, dataset, load_version(client, name, after), served, parameters)
        outcome = REFUSED if evidence.stopped_by else PROMOTED
        decision = Decision(dataset, outcome, before, after, evidence)
        if dry_run:
            return decision
        _check_unmoved(client, decision)
        return decide(client, root, decision)


def _challenger(client: "MlflowClient", name: str, asked: str) -> "ModelVersion":
    """The version that is asked for; one that was rolled back has to be named by its number."""
    version = find_version(client, name, asked)
    if WITHDRAWN in version.tags and not asked.removeprefix("@").isdecimal():
        raise InputError(
            f"{name} version {version.version}, @{asked.removeprefix('@')}, was rolled back: publish another, or name "
            f"it by its number to serve it all the same"
        )
    return version


def _check_unmoved(client: "MlflowClient", decision: Decision) -> None:
    """Whoever has another way to the registry may have moved the champion while the models were judged."""
    now = aliases_of(client, decision.model).get(CHAMPION)
    if now != decision.before:
        served = f"version {now}" if now else "no version"
        raise InputError(f"{decision.model}: {served} became @champion meanwhile: promote again")
