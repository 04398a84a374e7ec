"""Several processes: they write what one writes, lose what they were at when killed, and stop all when one fails."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from prefactor.backbones import Backbone, BackboneParameters, embed, load_backbone, open_states
from prefactor.backbones.loading import worker_count
from prefactor.backbones.parts import read_parts
from prefactor.backbones.shards import shard_names
from prefactor.errors import InputError
from prefactor.preferences import content_id

Texts = list[tuple[str, str]]
Write = Callable[[Sequence[tuple[str, str]]], Path]
TEXTS: Texts = [(f"Question {n // 3}? " * 9, f"Answer {n}. " * (1 + n % 5)) for n in range(40)]
EMBED = """
from pathlib import Path
from prefactor.backbones import BackboneParameters, embed, load_backbone

if __name__ == "__main__":
    parameters = BackboneParameters(model={model!r}, shard_texts=32, device="cpu", processes=2)
    embed(Path("texts.parquet"), Path("cache"), load_backbone(parameters), parameters)
"""


@pytest.fixture
def parameters(gpt2_folder: Path) -> BackboneParameters:
    return BackboneParameters(model=str(gpt2_folder), shard_texts=7, states_dtype="float32", device="cpu", processes=2)


def ids_of(texts: Texts) -> list[str]:
    return [content_id(*text) for text in texts]


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait for something to become true, half a minute at the most."""
    for _ in range(1500):
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_a_part_ends_where_the_prompt_changes(write_texts: Write) -> None:
    def sizes(texts: Texts, size: int) -> list[int]:
        return [len(part.texts) for part in read_parts(write_texts(texts), np.arange(len(texts)), size, 3)]

    assert sizes(TEXTS, 7) == [6, 6, 6, 6, 6, 6, 4]
    assert sizes(TEXTS[:12], 6) == [6, 6]
    assert sizes([("One prompt", str(n)) for n in range(12)], 5) == [5, 5, 2]  # cut where it cannot be avoided
    assert [part.name for part in read_parts(write_texts(TEXTS), np.array([1, 30]), 1, 3)] == ["00003", "00004"]


def test_a_cpu_has_one_process_unless_more_are_asked_for(parameters: BackboneParameters) -> None:
    assert worker_count(parameters) == 2 and worker_count(replace(parameters, processes=None)) == 1
    with pytest.raises(InputError, match="processes must be at least 1, got 0"):
        replace(parameters, processes=0)


def test_nothing_is_started_where_nothing_is_missing(
    tiny: Backbone, parameters: BackboneParameters, write_texts: Write, tmp_path: Path
) -> None:
    path = write_texts(TEXTS)
    embed(path, tmp_path / "cache", tiny, replace(parameters, processes=1))
    report = embed(path, tmp_path / "cache", tiny, parameters)
    assert (report.encoded, report.reused, report.computed) == (0, len(TEXTS), 0)


@pytest.mark.system
def test_two_processes_write_what_one_writes(
    tiny: Backbone,
    parameters: BackboneParameters,
    write_texts: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write_texts(TEXTS)
    alone = embed(path, tmp_path / "one", tiny, replace(parameters, processes=1))
    capsys.readouterr()
    shared = embed(path, tmp_path / "two", tiny, parameters)
    assert replace(shared, seconds=0.0) == replace(alone, seconds=0.0)
    assert f"embed: {len(TEXTS)} texts in" in (said := capsys.readouterr().err) and "tokens/s" in said
    one, two = open_states(tmp_path / "one"), open_states(tmp_path / "two")
    assert one.identity == two.identity and shard_names(one.folder) == shard_names(two.folder)
    np.testing.assert_allclose(two.gather(ids_of(TEXTS)), one.gather(ids_of(TEXTS)), atol=1e-6)
    np.testing.assert_allclose(two.likelihood(ids_of(TEXTS)), one.likelihood(ids_of(TEXTS)), rtol=1e-5)
    assert not active_children()


@pytest.mark.system
def test_another_backbone_than_the_parameters_say_is_refused(
    tiny: Backbone, parameters: BackboneParameters, write_texts: Write, tmp_path: Path
) -> None:
    other = replace(parameters, pooling="mean")
    with pytest.raises(InputError, match="another backbone than the one given"):
        embed(write_texts(TEXTS), tmp_path / "cache", tiny, other)
    assert not active_children()


@pytest.mark.system
def test_an_error_of_one_process_ends_all_with_its_message(
    gpt2_folder: Path, parameters: BackboneParameters, write_texts: Write, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    for file in gpt2_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    weights["transformer.ln_f.bias"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    parameters = replace(parameters, model=str(folder), log_probabilities=False)
    with pytest.raises(InputError, match=r"not finite.* the first is of text_id '[0-9a-f]+'$"):
        embed(write_texts(TEXTS), tmp_path / "cache", load_backbone(parameters), parameters)
    assert not active_children()


MANY: Texts = [(f"Question {n // 4}? " * 9, f"Answer {n}. " * (1 + n % 7)) for n in range(3000)]


@pytest.fixture
def run(gpt2_folder: Path, write_texts: Write, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run of two processes in ``tmp_path``, with much to do."""
    write_texts(MANY)
    (tmp_path / "run.py").write_text(EMBED.format(model=str(gpt2_folder)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "run.py"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE) as process:
        yield process
        process.kill()


def workers_of(parent: int) -> list[int]:
    """Process ids of a parent's workers."""
    mine = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    return [pid for pid in mine if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def is_alive(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())  # nothing, of one that nobody waits for
    except OSError:
        return False


@pytest.mark.system
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")
def test_a_killed_run_goes_on_after_its_last_shards(
    tiny: Backbone, parameters: BackboneParameters, tmp_path: Path, run: subprocess.Popen[bytes]
) -> None:
    cache = tmp_path / "cache"
    assert eventually(lambda: len(shard_names(cache)) >= 4)
    workers = workers_of(run.pid)
    run.kill()
    run.wait()
    assert len(workers) == 2 and eventually(lambda: not any(is_alive(pid) for pid in workers))
    found = sum(len(np.load(path)) for path in (cache / "shards").glob("*.index.npy"))
    one = replace(parameters, states_dtype="float16", processes=1)
    report = embed(tmp_path / "texts.parquet", cache, tiny, one)
    assert report.reused == found < report.texts == len(MANY)
    some = MANY[::250]
    fresh = tiny.encode([prompt for prompt, _ in some], [response for _, response in some]).states
    np.testing.assert_allclose(open_states(cache).gather(ids_of(some)), fresh, atol=2e-3)


@pytest.mark.system
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")
def test_a_killed_process_ends_the_run_with_what_to_do(tmp_path: Path, run: subprocess.Popen[bytes]) -> None:
    assert eventually(lambda: len(shard_names(tmp_path / "cache")) >= 2)
    os.kill(workers_of(run.pid)[0], signal.SIGKILL)
    _, said = run.communicate()
    assert run.returncode == 1
    assert b"InputError: a process that encodes ended with exit code -9" in said and b"shards that are written" in said
