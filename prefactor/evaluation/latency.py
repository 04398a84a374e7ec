"""How long a new user takes (VRF, Figure 3d): the backbone reads the texts of their pairs, the method adapts.

Both in two ways: many users, or texts, in one batch; and one after the other, as published programs do. A timing is no
function of its inputs: it belongs to the machine and to the moment, which :func:`machine` describes.
"""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pandas as pd
import pyarrow.parquet as pq
import torch

from prefactor.backbones import Backbone
from prefactor.cohorts import Cohort
from prefactor.evaluation.results import in_schema
from prefactor.methods.base import RewardModel
from prefactor.preferences import PairBatch

SHOTS = 9  # reference pairs a user, as published
USERS = 1_000  # adapted in one batch, at most
SINGLES = 50  # users adapted one at a time, at most
TEXTS = 64  # read by the backbone, at most
LEAST = 4  # users or texts handled one at a time, however long each takes
PATIENCE = 0.3  # seconds that adapting to some users one at a time may take: the slower a method, the fewer users
TEXT_PATIENCE = 0.8  # seconds that reading some texts one at a time may take
RUNS = 3  # of each work, after a warm-up
ADAPT, READ = "latency_adapt", "latency_backbone"  # metrics, in seconds a user
WAYS = ("batched", "single")  # what follows them

T = TypeVar("T")


class Latency(NamedTuple):
    """Seconds a user, or a text: when all are handled in one batch, and one after the other."""

    batched: float
    single: float

    def times(self, count: float) -> "Latency":
        """Of so many."""
        return Latency(self.batched * count, self.single * count)

    def plus(self, other: "Latency") -> "Latency":
        """Of one thing and then another."""
        return Latency(self.batched + other.batched, self.single + other.single)


@dataclass(frozen=True)
class Newcomers:
    """Users to adapt to: their reference pairs in one batch, and those of some of them in a batch each."""

    batch: PairBatch
    singles: Sequence[PairBatch]

    @classmethod
    def of(cls, reference: PairBatch, singles: int) -> "Newcomers":
        """All users of a batch together, the first ``singles`` of them alone, each with their own responses only."""
        alone = range(min(singles, reference.n_users))
        return cls(reference.compact(), [reference.users_between(user, user + 1).compact() for user in alone])

    @classmethod
    def unseen(cls, cohort: Cohort) -> "Newcomers":
        """The first users of a cohort by their first reference pairs."""
        return cls.of(cohort.first(USERS).known(SHOTS), SINGLES)

    def with_singles(self, singles: Sequence[PairBatch]) -> "Newcomers":
        """The same batch, and these users alone."""
        return Newcomers(self.batch, singles)

    def texts(self) -> float:
        """Different responses in a user's pairs, mean over users: what the backbone reads of one."""
        rows = torch.stack([self.batch.chosen, self.batch.rejected])  # (2,N)
        own = self.batch.segment * len(self.batch.responses) + rows  # a number for each response of each user
        return len(torch.unique(own)) / self.batch.n_users


def seconds(work: Callable[[], object], runs: int, warm_up: Callable[[], object] | None = None) -> float:
    """Median wall time in seconds of ``runs`` calls after ``warm_up``, or else after one call more."""
    (warm_up or work)()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def affordable(items: Sequence[T], work: Callable[[T], object], patience: float = PATIENCE) -> Sequence[T]:
    """As many of the first ``items`` as ``work`` handles one after the other in so many seconds; LEAST or more."""
    each = seconds(lambda: work(items[0]), RUNS)
    return items[: max(LEAST, int(patience / each))]


@torch.no_grad()
def adapting(model: RewardModel, users: Newcomers, runs: int = RUNS) -> Latency:
    """Seconds a user that ``adapt`` takes, of a model in evaluation mode."""
    batched = seconds(lambda: model.adapt(users.batch), runs) / users.batch.n_users
    first, *_ = users.singles
    single = seconds(lambda: [model.adapt(user) for user in users.singles], runs, lambda: model.adapt(first))
    return Latency(batched, single / len(users.singles))


def reading(backbone: Backbone, texts: Sequence[tuple[str, str]], runs: int = RUNS) -> Latency:
    """Seconds a text, a prompt with its response, that ``encode`` takes."""
    prompts, responses = zip(*texts, strict=True)

    def one_by_one(some: Sequence[tuple[str, str]]) -> None:
        for prompt, response in some:
            backbone.encode([prompt], [response])

    def warm_up() -> None:  # of a few: nothing is learnt from the others
        one_by_one(texts[:LEAST])
        backbone.encode(prompts[:LEAST], responses[:LEAST])

    batched = seconds(lambda: backbone.encode(prompts, responses), runs, warm_up) / len(texts)
    single = seconds(lambda: one_by_one(texts), runs, warm_up) / len(texts)
    return Latency(batched, single)


@torch.no_grad()
def is_personal(model: RewardModel, reference: PairBatch) -> bool:
    """Whether adapting makes anything of users' pairs: where it does not, nobody has to read them."""
    silent = reference.select(torch.zeros(len(reference), dtype=torch.bool))
    known, unknown = model.adapt(reference), model.adapt(silent)
    return any(not torch.equal(known[name], tensor) for name, tensor in unknown.tensors.items())


def sample_texts(path: Path) -> list[tuple[str, str]]:
    """Prompt and response of TEXTS prepared texts, the first by id: ids are hashes, so that any prefix is fair."""
    table = pq.read_table(path).sort_by("text_id").slice(0, TEXTS)
    return list(zip(table["prompt"].to_pylist(), table["response"].to_pylist(), strict=True))


def latency_rows(users: Newcomers, adapted: Latency, read: Latency | None, identity: Mapping[str, str]) -> pd.DataFrame:
    """Rows of one model in the results' schema, in seconds a user; ``read`` is the backbone's part, if it has one.

    ``identity`` as in ``results.result_rows``, and the training ``seed``. Timings have no interval over users.
    """
    counted = (WAYS[0], [users.batch]), (WAYS[1], users.singles)
    rows = [
        {
            "metric": f"{metric}_{way}",
            "value": value,
            "n_users": sum(batch.n_users for batch in batches),
            "n_pairs": sum(len(batch) for batch in batches),
        }
        for metric, latency in ((ADAPT, adapted), (READ, read))
        for (way, batches), value in zip(counted, latency or (), strict=latency is not None)
    ]
    return in_schema(pd.DataFrame([{**identity, "split": "unseen", "shots": SHOTS, **row} for row in rows]))


def machine(device: torch.device) -> dict[str, Any]:
    """Where and when: processor, cores, threads, PyTorch, date, how busy it was before, and the backbone's GPU, if any.

    Methods adapt on the processor, as they do everywhere else in the pipeline.
    """
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
        "load": round(os.getloadavg()[0], 2),
    }


def processor() -> str:
    """The processor's model as the system names it, else its architecture."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
