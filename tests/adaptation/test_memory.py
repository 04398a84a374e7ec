"""Memory does not grow with users: ten times as many take no more than a little."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.adaptation.worlds import TEXT_IDS, TEXTS, make_batch, make_job

PROJECT = Path(__file__).resolve().parents[2]
MEASURE = """
import sys
from pathlib import Path
from prefactor.adaptation.job import Job
from prefactor.adaptation.run import adapt_users
from prefactor.memory import most_memory
root = Path(sys.argv[1])
job = Job(root / "many.parquet", root / "model", root / "states", root / "out")
report = adapt_users(job, threads=2)
print(report.users, most_memory())
"""
PAIRS = 9
MOST_MB = 60


def write_many(path: Path, users: int) -> None:
    """So many users, nine pairs each, written a piece at a time."""
    ids, source = pa.array(TEXT_IDS), np.random.default_rng(0)
    schema = pa.schema([(name, pa.string()) for name in ("user_id", "chosen", "rejected")])
    with pq.ParquetWriter(path, schema) as file:
        for first in range(0, users, 50_000):
            names = pa.array([f"user-{user:08d}" for user in range(first, min(first + 50_000, users))])
            number = len(names) * PAIRS
            chosen = source.integers(TEXTS, size=number)
            rejected = (chosen + source.integers(1, TEXTS, size=number)) % TEXTS
            columns = [names.take(pa.array(np.repeat(np.arange(len(names)), PAIRS)))]
            columns += [ids.take(pa.array(side)) for side in (chosen, rejected)]
            file.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=100_000)


def peak_mb(root: Path, users: int) -> float:
    write_many(root / "many.parquet", users)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEASURE, str(root)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert int(told[0]) == users
    return float(told[1])


@pytest.mark.system
@pytest.mark.parametrize("name", ["published", "default"])
def test_memory_does_not_grow_with_users(name: str, tmp_path: Path) -> None:
    make_job(tmp_path, make_batch([1]), name)
    assert peak_mb(tmp_path, 3_000_000) - peak_mb(tmp_path, 300_000) < MOST_MB
