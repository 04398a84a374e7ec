"""The winner, and params.yaml with it: its values, and not a comment, blank or key else."""

import difflib
from pathlib import Path

import pytest
import yaml

from prefactor.errors import InputError
from prefactor.parameters import merged
from prefactor.sweeping.outcome import Outcome, State, complete
from prefactor.sweeping.space import changes
from prefactor.sweeping.winner import better, winner, write_winner

PARAMETERS = Path(__file__).resolve().parents[2] / "params.yaml"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text(PARAMETERS.read_text())
    return tmp_path / "params.yaml"


def changed_lines(path: Path) -> list[str]:
    before, after = PARAMETERS.read_text().splitlines(), path.read_text().splitlines()
    found = difflib.unified_diff(before, after, n=0, lineterm="")
    return [line for line in found if line[:3] not in ("---", "+++") and line[0] in "+-"]


def test_the_best_complete_trial_wins_the_earlier_of_equals() -> None:
    scored = [complete(number, {}, {"0": {"mean": mean}}) for number, mean in ((0, 0.6), (1, 0.9), (2, 0.9))]
    best = winner([Outcome(3, State.PRUNED), *reversed(scored)])
    assert best is not None and best.number == 1
    assert winner([]) is None and winner([Outcome(0, State.FAILED)]) is None


def test_what_stands_is_kept_unless_something_is_above_it() -> None:
    before, level, above = (complete(at, {}, {"0": {"mean": mean}}) for at, mean in ((0, 0.6), (1, 0.6), (2, 0.61)))
    assert better([before, level, above]) and not better([before, level]) and not better([])
    assert not better([Outcome(0, State.FAILED, reason="out of memory"), above])  # above what?


def test_its_values_are_written_and_nothing_else(path: Path) -> None:
    new = {"model.basis.bases": 24, "training.learning_rate": 2e-05, "model.encoder_dropout": 0.1}
    written = write_winner(path, "methods.vrf.default", new)
    assert [(each.key, each.before, each.after) for each in written] == [
        ("methods.vrf.default.model.basis.bases", 16, 24),
        ("methods.vrf.default.training.learning_rate", 0.003, 2e-05),
        ("methods.vrf.default.model.encoder_dropout", None, 0.1),
    ]
    assert sorted(changed_lines(path)) == [
        "+        basis: {form: linear, bases: 24}",
        "+        encoder_dropout: 0.1",
        "+        learning_rate: 2.0e-05",  # what reads it takes 2e-05 to be text
        "-        basis: {form: linear, bases: 16}",
        "-        learning_rate: 0.003",
    ]
    before, after = (yaml.safe_load(text.read_text()) for text in (PARAMETERS, path))
    assert after == merged(before, {"methods": {"vrf": {"default": changes(new)}}})


def test_sections_that_shared_a_mapping_no_longer_do(path: Path) -> None:
    write_winner(path, "methods.det.default", {"model.basis.dropout": 0.2})
    write_winner(path, "methods.prob.default", {"training.weight_decay": 1.0})
    before, after = (yaml.safe_load(text.read_text())["methods"] for text in (PARAMETERS, path))
    assert after["det"]["default"] == merged(before["det"]["default"], {"model": {"basis": {"dropout": 0.2}}})
    assert after["prob"]["default"] == merged(before["prob"]["default"], {"training": {"weight_decay": 1.0}})


def test_a_new_key_stays_above_the_comment_that_follows(path: Path) -> None:
    write_winner(path, "methods.vrf.faithful", {"training.warmup": 0.1})
    assert changed_lines(path) == ["+        warmup: 0.1"]
    assert yaml.safe_load(path.read_text())["methods"]["vrf"]["faithful"]["training"]["warmup"] == 0.1


def test_what_stands_there_already_leaves_the_file_alone(path: Path) -> None:
    stamp = path.stat().st_mtime_ns
    assert write_winner(path, "methods.vrf.default", {"model.basis.bases": 16}) == []
    assert write_winner(path, "methods.vrf.default", {}) == []
    assert path.stat().st_mtime_ns == stamp


def test_a_file_that_is_written_from_others_is_refused(path: Path) -> None:
    path.write_text("# Written from params.yaml and study.yaml\n" + path.read_text())
    with pytest.raises(InputError, match=r"written from other files.*methods\.bt\.default\.training\.epochs: 3"):
        write_winner(path, "methods.bt.default", {"training.epochs": 3})
