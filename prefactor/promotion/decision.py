"""A decision about which version is served, and its MLflow run.

The run has all its evidence before an alias moves, and is finished after the last: one that was begun by somebody who
was killed is carried out by whoever decides next.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from prefactor.promotion.evidence import Evidence
from prefactor.promotion.report import markdown, write_evidence
from prefactor.tracking.aliases import CHALLENGER, CHAMPION, PREVIOUS, aliases_of, point, registered_name
from prefactor.tracking.origin import name_champion
from prefactor.tracking.store import experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PROMOTED, REFUSED, ROLLED_BACK = "promoted", "refused", "rolled back"
OUTCOME = "prefactor.decision"  # tag, set last: the run is whole from then on
MODEL, BEFORE, AFTER = "prefactor.model", "prefactor.before", "prefactor.after"
SET = "prefactor.evaluation_set"
WITHDRAWN = "prefactor.rolled_back"  # tag of a version: the run that rolled it back
NOTE = "mlflow.note.content"  # what MLflow's page shows as a run's description
LONGEST_NOTE = 5_000  # characters; MLflow would cut more anywhere
FINISHED = "FINISHED"
MISSING = "RESOURCE_DOES_NOT_EXIST"  # what MLflow answers about a version that was deleted


@dataclass(frozen=True)
class Decision:
    """What became of a registered ``model``: ``before`` was served, ``after`` is, or was refused.

    ``run_id``, ``experiment_id``: its MLflow run, None for a dry run. ``completed``: it was begun by an earlier call,
    which was killed.
    """

    dataset: str
    outcome: str
    before: str | None
    after: str
    evidence: Evidence | None = None
    run_id: str | None = None
    experiment_id: str | None = None
    completed: bool = False

    @property
    def model(self) -> str:
        """The registered model's name."""
        return registered_name(self.dataset)

    @property
    def what(self) -> str:
        """One line, where it is plain whose model it is about."""
        before = f"version {self.before}" if self.before else "no version"
        ends = {
            PROMOTED: f"version {self.after} promoted, in place of {before}",
            REFUSED: f"version {self.after} refused, {before} is still served",
            ROLLED_BACK: f"rolled back to version {self.after}, from {before}",
        }
        return ends[self.outcome]

    @property
    def title(self) -> str:
        """One line."""
        return f"{self.model}: {self.what}"

    @property
    def moves(self) -> bool:
        """Is another version served from then on."""
        return self.outcome != REFUSED


def decide(client: "MlflowClient", root: Path, decision: Decision) -> Decision:
    """Record a decision and carry it out. Killed at any moment, ``complete`` does the rest, or nothing was done."""
    experiment_id = experiment(client, _decisions(decision.dataset))
    made = replace(decision, run_id=_record(client, experiment_id, decision), experiment_id=experiment_id)
    _carry_out(client, root, made)
    return made


def complete(client: "MlflowClient", root: Path, dataset: str) -> list[Decision]:
    """Carry out the decisions that a killed call left whole, remove those that it left half-made.

    Likewise removed is one that no longer fits, because somebody else moved @champion since, or deleted what was to be
    served.
    """
    found = client.get_experiment_by_name(registered_name(_decisions(dataset)))
    if found is None:
        return []
    done = []
    unfinished = client.search_runs([found.experiment_id], f"attributes.status != '{FINISHED}'")
    for run in reversed(unfinished):  # the oldest first
        decision = _decision_of(dataset, run)
        if decision is None or not _fits(client, decision):
            client.delete_run(run.info.run_id)
            continue
        _carry_out(client, root, decision)
        done.append(decision)
    return done


def _decisions(dataset: str) -> str:
    """What the experiment is called, beside that of the trainings."""
    return f"{dataset}-decisions"


def _record(client: "MlflowClient", experiment_id: str, decision: Decision) -> str:
    """A run with everything about the decision; not finished."""
    from mlflow.entities import Metric, RunTag

    tags = {MODEL: decision.model, BEFORE: decision.before or "", AFTER: decision.after}
    run = client.create_run(experiment_id, tags=tags, run_name=decision.what)
    run_id = run.info.run_id
    try:
        more = {}
        if (evidence := decision.evidence) is not None:
            metrics = [Metric(name, value, run.info.start_time, 0) for name, value in evidence.figures.items()]
            more = _tags_of(evidence) | {NOTE: markdown(decision.title, evidence, LONGEST_NOTE)}
            client.log_batch(run_id, metrics=metrics, tags=[RunTag(*each) for each in more.items()])
            with TemporaryDirectory() as folder:
                write_evidence(Path(folder), decision.title, evidence)
                client.log_artifacts(run_id, folder, "evidence")
        client.set_tag(run_id, OUTCOME, decision.outcome)
    except BaseException:
        with suppress(Exception):  # a store that is gone takes no deletion either: the next decision removes the run
            client.delete_run(run_id)
        raise
    return run_id


def _tags_of(evidence: Evidence) -> dict[str, str]:
    gates = {f"gate.{gate.name.replace(' ', '_')}": gate.verdict.value for gate in evidence.gates}
    return {**gates, SET: str(evidence.about["evaluation_set"])}


def _carry_out(client: "MlflowClient", root: Path, decision: Decision) -> None:
    """Move the aliases if they are to be moved, then finish the run.

    @previous first: until @champion moves nothing has changed for those who are served, and after that there is a way
    back, unless somebody has deleted what was served.
    """
    assert decision.run_id is not None
    if decision.moves:
        name, after = decision.model, decision.after
        before = decision.before if _exists(client, name, decision.before) else None
        wanted: dict[str, str | None] = {PREVIOUS: before} if before else {}
        challenger = aliases_of(client, name).get(CHALLENGER)
        point(client, name, {**wanted, CHAMPION: after, **({CHALLENGER: None} if challenger == after else {})})
        _mark_withdrawn(client, replace(decision, before=before))
        name_champion(root, client.get_model_version(name, after))
    client.set_terminated(decision.run_id, FINISHED)


def _mark_withdrawn(client: "MlflowClient", decision: Decision) -> None:
    """What was rolled back is not promoted by its alias again; what is served is not withdrawn."""
    name = decision.model
    if WITHDRAWN in client.get_model_version(name, decision.after).tags:
        client.delete_model_version_tag(name, decision.after, WITHDRAWN)
    if decision.outcome == ROLLED_BACK and decision.before:
        client.set_model_version_tag(name, decision.before, WITHDRAWN, decision.run_id)


def _decision_of(dataset: str, run: "Run") -> Decision | None:
    """What a run says that was decided; None if it does not say so yet."""
    tags: Mapping[str, Any] = run.data.tags
    if OUTCOME not in tags:
        return None
    before = tags[BEFORE] or None
    place = {"run_id": run.info.run_id, "experiment_id": run.info.experiment_id}
    return Decision(dataset, tags[OUTCOME], before, tags[AFTER], **place, completed=True)


def _fits(client: "MlflowClient", decision: Decision) -> bool:
    """Is there still what is to be served, and is the champion still the one before or after the decision."""
    if not decision.moves:
        return True
    if not _exists(client, decision.model, decision.after):
        return False
    return aliases_of(client, decision.model).get(CHAMPION) in (decision.before, decision.after)


def _exists(client: "MlflowClient", name: str, number: str | None) -> bool:
    """Is there such a version; not where the whole model was deleted."""
    from mlflow.exceptions import MlflowException

    try:
        return number is not None and client.get_model_version(name, number) is not None
    except MlflowException as error:
        if error.error_code == MISSING:
            return False
        raise
