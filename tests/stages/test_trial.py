"""One trial: what it says of a configuration that is trained, diverges, is wrong, or has too little memory."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefactor.backbones.shards import INDEX, write_shard
from prefactor.errors import InputError
from prefactor.parameters import build
from prefactor.search import BASIS, MODEL
from prefactor.sweeping.memory import OUT_OF_MEMORY, ran_out
from prefactor.sweeping.messages import Message, message_in
from prefactor.sweeping.order import Order, write_order
from prefactor.sweeping.settings import SweepSettings
from prefactor.sweeping.users import Users
from stages.trial import DataChanged, Diverged, Teller, reason_of, trial
from tests.sweeping.tiny import WIDTH, make_data, settings

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(make_data(tmp_path))
    return tmp_path


def ordered(root: Path, wanted: SweepSettings, memory_gb: float | None = None, **changes: object) -> str:
    values = {key.replace("__", "."): value for key, value in changes.items()}
    return str(write_order(root / "data/sweeps/try", Order(1, wanted, values, memory_gb)))


def said(text: str) -> list[Message]:
    return [message for line in text.splitlines() if (message := message_in(line))]


def test_every_validation_and_every_seeds_scores_are_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial(ordered(root, settings(root, seeds=(0, 1)), training__learning_rate=0.1))
    messages = said(capsys.readouterr().out)
    assert [message.kind for message in messages] == ["told", "told", "scored", "told", "told", "scored", "done"]
    told = [message.values for message in messages if message.kind == "told"]
    assert [(point["phase"], point["step"], point["seed"]) for point in told] == [
        (0, 1, 0),
        (0, 2, 0),
        (1, 1, 1),
        (1, 2, 1),
    ]
    first = messages[2].values["scores"]
    assert first["mean"] == pytest.approx((first["seen"] + first["1"] + first["3"]) / 3)
    users = build(Users, messages[2].values["users"], "users")
    assert users.interval.value == pytest.approx(first["mean"], abs=1e-5)
    assert (len(users.seen), len(users.held_out), users.shots, users.pairs) == (8, 8, 2, 16 * 4)
    assert messages[-1].values["memory_mb"] > 50


def test_the_same_order_says_the_same_again(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = ordered(root, settings(root), model__basis__dropout=0.2)

    def scores() -> dict:
        trial(order)
        found = dict(next(m for m in said(capsys.readouterr().out) if m.kind == "scored").values["scores"])
        found.pop("seconds")
        return found

    assert scores() == scores()


def test_a_loss_that_is_no_number_ends_it_and_is_the_reason(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="the loss is nan at step"):
        trial(ordered(root, settings(root), training__learning_rate=1e30))
    *_, failed = said(capsys.readouterr().out)
    assert failed.kind == "failed" and "the loss is nan at step" in failed.values["reason"]


def test_a_configuration_that_is_none_is_the_reason(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError):
        trial(ordered(root, settings(root), model__basis__dropout=1.5))
    (failed,) = said(capsys.readouterr().out)
    assert failed.values["reason"] == "methods.bt.default.model.basis: dropout must lie in [0, 1), got 1.5"


def test_other_data_than_the_sweep_began_with_stop_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = ordered(root, settings(root))
    write_shard(root / "data/states/tiny/random", "00001", np.zeros(1, INDEX), np.ones((1, WIDTH), np.float32))
    with pytest.raises(DataChanged):
        trial(order)
    (changed,) = said(capsys.readouterr().out)
    assert changed.kind == "changed" and "begin one of another name" in changed.values["reason"]


def test_a_closed_form_tells_of_its_fit(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = {"model": {"ridge": 1.0}, "basis_training": None, "training": {}}
    trial(ordered(root, replace(settings(root), method="lr", base=base)))
    told, scored, _ = said(capsys.readouterr().out)
    assert told.values["loss"] is None and 0 < told.values["value"] <= 1 and "mean" in scored.values["scores"]


def test_what_any_other_error_was_is_one_line() -> None:
    assert reason_of(KeyError("a")) == "KeyError: 'a'"
    assert reason_of(MemoryError()) == reason_of(RuntimeError("x: can't allocate memory: y")) == OUT_OF_MEMORY
    assert reason_of(Diverged("the loss is nan")) == "the loss is nan"


def test_a_further_choice_makes_a_trial_no_worse(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller()

    def tell(told, choice: int, part: str, accuracy: float) -> float:
        row = {"step": 1, "loss": 0.5, "validation_seen_accuracy": accuracy, "validation_users_accuracy": accuracy}
        told(choice, part, row)
        return said(capsys.readouterr().out)[-1].values["value"]

    told = teller.of(0)
    found = [tell(told, 0, BASIS, 0.9), tell(told, 0, MODEL, 0.8), tell(told, 0, MODEL, 0.7)]
    found += [tell(told, 1, BASIS, 0.5), tell(told, 1, MODEL, 0.85)]
    assert found == [0.9, 0.8, 0.8, 0.8, 0.85]
    teller.done.append(0.85)
    assert tell(teller.of(1), 0, BASIS, 0.35) == pytest.approx((0.85 + 0.35) / 2)


def test_too_little_memory_ends_it_and_is_seen(root: Path) -> None:
    order = ordered(root, settings(root), memory_gb=0.03)
    command = [sys.executable, "-m", "stages.trial", order]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode != 0 and ran_out(done.stdout + done.stderr), done.stderr  # torch may not live to say it
