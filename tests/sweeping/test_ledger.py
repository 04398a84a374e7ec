"""The ledger of a sweep: nothing lost or doubled, whichever of its two places a kill left behind."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from prefactor.errors import InputError
from prefactor.sweeping.ledger import open_ledger
from prefactor.sweeping.outcome import Outcome, Point, State, complete, write_outcome
from prefactor.sweeping.sampling import distributions
from prefactor.sweeping.space import Space

SPACE = Space({"model.bases": (4, 8, None), "model.form": ("linear", "mlp")})
FROM = distributions(SPACE)
PROJECT = Path(__file__).resolve().parents[2]


def done(number: int, score: float = 0.5, **changes: object) -> Outcome:
    return complete(number, changes, {"0": {"mean": score}})


def test_what_was_begun_is_known_when_it_is_opened_again(tmp_path: Path) -> None:
    with open_ledger(tmp_path, "", "off") as ledger:
        assert [ledger.begin(changes, FROM) for changes in ({}, {"model.bases": None, "model.form": "mlp"})] == [0, 1]
    with open_ledger(tmp_path, "", "off") as ledger:
        assert ledger.unfinished() == [0, 1]
        assert ledger.changes(0) == {} and ledger.changes(1) == {"model.bases": None, "model.form": "mlp"}
        ledger.record(done(0))
        ledger.record(done(0))  # twice changes nothing
        assert ledger.unfinished() == [1] and ledger.outcomes() == [done(0)]


def test_an_outcome_that_only_its_file_knows_reaches_the_study(tmp_path: Path) -> None:
    with open_ledger(tmp_path, "", "off") as ledger:
        ledger.begin({}, FROM)
        write_outcome(tmp_path, done(0, 0.7))  # and killed before the study heard of it
        assert ledger.unfinished() == [0]
        ledger.mend()
        assert ledger.unfinished() == [] and ledger.trials()[0].value == 0.7


def test_an_outcome_that_only_the_study_knows_is_written_again(tmp_path: Path) -> None:
    pruned = Outcome(0, State.PRUNED, curve=(Point(0, 1, 0, "model", 0.5, 0.7),), reason="others did better")
    with open_ledger(tmp_path, "", "off") as ledger:
        ledger.begin({}, FROM)
        ledger.record(pruned)
        shutil.rmtree(tmp_path / "trials")  # as on another machine
        ledger.mend()
        assert ledger.outcomes() == [pruned]


def test_a_lost_study_is_said(tmp_path: Path) -> None:
    write_outcome(tmp_path, done(0))
    with open_ledger(tmp_path, "", "off") as ledger, pytest.raises(InputError, match="does not know: restore"):
        ledger.mend()


def test_a_trial_that_is_run_again_says_the_same_again(tmp_path: Path) -> None:
    with open_ledger(tmp_path, "", "median") as ledger:
        for number in range(7):
            ledger.begin({}, FROM)
            if number < 6:
                for step in (1, 2, 3):
                    ledger.told(number, Point(0, step, 0, "model", 0.8))
                ledger.record(done(number, 0.8))
        spared = [ledger.told(6, Point(0, step, 0, "model", 0.3)) for step in (1, 2)]
        assert spared == [False, True]  # the first validation is too early to tell
        assert ledger.told(6, Point(0, 2, 0, "model", 0.3))


def test_a_wrong_address_is_said_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="storage does not answer"),
        open_ledger(tmp_path, "postgresql://x@127.0.0.1:9/y", "off"),
    ):
        pass


def test_owners_are_told_apart(tmp_path: Path) -> None:
    with open_ledger(tmp_path, "", "off") as one, open_ledger(tmp_path, "", "off") as other:
        one.owned_by("a")
        assert other.owner == "a"
        other.owned_by("")
        assert one.owner == ""


def test_a_study_of_other_data_is_not_taken_for_this_one(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/shared.db"
    for folder in ("one", "other"):  # two machines' projects, which share nothing but the storage
        (tmp_path / folder).mkdir()
    with open_ledger(tmp_path / "one" / "try", storage, "off") as ledger:
        ledger.claim("0123")
        ledger.claim("0123")
        ledger.begin({}, FROM)
        ledger.record(done(0))
    refused = pytest.raises(InputError, match=r"'try' of other data or settings \(0123, this is 4567\): give")
    with open_ledger(tmp_path / "other" / "try", storage, "off") as ledger, refused:
        ledger.claim("4567")


KILLED = """\
import sys
from pathlib import Path
from prefactor.sweeping.ledger import open_ledger
from prefactor.sweeping.outcome import complete
with open_ledger(Path(sys.argv[1]), "", "off") as ledger:
    while True:
        number = ledger.begin({}, {})
        print(number, flush=True)
        ledger.record(complete(number, {}, {"0": {"mean": 0.5}}))
"""


def test_killed_at_any_moment_it_has_lost_and_doubled_nothing(tmp_path: Path) -> None:
    writers = [_start(tmp_path / name) for name in ("one", "two", "three")]
    for writing, (folder, writer) in enumerate(writers, 2):
        assert writer.stdout is not None
        said = [int(writer.stdout.readline()) for _ in range(writing)]
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        with open_ledger(folder, "", "off") as ledger:
            ledger.mend()
            unfinished, ended = ledger.unfinished(), [outcome.number for outcome in ledger.outcomes()]
            assert sorted([*unfinished, *ended]) == list(range(len(ledger.trials())))
            assert len(unfinished) <= 1 and said == list(range(writing))


def _start(folder: Path) -> "tuple[Path, subprocess.Popen[str]]":
    command = [sys.executable, "-c", KILLED, str(folder)]
    return folder, subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
