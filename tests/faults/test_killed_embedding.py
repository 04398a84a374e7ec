"""An embedding that is killed wherever it is, by one process or several: the next goes on, nothing is there twice."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from prefactor.backbones import BackboneParameters, embed, load_backbone, open_states
from prefactor.backbones.shards import shard_names
from prefactor.preferences import content_id

pytestmark = pytest.mark.system

KILLS = 5
TEXTS = [(f"Question {n // 4}? " * 9, f"Answer {n}. " * (1 + n % 7)) for n in range(3000)]
IDS = [content_id(*text) for text in TEXTS]
EMBED = """\
import sys
from pathlib import Path
from prefactor.backbones import BackboneParameters, embed, load_backbone
if __name__ == "__main__":
    parameters = BackboneParameters(sys.argv[1], device="cpu", processes=int(sys.argv[2]), shard_texts=150)
    print("begin", flush=True)
    print(embed(Path("texts.parquet"), Path("cache"), load_backbone(parameters), parameters).encoded)
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_nothing_is_lost_or_doubled(
    gpt2_folder: Path, write_texts: Callable[[Sequence[tuple[str, str]]], Path], tmp_path: Path, processes: int
) -> None:
    texts, cache = write_texts(TEXTS), tmp_path / "cache"
    (tmp_path / "run.py").write_text(EMBED)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "run.py", str(gpt2_folder), str(processes)]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)

    random, whole = np.random.default_rng(12), 0
    for _ in range(KILLS):
        with start() as run:
            before, target = len(shard_names(cache)), random.integers(1, 4)
            while run.poll() is None and len(shard_names(cache)) < before + target:
                time.sleep(0.005)
            time.sleep(random.uniform(0, 0.1))
            run.kill()
        now = len(shard_names(cache))
        assert now >= whole, "no whole shard is lost"
        whole = now
    with start() as last:
        said, _ = last.communicate()
    found = set(shard_names(cache))
    assert last.returncode == 0 and 0 < int(said.split()[-1]) < len(TEXTS)
    assert {path.name.split(".")[0] for path in (cache / "shards").iterdir()} == found
    states = open_states(cache)
    assert len(states) == len(TEXTS), "each text once"
    parameters = BackboneParameters(str(gpt2_folder), device="cpu")
    embed(texts, tmp_path / "alone", load_backbone(parameters), parameters)
    np.testing.assert_allclose(states.gather(IDS), open_states(tmp_path / "alone").gather(IDS), atol=2e-3)
