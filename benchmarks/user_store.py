"""The user store: a further pair of a user who has few or many, and a new model's states of everyone.

    OMP_NUM_THREADS=1 python -m benchmarks.user_store

Observing one pair, in SQLite with every commit on the disk, against reading the user's pairs and encoding them all
again; and making the states of a new model in bulk, against one user after the other. States of texts are looked up,
not embedded: what a text costs is in `benchmarks.embed`. The model has the default's sizes and random weights.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from prefactor.evaluation.latency import processor
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.loadings import LoadingParameters
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.serving.model import KnownUsers
from prefactor.serving.requests import ReferencePair
from prefactor.serving.users.posteriors import Posteriors
from prefactor.serving.users.store import UserStore

HIDDEN = 384  # of the embedded backbone
FEATURES, BASES = 105, 12  # of a model that was trained on stylebench
TEXTS = 4_096
CHARACTERS = 500  # of a text


class Texts:
    """Pairs among some texts, and the texts' states."""

    def __init__(self) -> None:
        self.states = torch.randn(TEXTS, HIDDEN, generator=torch.Generator().manual_seed(0))
        self.draw = np.random.default_rng(0)

    def embed(self, prompts: Sequence[str], responses: Sequence[str]) -> torch.Tensor:
        """States (T, H) by the numbers that the texts begin with."""
        return self.states[[int(response[:8]) for response in responses]]

    def pairs(self, count: int) -> list[ReferencePair]:
        """So many pairs of different texts."""
        rows = self.draw.choice(TEXTS, (count, 2), replace=count > TEXTS // 2)
        return [
            ReferencePair(prompt="p" * CHARACTERS, chosen=_text(first), rejected=_text(second))
            for first, second in rows
            if first != second
        ]


def _text(number: int) -> str:
    return f"{number:08d}" + "r" * (CHARACTERS - 8)


def make_posteriors(texts: Texts, seed: int) -> Posteriors:
    """A model of the default's sizes that knows nobody."""
    settings = VRFParameters(
        basis=BasisParameters("linear", FEATURES),
        loadings=LoadingParameters(bases=BASES),
        common=True,
        calibrated=True,
        unit_prior=True,
    )
    model = VRF(settings, Shape(HIDDEN, 1), torch.Generator().manual_seed(seed)).eval()
    return Posteriors(model, texts.embed, KnownUsers.of([], model.prior_state(0)), f"benchmark/{seed}")


class Times(NamedTuple):
    """Seconds by the clock, and of the processor: what others do on the machine is in the first alone."""

    clock: float
    processor: float

    def __str__(self) -> str:
        return f"{1e3 * self.clock:10.2f} ms {1e3 * self.processor:9.2f} ms"


def times(work: Callable[[], object], repeats: int, before: Callable[[], object] = lambda: None) -> Times:
    """Medians over some calls, without what is done before each."""
    clock, spent = [], []
    for _ in range(repeats):
        before()
        started = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - started[0])
        spent.append(time.process_time() - started[1])
    return Times(statistics.median(clock), statistics.median(spent))


def observing(store: UserStore, texts: Texts, posteriors: Posteriors, counts: Sequence[int], repeats: int) -> None:
    """A further pair of users who have more and more of them."""
    print("                 observe one pair            encode all pairs again      processor time,")
    print("pairs before          clock  processor            clock  processor       times as long")
    for count in counts:
        one, again = of_user(store, texts, posteriors, count, repeats)
        print(f"{count:12,} {one}    {again} {again.processor / one.processor:15.1f}")


def of_user(store: UserStore, texts: Texts, posteriors: Posteriors, count: int, repeats: int) -> tuple[Times, Times]:
    """Observing a pair, and encoding all again, both until the state is on the disk."""
    user_id, user = f"user-{count}", store._digest(f"user-{count}")
    store.observe(user_id, texts.pairs(count + 1), posteriors)

    def drop() -> None:
        with store._writing() as rows:
            rows.drop(posteriors.label, [user])

    again = times(lambda: store.states([user_id], posteriors), min(repeats, 10), drop)
    pairs = iter(texts.pairs(repeats))
    one = times(lambda: store.observe(user_id, [next(pairs)], posteriors), repeats)
    store.forget(user_id)
    return one, again


def together(store: UserStore, texts: Texts, posteriors: Posteriors, threads: int, each: int) -> float:
    """Observations a second by threads that all observe."""
    pairs = [[texts.pairs(1) for _ in range(each)] for _ in range(threads)]

    def run(number: int) -> None:
        for place, given in enumerate(pairs[number]):
            store.observe(f"user-{number}-{place % 10}", given, posteriors)

    workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rate = threads * each / (time.perf_counter() - started)
    for number in range(threads):
        for place in range(10):
            store.forget(f"user-{number}-{place}")
    return rate


def commit_seconds(folder: Path, repeats: int) -> float:
    """What it takes to have one page on the disk: the least a durable commit can take."""
    with (folder / "page").open("wb", buffering=0) as file:

        def page() -> None:
            file.write(bytes(4096))
            os.fdatasync(file)

        return times(page, repeats).clock


def reencoding(store: UserStore, texts: Texts, users: int, pairs: int, singles: int) -> None:
    """A new model's states of everyone."""
    first, newer = (make_posteriors(texts, seed) for seed in (1, 2))
    names = [f"many-{number}" for number in range(users)]
    for name in names:
        store.observe(name, texts.pairs(pairs), first)
    started = time.perf_counter(), time.process_time()
    everyone = store.reencode(newer, lambda done: None)
    clock, spent = time.perf_counter() - started[0], time.process_time() - started[1]
    with store._writing() as rows:
        rows.drop(newer.label, [store._digest(name) for name in names[:singles]])
    left = iter(names)
    alone = times(lambda: store.states([next(left)], newer), singles)
    bulk = Times(clock / everyone, spent / everyone)
    print(f"re-encoding {everyone:,} users of {pairs} pairs      clock  processor")
    print(f"in bulk, a user            {bulk}    {1 / bulk.clock:,.0f} users a second")
    print(f"one after the other, a user{alone}    {alone.processor / bulk.processor:.1f} times as long")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[0, 10, 100, 1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--store", help="a database's URL; else a new file in a folder for temporary files")
    options = parser.parse_args()
    texts = Texts()
    posteriors = make_posteriors(texts, 0)
    with tempfile.TemporaryDirectory() as folder:
        store = UserStore.open(options.store or f"{folder}/users.db")
        print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
        print(f"one page on the disk {1e3 * commit_seconds(Path(folder), options.repeats):.2f} ms")
        observing(store, texts, posteriors, options.counts, options.repeats)
        for threads in (1, 8):
            rate = together(store, texts, posteriors, threads, 20 * options.repeats // threads)
            print(f"{threads} thread(s) observing: {rate:,.0f} pairs a second")
        reencoding(store, texts, options.users, options.pairs, 50)
        store.close()


if __name__ == "__main__":
    main()
