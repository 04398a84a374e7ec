"""Two processes with half of the users each take the steps that one takes with all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from prefactor.tuning.parameters import BackboneTuning
from prefactor.tuning.processes import Processes, portion
from tests.tuning.small import TRAINING as TRAINING
from tests.tuning.small import Small
from tests.worlds import make_pairs

ROOT = Path(__file__).parents[2]
TUNING = BackboneTuning("full", learning_rate=1e-3, accumulation=2, tokens_per_chunk=200, checkpoint_every=2)
TRAIN = """
import sys
from dataclasses import replace
from pathlib import Path
from safetensors.torch import save_file
from prefactor.tuning.checkpoint import backbone_tensors
from tests.tuning.small import copied, make_small, tuned
from tests.tuning.test_processes import TRAINING, TUNING
work, name, mode = Path(sys.argv[2]), sys.argv[3], sys.argv[4]
model, live, course = tuned(make_small(Path(sys.argv[1])), name, replace(TUNING, mode=mode), work, TRAINING)
backbone = backbone_tensors(live)
if live.processes.is_first:
    print(live.processes.count, [row["loss"] for row in course.history])
    save_file({**{"method " + k: v for k, v in copied(model).items()}, **backbone}, work.with_suffix(".safetensors"))
"""
LAUNCH = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1", "--mixed_precision", "no"]
LAUNCH += ["--dynamo_backend", "no", "--num_cpu_threads_per_process", "1", "--main_process_ip", "127.0.0.1"]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_every_user_is_one_process_share(count: int) -> None:
    whole = make_pairs(3, 3)
    processes = Processes(cpu=True)
    processes.count = count
    found = []
    for rank in range(count):
        processes.rank = rank
        share, counts = processes.share(whole)
        assert len(share) > 0
        found.append(share.n_users if counts else 0)
    assert sum(found) == 3


def test_portions_are_all_of_it() -> None:
    for total in (0, 1, 5, 8):
        parts = [torch.arange(total)[portion(total, rank, 3)] for rank in range(3)]
        assert torch.equal(torch.cat(parts), torch.arange(total))


@pytest.mark.system
@pytest.mark.parametrize(("name", "mode"), [("bt", "full"), ("lore", "lora")])
def test_two_processes_end_where_one_does(small: Small, name: str, mode: str, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    told: list[list[str]] = []
    for place, launch in (("one", []), ("two", [*LAUNCH, "--num_processes", "2"])):
        command = [sys.executable, *launch, str(script), str(small.folder), str(tmp_path / place), name, mode]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        told.append(done.stdout.split(" ", 1))
    assert [count for count, _ in told] == ["1", "2"]
    assert json.loads(told[0][1]) == pytest.approx(json.loads(told[1][1]), rel=1e-4)
    first, second = (load_file(tmp_path / f"{place}.safetensors") for place in ("one", "two"))
    assert first.keys() == second.keys()
    for key, tensor in first.items():
        if key in ("method phi.layers.2.bias", "method phi.layers.bias"):
            continue  # a constant of the reward: its gradient is nothing but rounding
        assert torch.allclose(second[key].float(), tensor.float(), rtol=1e-2, atol=2e-4), key
