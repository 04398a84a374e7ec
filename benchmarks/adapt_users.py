"""Adapting VRF to a million users from parquet to parquet, against the machine's matrix products alone.

    python -m benchmarks.adapt_users --users 1000000 --pairs 9 [--models published default] [--folder /tmp/bulk]

The floor is the time that the multiplications alone take at the rate which this machine reaches on large float32
products in the same run, every core its own. Counted are the products that the work consists of: the encoder's first
layer, phi and the bases once a text, its second layer once a pair, distances from the bases, and with loadings the
filter's inner products, directions and means. Nothing else is: no gathering, activation, sum or turn of the filter.
Where pairs are of one prompt's responses, users share them, and the encoder runs once for each distinct one; the floor
of those is printed too. `adapting` has states in memory and pairs as rows of texts; `whole` is a table of pairs to a
table of users on the disk, text ids and all. Both read texts' states once. Times the floor are by the clock and by
processor seconds, all threads', which other work on the machine leaves comparable.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from prefactor.adaptation.adapter import Adapter
from prefactor.adaptation.job import Job
from prefactor.adaptation.pairs import UserPairs
from prefactor.adaptation.run import adapt_users, one_core_each
from prefactor.adaptation.shelf import Shelf
from prefactor.atomic import write_json
from prefactor.backbones.shards import INDEX, write_shard
from prefactor.backbones.states import FORMAT
from prefactor.evaluation.latency import processor
from prefactor.memory import most_memory
from prefactor.methods.base import Shape
from prefactor.methods.storage import save_model
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.parameters import build, load_parameters, section
from prefactor.preferences import content_id

HIDDEN = 384  # of the embedded backbone
PER_PROMPT = 8
PRODUCT = 2048
PRODUCTS = 8  # in a row, on every core
BATCH = 2**19  # pairs, as a job has them
FILE_USERS = 100_000  # made at once


@dataclass(frozen=True)
class World:
    """So many users with so many pairs each among ``texts``; of one prompt's responses, or of ``any`` two."""

    users: int
    pairs: int
    texts: int
    any: bool

    def sides(self, users: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Chosen and rejected texts (N,) and (N,) of some users' pairs."""
        source, number = np.random.default_rng(seed), users * self.pairs
        if self.any:
            chosen = source.integers(self.texts, size=number, dtype=np.int32)
            return chosen, (chosen + source.integers(1, self.texts, size=number, dtype=np.int32)) % self.texts
        first = PER_PROMPT * source.integers(self.texts // PER_PROMPT, size=number, dtype=np.int32)
        one = source.integers(PER_PROMPT, size=number, dtype=np.int32)
        other = (one + source.integers(1, PER_PROMPT, size=number, dtype=np.int32)) % PER_PROMPT
        return first + one, first + other

    @property
    def distinct(self) -> int:
        """Pairs that differ, about."""
        number = self.users * self.pairs
        possible = self.texts * (self.texts - 1 if self.any else PER_PROMPT - 1)
        return round(possible * -np.expm1(-number / possible))


class Texts:
    """States of texts in memory."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.hidden, self.row = HIDDEN, {text_id: row for row, text_id in enumerate(ids)}
        self.states = torch.randn(len(ids), HIDDEN, generator=torch.Generator().manual_seed(0)).numpy()

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        """(N, H)."""
        return self.states[[self.row[text_id] for text_id in text_ids]]


def make_model(variant: str) -> VRF:
    """An untrained model with the parameters of params.yaml, of whose loadings all outputs of phi are live."""
    values = dict(section(load_parameters(), f"methods.vrf.{variant}")["model"])
    values.pop("choices", None)
    settings = build(VRFParameters, values, variant)
    return VRF(settings, Shape(HIDDEN, 1), torch.Generator().manual_seed(0)).eval()


def multiplications(model: VRF, world: World, encoded: int) -> int:
    """Multiply-adds, of which ``encoded`` pairs go through the encoder's second layer."""
    hidden, users = model.encoder.first.out_features, world.users
    latent, bases = model.settings.latent, len(model.mean_weight)
    found = 2 * world.texts * HIDDEN * hidden + encoded * hidden * 2 * latent + 2 * users * latent * bases
    if model.loadings is None:
        return found
    live, pairs = model.loadings.live, world.pairs
    texts = world.texts * live * (HIDDEN + live + bases)
    turns = pairs * pairs * live + pairs * (pairs - 1) // 2 * live  # a_s.d_t, and the directions a_t
    pooled = bases * pairs * live + 2 * bases * live + pairs * live  # means, and the mixture's moments
    return found + texts + users * (turns + pooled)


@dataclass(frozen=True, order=True)
class Took:
    """Seconds by the clock, and of all processors together."""

    clock: float
    processor: float

    @classmethod
    def by(cls, work: Callable[[], object]) -> "Took":
        """What a call takes in this process."""
        start, processor_start = time.perf_counter(), time.process_time()
        work()
        return cls(time.perf_counter() - start, time.process_time() - processor_start)


def products(threads: int) -> Took:
    """What 1e9 multiply-adds of large float32 products take, every core its own."""
    squares = [torch.randn(PRODUCT, PRODUCT) for _ in range(threads)]

    def multiply(square: torch.Tensor) -> None:
        for _ in range(PRODUCTS):
            square @ square

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(multiply, squares))
        took = Took.by(lambda: list(pool.map(multiply, squares)))
    billions = threads * PRODUCTS * PRODUCT**3 / 1e9
    return Took(took.clock / billions, took.processor / billions)


def adapting(model: VRF, world: World, texts: Texts, threads: int) -> Callable[[], None]:
    """Adapting alone: reading texts onto a shelf, then all users, a batch on every core."""
    per_batch = max(BATCH // world.pairs, 1)
    batches = []
    for number, first in enumerate(range(0, world.users, per_batch)):
        users = min(per_batch, world.users - first)
        chosen, rejected = world.sides(users, number)
        sides = torch.from_numpy(np.stack([2 * chosen + 2, 2 * rejected + 3], 1))
        batches.append(UserPairs(sides, torch.arange(users + 1) * world.pairs))
    adapter, ids = Adapter(model), list(texts.row)

    def work() -> None:
        shelf = Shelf(model, texts, world.texts)
        shelf.rows(ids)
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(lambda batch: adapter.adapt(shelf, batch) and None, batches):
                pass

    return work


def write_job(folder: Path, model: VRF, world: World, texts: Texts) -> Job:
    """Everything that a job reads; the pairs' file is kept between models."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = pa.array(list(texts.row))
    pairs = folder / f"pairs-{world}.parquet".replace(" ", "")
    if not pairs.exists():
        schema = pa.schema([(name, pa.string()) for name in ("user_id", "chosen", "rejected")])
        with pq.ParquetWriter(pairs, schema, compression="zstd") as file:
            for number, first in enumerate(range(0, world.users, FILE_USERS)):
                users = min(FILE_USERS, world.users - first)
                names = pa.array([f"user-{user:09d}" for user in range(first, first + users)])
                sides = [ids.take(pa.array(side)) for side in world.sides(users, number)]
                own = pa.array(np.repeat(np.arange(users), world.pairs))
                file.write_table(pa.Table.from_arrays([names.take(own), *sides], schema=schema))
    if not (folder / "states").exists():
        index = np.zeros(len(ids), INDEX)
        index["id"] = [text_id.encode() for text_id in texts.row]
        write_shard(folder / "states", "00000", index, texts.states.astype(np.float16))
        identity = {"model": "none", "hidden_size": HIDDEN}
        meta = {"format": FORMAT, "identity": identity, "states_dtype": "float16", "log_probabilities": False}
        write_json(folder / "states" / "meta.json", meta)
    save_model(model, folder / "model")
    return Job(pairs, folder / "model", folder / "states", folder / "users")


CHILD = """
import sys
from pathlib import Path
from benchmarks.adapt_users import whole
whole(*map(Path, sys.argv[1:5]), int(sys.argv[5]))
"""


def whole(pairs: Path, model: Path, states: Path, out: Path, threads: int) -> None:
    """A job in a process of its own, which says how long it took and how much memory at most."""
    import logging

    logging.disable()
    job = Job(pairs, model, states, out)
    took = Took.by(lambda: adapt_users(job, threads))
    print(took.clock, took.processor, most_memory())


def end_to_end(job: Job, threads: int) -> tuple[Took, float, float]:
    """What it took, seconds of the whole process with its imports, and MB at most."""
    shutil.rmtree(job.out, ignore_errors=True)
    command = [sys.executable, "-c", CHILD, str(job.pairs), str(job.model), str(job.states), str(job.out), str(threads)]
    start = time.perf_counter()
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return Took(float(told[0]), float(told[1])), time.perf_counter() - start, float(told[2])


def measure(variant: str, world: World, options: argparse.Namespace, folder: Path) -> None:
    """Print a model's lines, everything in turns so that other work on the machine falls on all."""
    model = make_model({"published": "faithful", "default": "default"}[variant])
    texts = Texts([content_id("prompt", str(number)) for number in range(world.texts)])
    job = write_job(folder, model, world, texts)
    with one_core_each(), torch.inference_mode():
        work = adapting(model, world, texts, options.threads)
        floors, alone, whole_runs = [], [], []
        for _ in range(options.repeats):
            floors.append(products(options.threads))
            alone.append(Took.by(work))
            whole_runs.append(end_to_end(job, options.threads))
    number = world.users * world.pairs
    least = _least(floors)
    billions = multiplications(model, world, number) / 1e9
    shared = multiplications(model, world, min(world.distinct, number)) / 1e9
    own, runs = _least(alone), _least([took for took, *_ in whole_runs])
    print(
        f"{variant:10} {world.pairs:3} {'any two texts' if world.any else 'of a prompt':14} {2 / least.clock:8.0f}"
        f" {billions * least.clock:7.2f} {shared * least.clock:8.2f}"
        f" {own.clock:9.2f} {own.clock / least.clock / billions:5.2f} {own.processor / least.processor / billions:5.2f}"
        f" {runs.clock:8.2f} {runs.clock / least.clock / billions:5.2f}"
        f" {runs.processor / least.processor / billions:5.2f}"
        f" {min(seconds for _, seconds, _ in whole_runs):8.2f} {max(most for *_, most in whole_runs):6.0f}",
        flush=True,
    )


def _least(all_took: Sequence[Took]) -> Took:
    return Took(min(took.clock for took in all_took), min(took.processor for took in all_took))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, nargs="+", default=[9])
    parser.add_argument("--texts", type=int, default=6_400)
    parser.add_argument("--models", nargs="+", default=["published", "default"], choices=["published", "default"])
    parser.add_argument("--drawn", nargs="+", default=["prompt", "any"], choices=["prompt", "any"])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None, help="where tables are made; a temporary one by default")
    options = parser.parse_args()
    print(f"{processor()}, {options.threads} threads, torch {torch.__version__}, {options.users:,} users")
    print(
        f"{'':10} pairs {'':12} GFLOP/s   floor distinct  adapting  times (cpu)    whole times (cpu)  process     MB"
        "   seconds, the least of each"
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        for pairs in options.pairs:
            for drawn in options.drawn:
                world = World(options.users, pairs, options.texts, drawn == "any")
                for variant in options.models:
                    measure(variant, world, options, folder)


if __name__ == "__main__":
    main()
