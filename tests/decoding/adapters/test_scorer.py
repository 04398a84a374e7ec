"""What holds for every adapter: runs that were killed go on, and nothing is left behind, printed or reported."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prefactor.decoding.adapters import DpoPolicy, LoraReward
from prefactor.errors import InputError
from tests.decoding.adapters.toys import QUICK, QUICK_DPO, make_toy
from tests.decoding.speakers import tiny_speaker

KINDS = [(LoraReward, QUICK), (DpoPolicy, QUICK_DPO)]


class Counting(LoraReward):
    """Counts trainings, and is killed in the one after ``most``."""

    trainings = 0
    most = 9

    def _fit(self, *arguments):
        self.trainings += 1
        found = super()._fit(*arguments)
        if self.trainings > self.most:
            raise KeyboardInterrupt
        return found


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_killed_run_goes_on(tmp_path):
    toy, speaker = make_toy(), tiny_speaker()
    layers = [type(module) for module in speaker.model.modules()]
    expected = LoraReward(speaker, toy.texts, QUICK)(toy.known, toy.asked).mean
    killed = Counting(speaker, toy.texts, QUICK, tmp_path)
    killed.most = 1
    with pytest.raises(KeyboardInterrupt):
        killed(toy.known, toy.asked)
    assert [type(module) for module in speaker.model.modules()] == layers
    again = Counting(speaker, toy.texts, QUICK, tmp_path)
    assert torch.equal(again(toy.known, toy.asked).mean, expected)
    assert again.trainings == 1
    assert torch.equal(again(toy.known, toy.asked).mean, expected)
    assert again.trainings == 1


@pytest.mark.parametrize(("kind", "parameters"), KINDS)
def test_nothing_is_left_printed_or_reported(kind, parameters, tmp_path, monkeypatch, capfd):
    from trl.trainer import base_trainer

    told: list[object] = []
    monkeypatch.setattr(base_trainer, "send_telemetry", lambda **about: told.append(about))
    (tmp_path / "here").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    toy = make_toy((0,))
    kind(tiny_speaker(), toy.texts, parameters, tmp_path / "kept", keep=True)(toy.known, toy.asked)
    out, err = capfd.readouterr()
    assert not told and not files(tmp_path / "here") and not files(tmp_path / "temporary")
    assert out == "" and all(line.startswith(f"{kind.name}: 1") for line in err.splitlines())
    scores = {f"scores/{path.name}" for path in (tmp_path / "kept/scores").glob("*.json")}
    adapter = {f"0/{name}" for name in ("adapter_config.json", "adapter_model.safetensors", "about.json")}
    assert len(scores) == 1 and files(tmp_path / "kept") == scores | adapter
    assert str(tmp_path) not in (tmp_path / "kept/0/adapter_config.json").read_text()


def test_who_draws_at_random_next_draws_the_same():
    toy = make_toy((0,))
    seeds = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    LoraReward(tiny_speaker(), toy.texts, QUICK)(toy.known, toy.asked)
    assert random.getstate() == seeds[0] and np.random.get_state()[1].tolist() == seeds[1]
    assert torch.equal(torch.get_rng_state(), seeds[2])


def test_bad_folders_are_refused(tmp_path):
    toy, speaker = make_toy((0,)), tiny_speaker()
    with pytest.raises(InputError, match="there is no folder"):
        LoraReward(speaker, toy.texts, QUICK, keep=True)
    scorer = LoraReward(speaker, toy.texts, QUICK, tmp_path, keep=True)
    scorer(toy.known, toy.asked)
    (path,) = (tmp_path / "scores").glob("*.json")
    path.write_text('{"rewards": [1.0]}')
    with pytest.raises(InputError, match="must hold the rewards of 6 texts"):
        scorer(toy.known, toy.asked)
    path.unlink()
    (tmp_path / "0/adapter_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="is damaged"):
        scorer(toy.known, toy.asked)


def test_an_adapter_that_is_to_be_kept_is_trained_though_its_rewards_are_known(tmp_path):
    toy = make_toy((0,))
    LoraReward(tiny_speaker(), toy.texts, QUICK, tmp_path)(toy.known, toy.asked)
    assert not (tmp_path / "0").exists()
    LoraReward(tiny_speaker(), toy.texts, QUICK, tmp_path, keep=True)(toy.known, toy.asked)
    assert (tmp_path / "0/adapter_model.safetensors").is_file()


def test_what_other_code_has_trained_is_trained_anew(tmp_path, monkeypatch):
    toy, speaker = make_toy((0,)), tiny_speaker()
    LoraReward(speaker, toy.texts, QUICK, tmp_path, keep=True)(toy.known, toy.asked)
    again = Counting(speaker, toy.texts, QUICK, tmp_path, keep=True)
    again(toy.known, toy.asked)
    assert again.trainings == 0
    monkeypatch.setattr("prefactor.decoding.adapters.scorer.FORMAT", "another")
    again(toy.known, toy.asked)
    assert again.trainings == 1


def test_rewards_that_are_no_numbers_are_refused():
    toy = make_toy((0,))
    with pytest.raises(InputError, match="not finite: lower learning_rate"):
        LoraReward(tiny_speaker(), toy.texts, replace(QUICK, learning_rate=1e30))(toy.known, toy.asked)
