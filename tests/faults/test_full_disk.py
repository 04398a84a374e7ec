"""A disk that fills up while something is written: what was there stays whole, and the error says what to do."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import yaml

from prefactor.atomic import write_json
from prefactor.backbones.shards import INDEX, open_shard, write_shard
from prefactor.disk import DiskError
from prefactor.evaluation.results import in_schema, write_results
from prefactor.methods import METHODS
from prefactor.methods.base import Shape
from prefactor.methods.storage import save_model
from prefactor.preferences import Preferences, content_id
from prefactor.training import write_history
from tests.faults.full_disk import full_disk
from tests.forgetting.project import PEOPLE, SPLIT
from tests.forgetting.talks import talks

ROOT = Path(__file__).parents[2]
MOST = 4096  # bytes
SIZE = 700  # of everything that is written: more than fits
FIX = r"could not be written \(.+\): (free some space on its disk|raise the limit on the size of files).*, then run"


def write_states(folder: Path, number: int) -> None:
    index = np.zeros(SIZE, INDEX)
    index["id"] = np.array([content_id(str(row)) for row in range(SIZE)], np.bytes_)
    write_shard(folder, "00000", index, np.full((SIZE, 8), number, np.float32))


def write_model(folder: Path, number: int) -> None:
    kind = METHODS["bt"]
    model = kind(kind.Parameters(), Shape(SIZE * 2, 3), torch.Generator().manual_seed(number))  # type: ignore[call-arg]
    save_model(model, folder)


def write_table(folder: Path, number: int) -> None:
    values = np.random.default_rng(number).normal(size=SIZE)
    rows = {"metric": "accuracy", "value": values, "method": [str(value) for value in values], "setting": ""}
    write_results(in_schema(pd.DataFrame(rows)), folder / "results.parquet", folder / "results.csv")


def write_preferences(folder: Path, number: int) -> None:
    asked = [(f"What of {row}?", f"This, {content_id(str(row), str(number))}") for row in range(SIZE)]
    texts = [{"text_id": content_id(*text), "prompt": text[0], "response": text[1]} for text in asked]
    ids = [text["text_id"] for text in texts]
    names = ("pair_id", "user_id", "group_id", "chosen", "rejected", "margin", "order")
    pair = dict(zip(names, (ids[0], "ada", "g", ids[0], ids[1], None, None), strict=True))
    Preferences(
        texts=pa.Table.from_pylist(texts),
        pairs=pa.Table.from_pylist([pair]),
        users=pa.table({"user_id": ["ada"]}),
        candidates=None,
        source={"name": str(number)},
    ).save(folder)


def write_curves(folder: Path, number: int) -> None:
    write_history(folder / "history.csv", [{"seed": row, "loss": number + row / 7} for row in range(SIZE)])


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "json": lambda folder, number: write_json(folder / "all.json", [number] * 2 * SIZE),
    "shard of the cache": write_states,
    "model": write_model,
    "results": write_table,
    "preferences": write_preferences,
    "training history": write_curves,
}


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder, hidden ones too."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("name", WRITERS)
def test_what_was_there_stays_whole_and_the_next_try_succeeds(name: str, tmp_path: Path) -> None:
    write, place = WRITERS[name], tmp_path / "place"
    write(place, 1)
    before = contents(tmp_path)
    with full_disk(MOST), pytest.raises(DiskError, match=FIX) as failed:
        write(place, 2)
    assert contents(tmp_path) == before and str(failed.value).startswith(str(place))
    write(place, 2)
    assert contents(tmp_path).keys() == before.keys() and contents(tmp_path) != before


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_is_left_of_what_was_never_whole(name: str, tmp_path: Path) -> None:
    with full_disk(MOST), pytest.raises(DiskError, match=FIX):
        WRITERS[name](tmp_path / "place", 1)
    assert contents(tmp_path) == {}


def test_a_shard_whose_states_fit_but_not_its_index_is_none(tmp_path: Path) -> None:
    index = np.zeros(200, INDEX)  # 82 bytes a text
    with full_disk(8192), pytest.raises(DiskError, match=r"00000\.index\.npy"):
        write_shard(tmp_path, "00000", index, np.zeros((200, 2), np.float32))
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["00000.npy"]
    write_shard(tmp_path, "00000", index, np.ones((200, 2), np.float32))
    assert (open_shard(tmp_path, "00000", 2, np.dtype(np.float32)).states == 1).all()


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
runpy.run_module("stages.split", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose dataset waits for stage split."""
    folder = tmp_path_factory.mktemp("prepared")
    talks(PEOPLE).save(folder / "data" / "prepared" / "talks")
    section = {"source": "files", "input": "talks.jsonl", "options": {}, "split": SPLIT}
    (folder / "params.yaml").write_text(yaml.safe_dump({"datasets": {"talks": section}}))
    return folder


def split(project: Path, most: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LIMITED, str(most), "talks"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("most", [1000, 20_000])  # DuckDB finds out where it writes, or where it commits
def test_a_stage_says_it_in_one_line_and_leaves_what_it_had_made(prepared: Path, most: int) -> None:
    assert split(prepared, 10**8).returncode == 0
    before = contents(prepared)
    failed = split(prepared, most)
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    said = failed.stderr.splitlines()[-1]
    assert said.startswith("split talks: data/split/talks could not be written (File too large): raise the limit")
    assert contents(prepared) == before
