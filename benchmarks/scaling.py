"""The diagnosis of Best-of-N: all models, users, queries and candidates at once, against one set at a time.

    python -m benchmarks.scaling [--users 1000] [--queries 100] [--candidates 32] [--models 8]

Prints how long a whole diagnosis takes, intervals and all, and the ratio of the naive way's time to ours for the same
curves and correlations: a loop over sets that draws subsamples, as the paper does (three a set and N), and asks numpy
for a correlation. The loop is timed on some of the sets and scaled up.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from prefactor.evaluation.scaling.best import SIZES, expected_best
from prefactor.evaluation.scaling.correlations import pearson
from prefactor.evaluation.scaling.diagnosis import diagnose
from prefactor.evaluation.scaling.pool import Block, Pool
from prefactor.evaluation.scaling.simulation import Simulation

REPEATS = 3  # subsamples of the naive way
SAMPLED_SETS = 2_000  # of those that the naive way is timed on


def main() -> None:
    """Print seconds and ratios."""
    asked = arguments()
    pool = make_pool(asked.users, asked.queries, asked.candidates, asked.models)
    block = pool.blocks[0]
    score, gold = block.scores["model-0"][0], block.gold
    naive = (
        seconds(lambda: looped(score[:SAMPLED_SETS], gold[:SAMPLED_SETS])) * len(gold) / min(SAMPLED_SETS, len(gold))
    )
    batched = min(seconds(lambda: vectorised(score, gold)) for _ in range(3))
    whole = seconds(lambda: diagnose(pool))
    shape = f"{asked.users:,} users x {asked.queries} queries x {asked.candidates} candidates"
    print(f"{shape}, {asked.models} models: diagnosis {whole:.1f} s")
    print(
        f"curves and correlations of one model: {batched:.2f} s; naive loop {naive:.1f} s, {naive / batched:.0f} times"
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"users": 1_000, "queries": 100, "candidates": 32, "models": 8}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def make_pool(users: int, queries: int, candidates: int, models: int) -> Pool:
    """A simulated pool in which users share queries, scored by several models."""
    simulation = Simulation(users=users, queries=queries, candidates=candidates)
    first = simulation.pool(np.random.default_rng(0), "model-0")
    block, generator = first.blocks[0], np.random.default_rng(1)
    scores = dict(block.scores)
    for number in range(1, models):
        scores[f"model-{number}"] = block.gold + generator.standard_normal((1, *block.gold.shape)) * number
    shared = Block(block.user, block.query % queries, block.candidate, block.gold, scores)
    return Pool(first.user_ids, first.query_ids[:queries], first.candidate_ids, (shared,), {})


def vectorised(score: np.ndarray, gold: np.ndarray) -> None:
    """Exact curves and correlations of all sets."""
    expected_best(gold, score, [size for size in SIZES if size <= score.shape[1]])
    pearson(score, gold)


def looped(score: np.ndarray, gold: np.ndarray) -> None:
    """The same one set at a time, curves by subsamples."""
    generator = np.random.default_rng(2)
    for mine, true in zip(score, gold, strict=True):
        with np.errstate(invalid="ignore"):  # a constant score has none
            np.corrcoef(mine, true)
        for size in (size for size in SIZES if size <= len(mine)):
            for _ in range(REPEATS):
                drawn = generator.choice(len(mine), size, replace=False)
                true[drawn[mine[drawn].argmax()]]


def seconds(work: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
