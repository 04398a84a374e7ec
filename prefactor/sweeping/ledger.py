"""The ledger of a sweep: which trials were begun, what each has said so far, and what came of it.

Two places hold it. A study of Optuna's, in a SQLite file beside the outcomes or in a database that several machines
reach, knows every trial from its beginning, with what its validations said: that is what draws and prunes. A file per
trial holds its outcome. Whatever was killed between the two is made good when the ledger is opened again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefactor.errors import InputError
from prefactor.parameters import as_dict
from prefactor.sweeping.outcome import Outcome, Point, State, as_outcome, read_outcomes, write_outcome
from prefactor.sweeping.pruning import pruner, step_of
from prefactor.sweeping.space import Flat
from prefactor.sweeping.ways import Pruning

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

SECONDS_TO_WAIT = 60  # for SQLite, while another process writes
CHANGES, OUTCOME, OWNER, SETTINGS = "changes", "outcome", "owner", "settings"


@contextmanager
def open_ledger(folder: Path, storage: str, pruning: Pruning) -> Iterator["Ledger"]:
    """The ledger of the sweep in ``folder``, made if it is new.

    ``storage`` is the address of a database that other machines reach too, ``postgresql+psycopg://…``; empty for a
    file. Raises InputError if the database does not answer.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    address = storage or f"sqlite:///{folder.resolve() / 'study.db'}"
    options = {"connect_args": {"timeout": SECONDS_TO_WAIT}} if address.startswith("sqlite:") else {}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        database = optuna.storages.RDBStorage(address, engine_kwargs=options)
    except (SQLAlchemyError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the sweep's storage does not answer ({reason}): check the address and the server") from error
    try:
        study = optuna.create_study(
            storage=database,
            sampler=optuna.samplers.RandomSampler(),  # draws nothing: ``sampling`` does
            pruner=pruner(pruning),
            study_name=folder.name,
            direction="maximize",
            load_if_exists=True,
        )
        yield Ledger(folder, study)
    finally:
        database.remove_session()
        database.engine.dispose()


@dataclass(frozen=True)
class Ledger:
    """A sweep's trials; see :func:`open_ledger`."""

    folder: Path
    study: "Study"

    def trials(self) -> "list[FrozenTrial]":
        """All trials that were begun, by number, as Optuna has them."""
        return self.study.get_trials(deepcopy=False)

    def outcomes(self) -> list[Outcome]:
        """What came of those that have ended, by number."""
        return read_outcomes(self.folder)

    def unfinished(self) -> list[int]:
        """The trials that were begun and of which nothing has come yet."""
        return [trial.number for trial in self.trials() if not trial.state.is_finished()]

    def changes(self, number: int) -> Flat:
        """What a trial tries, by dotted key."""
        return dict(self.trials()[number].user_attrs[CHANGES])

    def begin(self, changes: Flat, drawn_from: "Mapping[str, BaseDistribution]") -> int:
        """Enter a new trial; its number. What it changes is one of ``drawn_from``, or nothing."""
        import optuna

        self.study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params=changes,
                distributions={key: drawn_from[key] for key in changes},
                user_attrs={CHANGES: changes},
            )
        )
        return self.trials()[-1].number

    def told(self, number: int, point: Point) -> bool:
        """Enter what a validation said; whether the trial is to be ended. The first one, the yardstick, never is.

        A trial that is run again says the same again, which changes nothing.
        """
        import optuna

        trial = optuna.trial.Trial(self.study, self.trials()[number]._trial_id)
        step, value = step_of(point)
        if step not in self.trials()[number].intermediate_values:
            trial.report(value, step)
        worse = trial.should_prune()  # of the first one too: halving keeps what it is asked about for the others
        return worse and number > 0

    def record(self, outcome: Outcome) -> None:
        """Keep what came of a trial: first in its file, then in the study. Keeping it twice changes nothing."""
        write_outcome(self.folder, outcome)
        self._close(outcome)

    def mend(self) -> None:
        """Make good what a kill left: an outcome that one of the two places lacks is taken from the other.

        Raises InputError for outcomes of trials that the study does not know: it was lost.
        """
        kept = {outcome.number: outcome for outcome in self.outcomes()}
        trials = self.trials()
        if kept and max(kept) >= len(trials):
            raise InputError(
                f"{self.folder} has outcomes of trials that its study does not know: restore the study's storage, "
                "or give the sweep another name"
            )
        for trial in trials:
            if trial.number in kept:
                self._close(kept[trial.number])
            elif OUTCOME in trial.user_attrs:
                self.record(as_outcome(trial.user_attrs[OUTCOME], f"trial {trial.number}"))

    def claim(self, key: str) -> None:
        """Make the study that of the settings which ``key`` names, the data's fingerprint among them.

        Raises InputError if it is that of others: a storage that machines share may have it under the same name.
        """
        known = self.study.user_attrs.get(SETTINGS)
        if known is None:
            self.study.set_user_attr(SETTINGS, key)
        elif known != key:
            raise InputError(
                f"the sweep's storage holds a sweep {self.folder.name!r} of other data or settings "
                f"({known}, this is {key}): give this one another name"
            )

    @property
    def owner(self) -> str:
        """Which run of the sweep its trials belong to: those that were begun by another one have to stop."""
        return str(self.study.user_attrs.get(OWNER, ""))

    def owned_by(self, run: str) -> None:
        """Hand the sweep to a run; to nobody, where ``run`` is empty."""
        self.study.set_user_attr(OWNER, run)

    def _close(self, outcome: Outcome) -> None:
        import optuna

        trial = self.trials()[outcome.number]
        if trial.state.is_finished():
            return
        states = optuna.trial.TrialState
        state = {State.COMPLETE: states.COMPLETE, State.PRUNED: states.PRUNED, State.FAILED: states.FAIL}[outcome.state]
        values: Any = as_dict(outcome)
        self.study._storage.set_trial_user_attr(trial._trial_id, OUTCOME, values)
        self.study.tell(outcome.number, outcome.score, state=state)
