"""A whole job: what it leaves, and that a killed one goes on with nothing lost or doubled."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from prefactor.adaptation import hands
from prefactor.adaptation.adapter import Adapter
from prefactor.adaptation.hands import Hands
from prefactor.adaptation.job import Job
from prefactor.adaptation.places import ABOUT, work_of
from prefactor.adaptation.run import adapt_users
from prefactor.adaptation.source import COLUMNS
from prefactor.adaptation.work import opened
from prefactor.errors import InputError
from prefactor.preferences import PairBatch
from tests.adaptation.worlds import make_batch, make_job, make_model, on_shelf, write_cache

PROJECT = Path(__file__).resolve().parents[2]
COUNTS = [5, 9, 1, 20, 3, 7, 9, 9, 30, 2] * 4
RUN = """
import sys
from pathlib import Path
from prefactor.adaptation.job import Job
from prefactor.adaptation.run import adapt_users
root = Path(sys.argv[1])
job = Job(root / "pairs.parquet", root / "model", root / "states", root / "out", rows_per_part=int(sys.argv[2]))
print("begun", flush=True)
print(adapt_users(job, threads=2).kept)
"""


def told(out: Path) -> pd.DataFrame:
    return pd.read_parquet([path for path in sorted(out.iterdir()) if path.suffix == ".parquet"])


def check(job: Job, batch: PairBatch, model: str = "default") -> None:
    """The output holds every user once, as one adaptation of all tells of them, and nothing is left beside it."""
    found, name = told(job.out), make_model(model)
    whole = Adapter(name).adapt(*on_shelf(batch, name))
    assert found["user_id"].tolist() == [f"user-{number:04d}" for number in range(batch.n_users)]
    assert found["pairs"].tolist() == whole.pairs.tolist()
    torch.testing.assert_close(torch.from_numpy(np.stack(found["weight"].tolist())), whole.weight, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.tensor(found["spread"].to_numpy()), whole.spread, rtol=1e-4, atol=1e-5)
    assert not work_of(job.out).exists()


@pytest.mark.parametrize("name", ["published", "default", "unmatched"])
def test_a_table_of_pairs_becomes_a_table_of_users(name: str, tmp_path: Path) -> None:
    batch = make_batch(COUNTS)
    job = make_job(tmp_path, batch, name, rows_per_part=100)
    report = adapt_users(job, threads=2)
    assert (report.users, report.pairs, report.kept) == (len(COUNTS), sum(COUNTS), 0)
    check(job, batch, name)
    about = json.loads((job.out / ABOUT).read_text())
    assert about["users"] == len(COUNTS) and about["parts"] == len(list(job.out.glob("part-*.parquet"))) > 2


def test_however_it_is_cut_the_answer_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = make_batch(COUNTS)
    job = make_job(tmp_path, batch, rows_per_part=10_000)
    monkeypatch.setattr(hands, "SHELF_BYTES", 100)
    for rows in (1, 7, 64):
        monkeypatch.setattr(hands, "FEW_ROWS", rows)
        adapt_users(job, threads=1)  # texts are read anew for every batch
        check(job, batch)
    monkeypatch.undo()
    adapt_users(replace(job, rows_per_part=1), threads=2)
    check(job, batch)


def test_pairs_in_no_order_are_sorted_if_asked(tmp_path: Path) -> None:
    batch = make_batch(COUNTS)
    job = make_job(tmp_path, batch)
    table = pq.read_table(job.pairs)
    last_first = table.take(pa.array(sorted(range(len(table)), key=lambda row: -row)))
    pq.write_table(last_first, job.pairs)
    with pytest.raises(InputError, match="row 2: its user_id comes before the one in the row above"):
        adapt_users(job, threads=1)
    adapt_users(replace(job, sort=True), threads=1)
    names = told(job.out)["user_id"].tolist()
    assert names == sorted(set(table["user_id"].to_pylist()))
    assert told(job.out)["pairs"].tolist() == COUNTS


def test_states_are_kept_if_asked(tmp_path: Path) -> None:
    job = make_job(tmp_path, make_batch(COUNTS), state=True)
    adapt_users(job, threads=1)
    assert told(job.out)["state"].map(len).nunique() == 1


def test_an_output_is_replaced_whole(tmp_path: Path) -> None:
    job = make_job(tmp_path, make_batch(COUNTS), rows_per_part=20)
    adapt_users(job, threads=1)
    fewer = make_batch([3, 4], seed=1)
    adapt_users(make_job(tmp_path, fewer, rows_per_part=20), threads=1)
    check(job, fewer)


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    job = make_job(tmp_path, make_batch(COUNTS))
    job.out.mkdir()
    (job.out / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="out is there and is no adaptation of users: name a new folder"):
        adapt_users(job)
    assert [path.name for path in job.out.iterdir()] == ["mine.txt"]


def test_one_run_at_a_time(tmp_path: Path) -> None:
    job = make_job(tmp_path, make_batch(COUNTS))
    with opened(job), pytest.raises(InputError, match="another run adapts users into"):
        adapt_users(job)
    adapt_users(job)
    check(job, make_batch(COUNTS))


def test_a_run_that_failed_goes_on_with_what_is_left(tmp_path: Path) -> None:
    batch = make_batch(COUNTS)
    job = make_job(tmp_path, batch, rows_per_part=50)
    with opened(job) as work:
        done = work.left()[::2]
        for part in done:
            Hands(work).adapt(part)
    report = adapt_users(job, threads=2)
    assert report.kept == sum(part.users for part in done) > 0
    check(job, batch)


def test_other_inputs_begin_anew(tmp_path: Path) -> None:
    batch = make_batch(COUNTS)
    job = make_job(tmp_path, batch, rows_per_part=50)
    with opened(job) as work:
        Hands(work).adapt(work.parts[0])
    other = make_batch(COUNTS[:-1], seed=3)
    report = adapt_users(make_job(tmp_path, other, rows_per_part=50), threads=1)
    assert report.kept == 0
    check(job, other)


def test_a_model_that_changes_meanwhile_is_not_mixed_in(tmp_path: Path) -> None:
    batch = make_batch(COUNTS)
    job = make_job(tmp_path, batch, rows_per_part=50)
    with opened(job) as work:
        (job.model / "model.safetensors").write_bytes(b"another one")
        for part in work.left():
            Hands(work).adapt(part)
        work.finish()
    check(job, batch)


def test_a_damaged_part_is_done_again(tmp_path: Path) -> None:
    batch = make_batch(COUNTS)
    job = make_job(tmp_path, batch, rows_per_part=50)
    with opened(job) as work:
        Hands(work).adapt(work.parts[1])
        work.path(work.parts[1]).write_bytes(b"PAR1 damaged")
    with pytest.raises(InputError, match=r"part-00001.parquet is damaged .* was removed: run it again, it goes on"):
        adapt_users(job)
    adapt_users(job)
    check(job, batch)


def test_a_row_at_fault_stops_it_and_leaves_no_output(tmp_path: Path) -> None:
    job = make_job(tmp_path, make_batch(COUNTS), rows_per_part=50)
    table = pq.read_table(job.pairs)
    row = len(table) - 1
    chosen = table["chosen"].to_pylist()
    chosen[row] = table["rejected"][row].as_py()
    pq.write_table(table.set_column(1, "chosen", pa.array(chosen)), job.pairs, row_group_size=50)
    with pytest.raises(InputError, match=f"row {row}: chosen and rejected are the same text"):
        adapt_users(job, threads=2)
    assert not job.out.exists()


def test_states_of_another_backbone_are_refused(tmp_path: Path) -> None:
    job = make_job(tmp_path, make_batch(COUNTS))
    identity = {"model": "other", "hidden_size": 12}
    (job.model / "serving.json").write_text(json.dumps({"identity": identity}))
    with pytest.raises(InputError, match="model is 'tiny', trained with 'other': name the states of it"):
        adapt_users(job)
    (job.model / "serving.json").write_text(json.dumps({"identity": {"model": "tiny", "hidden_size": 12}}))
    adapt_users(job)


def test_other_methods_are_refused(tmp_path: Path) -> None:
    from prefactor.methods.base import Shape
    from prefactor.methods.bt import BT, BTParameters
    from prefactor.methods.storage import save_model

    job = make_job(tmp_path, make_batch(COUNTS))
    save_model(BT(BTParameters(), Shape(12, 3), torch.Generator()), job.model)
    with pytest.raises(InputError, match="model holds a bt: users are adapted in bulk by vrf alone"):
        adapt_users(job)


@contextmanager
def running(root: Path, rows_per_part: int) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", RUN, str(root), str(rows_per_part)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def eventually(holds: Callable[[], bool]) -> bool:
    for _ in range(6_000):
        if holds():
            return True
        time.sleep(0.01)
    return False


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    batch = make_batch([9] * 4_000)
    job = make_job(tmp_path, batch, row_group=180, rows_per_part=180)
    with running(tmp_path, 180) as process:
        assert eventually(lambda: len(list(work_of(job.out).glob("*/part-*.parquet"))) >= 5)
        process.send_signal(signal.SIGKILL)
    assert not job.out.exists()
    report = adapt_users(job, threads=2)
    assert 0 < report.kept <= len(batch) // 9
    check(job, batch)


def test_no_id_of_a_user_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = make_job(tmp_path, make_batch(COUNTS))
    adapt_users(job)
    plan = "".join(path.read_text() for path in job.out.glob("*.json"))
    assert "user-0" not in plan + "".join(capsys.readouterr())
    assert COLUMNS[0] not in plan


def test_a_cache_that_lacks_a_text_is_named(tmp_path: Path) -> None:
    job = make_job(tmp_path, make_batch(COUNTS))
    write_cache(tmp_path / "other")
    for path in (tmp_path / "other" / "shards").glob("00001*"):
        path.unlink()
    with pytest.raises(InputError, match=r"pairs\.parquet: cache .* lacks the states of .* rerun stage embed"):
        adapt_users(replace(job, states=tmp_path / "other"))


@pytest.mark.parametrize("sort", [False, True])
def test_a_label_that_changed_begins_anew(sort: bool, tmp_path: Path) -> None:
    """In a file as long as before, of a user whose part is done already."""
    batch = make_batch(COUNTS)
    job = make_job(tmp_path, batch, rows_per_part=50, sort=sort)
    table = pq.read_table(job.pairs)

    def write(chosen: list[str], rejected: list[str]) -> int:
        other = pa.table({"user_id": table["user_id"], "chosen": chosen, "rejected": rejected})
        pq.write_table(other, job.pairs, row_group_size=50, compression="none", use_dictionary=False)
        return job.pairs.stat().st_size

    chosen, rejected = (table[name].to_pylist() for name in ("chosen", "rejected"))
    size = write(chosen, rejected)
    with opened(job) as work:
        Hands(work).adapt(work.parts[0])
    chosen[1], rejected[1] = rejected[1], chosen[1]
    assert write(chosen, rejected) == size
    assert adapt_users(job, threads=1).kept == 0
    sides = [side.clone() for side in (batch.chosen, batch.rejected)]
    sides[0][1], sides[1][1] = batch.rejected[1], batch.chosen[1]
    check(job, replace(batch, chosen=sides[0], rejected=sides[1]))


def test_a_lock_that_was_replaced_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its holder finishes just before it is taken, which clears it away, and somebody else begins anew."""
    job = make_job(tmp_path, make_batch(COUNTS))
    take = fcntl.flock

    def taken_late(lock: IO[str], how: int) -> None:
        lying = work_of(job.out) / "lock"
        lying.unlink()
        lying.touch()
        take(lock, how)

    monkeypatch.setattr(fcntl, "flock", taken_late)
    with pytest.raises(InputError, match="another run has just adapted users into"):
        adapt_users(job)
