"""A training that was interrupted ends as one that was not, to the last bit; its files hold no code."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefactor.errors import InputError
from prefactor.training import Row
from prefactor.tuning.checkpoint import backbone_tensors
from prefactor.tuning.parameters import BackboneTuning
from prefactor.tuning.storage import load_tuned, save_backbone
from prefactor.tuning.weights import moving
from tests.tuning.small import TRAINING, Small, copied, equal, tuned

TUNING = BackboneTuning("full", learning_rate=1e-3, tokens_per_chunk=300, checkpoint_every=3)
LONGER = replace(TRAINING, epochs=5, validations=3)  # ten steps
ROOT = Path(__file__).parents[2]


class Stopped(Exception):
    """What stands in for a kill."""


def stop_at(last: int):  # type: ignore[no-untyped-def]
    def report(step: int, row: Row) -> None:
        if step == last:
            raise Stopped

    return report


@pytest.mark.parametrize(
    ("name", "mode", "last"), [("vrf/loadings", "lora", 5), ("vpl", "full", 7), ("pref", "full", 1)]
)
def test_an_interrupted_training_goes_on_exactly(small: Small, name: str, mode: str, last: int, tmp_path: Path) -> None:
    tuning = replace(TUNING, mode=mode)  # type: ignore[arg-type]
    model, live, course = tuned(small, name, tuning, tmp_path / "whole", LONGER)
    with pytest.raises(Stopped):
        tuned(small, name, tuning, tmp_path / "work", LONGER, stop_at(last))
    steps: list[int] = []
    other, again, resumed = tuned(small, name, tuning, tmp_path / "work", LONGER, lambda step, row: steps.append(step))
    assert steps[0] == (last - 1) // 3 * 3 + 1  # after the last checkpoint, at steps 3, 6, 7 (a validation), 9, 10
    assert equal(copied(other), copied(model)) and equal(copied(again.plain), copied(live.plain))
    assert str(resumed.history) == str(course.history) and resumed.best == course.best


def test_adapters_above_the_layer_that_is_read_rest_and_a_training_goes_on(small: Small, tmp_path: Path) -> None:
    lower = replace(small, layers=(1,))
    tuning = replace(TUNING, mode="lora", learning_rate=1e-2)
    _, live, _ = tuned(lower, "bt", tuning, tmp_path / "whole", LONGER)
    with pytest.raises(Stopped):
        tuned(lower, "bt", tuning, tmp_path / "work", LONGER, stop_at(5))
    _, again, _ = tuned(lower, "bt", tuning, tmp_path / "work", LONGER)
    assert equal(copied(again.plain), copied(live.plain))
    assert {name.split(".")[1] for name in moving(live.plain)} == {"0"}
    save_backbone(tmp_path / "saved", live, backbone_tensors(live), lower.parameters, tuning)
    reader = load_tuned(lower.parameters, tmp_path / "saved")
    found = reader.encode(small.texts.prompts.to_pylist(), small.texts.responses.to_pylist()).states
    assert np.allclose(found, live.encode(np.arange(len(small.texts))), rtol=1e-3, atol=1e-4)


def test_it_goes_on_with_other_demands_on_the_memory(small: Small, tmp_path: Path) -> None:
    steps: list[int] = []
    with pytest.raises(Stopped):
        tuned(small, "bt", TUNING, tmp_path, LONGER, stop_at(5))
    changed = replace(TUNING, tokens_per_chunk=150, gradient_checkpointing=True, checkpoint_every=7)
    tuned(small, "bt", changed, tmp_path, LONGER, lambda step, row: steps.append(step))
    assert steps[0] == 4
    tuned(small, "bt", replace(changed, learning_rate=1e-4), tmp_path, LONGER, lambda step, row: steps.append(step))
    assert steps[7] == 1


def test_a_checkpoint_is_named_tensors_and_json(small: Small, tmp_path: Path) -> None:
    *_, course = tuned(small, "vrf", TUNING, tmp_path, LONGER)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert course.best is not None
    best = f"best-{int(course.best['step'])}"
    assert {name for name in names if name.startswith("best")} == {
        f"{best}/{name}.safetensors" for name in ("method", "backbone")
    }
    assert {Path(name).suffix for name in names} == {".safetensors", ".json"}


def test_a_checkpoint_of_another_training_is_left_alone(small: Small, tmp_path: Path) -> None:
    tuned(small, "bt", TUNING, tmp_path, LONGER)
    steps: list[int] = []
    tuned(small, "lore", TUNING, tmp_path, LONGER, lambda step, row: steps.append(step))
    assert steps[0] == 1


def test_a_damaged_checkpoint_is_named(small: Small, tmp_path: Path) -> None:
    tuned(small, "bt", TUNING, tmp_path, LONGER)
    (tmp_path / "checkpoint" / "backbone.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"is damaged .*: remove it to train from the start"):
        tuned(small, "bt", TUNING, tmp_path, LONGER)


TRAIN = """
import sys
from pathlib import Path
from safetensors.torch import save_file
from tests.tuning.small import copied, make_small, tuned
from tests.tuning.test_checkpoint import LONGER, TUNING
work = Path(sys.argv[2])
say = lambda step, row: print(step, flush=True)
model, live, _ = tuned(make_small(Path(sys.argv[1])), "vrf", TUNING, work, LONGER, say)
method = {"method " + name: tensor for name, tensor in copied(model).items()}
save_file({**method, **copied(live.plain)}, work.with_suffix(".safetensors"))
"""


def start(small: Small, work: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", TRAIN, str(small.folder), str(work)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)


@pytest.mark.system
def test_a_killed_process_goes_on_to_the_same_weights(small: Small, tmp_path: Path) -> None:
    last = int(np.random.default_rng().integers(1, 10))
    with start(small, tmp_path / "whole") as whole, start(small, tmp_path / "work") as killed:
        assert killed.stdout is not None
        for line in killed.stdout:
            if int(line) == last:
                time.sleep(float(np.random.default_rng().uniform(0, 0.1)))
                killed.send_signal(signal.SIGKILL)
                break
        whole.communicate()
    assert (whole.returncode, killed.returncode) == (0, -signal.SIGKILL)
    with start(small, tmp_path / "work") as resumed:
        steps = resumed.communicate()[0].split()
    assert resumed.returncode == 0 and (int(steps[0]) > last - 3 or last < 3)
    first, second = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("whole", "work"))
    assert first == second, last
