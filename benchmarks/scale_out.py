"""Work against workers: embedding and bulk adaptation by 1, 2, 3, ... processes of a Dask cluster on this machine.

    python -m benchmarks.scale_out [--workers 1 2 3 4] [--texts 1200] [--users 1000000] [--repeats 3]
                                   [--json FILE] [--figure FILE]

Every number of workers does the same tasks, those of the flows `embed` and `adapt-users`, under a Prefect server of the
benchmark's own, each task with its slot. `start` is from nothing to workers that have read one task's worth: processes,
imports, the backbone or the model. Work is from the first task handed out to the last one done. Every process has one
thread, so that more workers than cores share these, as the flow and the server do. Repeats go through all numbers of
workers in turn; shown are the median over them, the slowest and the fastest. Adaptation is the default model's on nine
pairs a user, of a prompt's responses; texts are read by the embedded backbone in float32.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.adapt_users import Texts, World, make_model, write_job
from benchmarks.embed import make_texts
from flows.adapt_users import adapt_part
from flows.embed import encode_piece
from flows.runners import PROCESSES, runner
from flows.slots import set_slots
from prefactor.adaptation.work import opened
from prefactor.backbones import BackboneParameters, embed, load_backbone
from prefactor.backbones.pieces import Missing
from prefactor.evaluation.latency import processor
from prefactor.preferences import TEXTS, content_id

PIECE = 64  # texts of a task
ROWS_PER_PART = 250_000  # pairs of a task
PAIRS = 9


@dataclass(frozen=True)
class Point:
    """What so many workers took for some work, ``done`` in ``unit``: seconds to start, and seconds."""

    work: str
    unit: str
    workers: int
    done: int
    start: float
    seconds: float


def main() -> None:
    """Measure and print."""
    options = _parse()
    print(f"{processor()}, {len(os.sched_getaffinity(0))} cores, processes of one thread each", flush=True)
    points: list[Point] = []
    with _server(), tempfile.TemporaryDirectory() as scratch:
        set_slots({"core": max(options.workers), "gpu": max(options.workers)})
        folder = Path(scratch)
        texts = write_texts(folder, options.texts)
        for _ in range(options.repeats):
            for workers in options.workers:
                points.append(embedding(folder, texts, workers))
                points.append(adaptation(folder, options.users, workers))
    found = rates(points)
    _print(found)
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(point) for point in points], indent=2) + "\n")
    if options.figure is not None:
        draw(found, options.figure)


def write_texts(folder: Path, number: int) -> Path:
    """A table of generated texts."""
    prompts, responses = make_texts(number)
    ids = [content_id(*text) for text in zip(prompts, responses, strict=True)]
    pq.write_table(pa.table(dict(zip(TEXTS.names, (ids, prompts, responses), strict=True))), folder / "texts.parquet")
    return folder / "texts.parquet"


def embedding(folder: Path, texts: Path, workers: int) -> Point:
    """All texts into an empty cache; the first piece of each worker is its start."""
    parameters = BackboneParameters(device="cpu", shard_texts=PIECE)
    cache, timed = folder / "cache", dict[str, Any]()
    shutil.rmtree(cache, ignore_errors=True)

    def encode(missing: Missing) -> Mapping[str, int]:
        pieces = missing.pieces(PIECE)
        warm = [
            replace(piece, missing=replace(piece.missing, rows=piece.missing.rows[:1])) for piece in pieces[:workers]
        ]
        timed["took"], computed = _run(encode_piece, warm, pieces, workers)
        return dict(zip((piece.name for piece in pieces), computed, strict=True))

    report = embed(texts, cache, load_backbone(parameters), parameters, encode=encode)
    return Point("embedding", "texts", workers, report.texts, *timed["took"])


def adaptation(folder: Path, users: int, workers: int) -> Point:
    """All users of a table; a part on each worker first, which is done again."""
    world = World(users, PAIRS, 6_400, any=False)
    texts = Texts([content_id("prompt", str(number)) for number in range(world.texts)])
    job = replace(write_job(folder / "bulk", make_model("default"), world, texts), rows_per_part=ROWS_PER_PART)
    with opened(job) as work:
        given = [(work, part) for part in work.left()]
        took, _ = _run(adapt_part, given[:workers], given, workers)
        work.finish()
    return Point("adaptation", "users", workers, users, *took)


def _run(task: Any, first: Sequence[Any], parts: Sequence[Any], workers: int) -> tuple[tuple[float, float], list[int]]:
    """Seconds to have workers that have done ``first``, and then to have ``parts`` done; what these returned."""
    from prefect import flow

    @flow(name="scale-out", persist_result=False, task_runner=runner(PROCESSES, workers))
    def timed() -> tuple[tuple[float, float], list[int]]:
        begun = time.perf_counter()
        for future in [task.submit(part) for part in first]:
            future.result()
        started = time.perf_counter()
        found = [future.result() for future in [task.submit(part) for part in parts]]
        return (started - begun, time.perf_counter() - started), found

    return timed()


@contextmanager
def _server() -> Iterator[None]:
    from prefect.settings import PREFECT_HOME, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        tempfile.TemporaryDirectory() as home,
        temporary_settings({PREFECT_HOME: Path(home)}),
        prefect_test_harness(server_startup_timeout=300),
    ):
        yield


@dataclass(frozen=True)
class Rate:
    """Work a second by so many workers, in ``unit``: over repeats the slowest, the median and the fastest.

    ``start`` is the median of the seconds to start.
    """

    work: str
    unit: str
    workers: int
    repeats: int
    slowest: float
    median: float
    fastest: float
    start: float


def rates(points: Sequence[Point]) -> list[Rate]:
    """Repeats brought together, by work and number of workers."""
    found: dict[tuple[str, int], list[Point]] = {}
    for point in points:
        found.setdefault((point.work, point.workers), []).append(point)
    return [_rate(repeats) for _, repeats in sorted(found.items())]


def _rate(repeats: Sequence[Point]) -> Rate:
    each = sorted(point.done / point.seconds for point in repeats)
    start = statistics.median(point.start for point in repeats)
    first = repeats[0]
    return Rate(first.work, first.unit, first.workers, len(each), each[0], statistics.median(each), each[-1], start)


def _fewest(found: Sequence[Rate], work: str) -> Rate:
    """What that work's speed-up is counted from: its fewest workers."""
    return min((rate for rate in found if rate.work == work), key=lambda rate: rate.workers)


def _print(found: Sequence[Rate]) -> None:
    print(f"{'work':11} workers repeats  start s   a second (slowest to fastest)          times fewest  a worker")
    for rate in found:
        fewest = _fewest(found, rate.work)
        times = rate.median / fewest.median
        span = f"{rate.median:,.0f} ({rate.slowest:,.0f} to {rate.fastest:,.0f}) {rate.unit}"
        share = times * fewest.workers / rate.workers
        print(
            f"{rate.work:11} {rate.workers:7} {rate.repeats:7} {rate.start:8.1f}   {span:38} {times:12.2f} {share:9.0%}"
        )


def draw(found: Sequence[Rate], path: Path) -> None:
    """Work a second against workers, its range over repeats, and the line of as many times as there are workers."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(rate.work for rate in found))
    figure, axes = pyplot.subplots(1, len(names), figsize=(4.2 * len(names), 3.4), layout="constrained", squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        _draw_one(axis, [rate for rate in found if rate.work == name])
    axes[0][0].legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=150)


def _draw_one(axis: Any, own: Sequence[Rate]) -> None:
    workers, median = [rate.workers for rate in own], [rate.median for rate in own]
    cores, each = len(os.sched_getaffinity(0)), median[0] / workers[0]
    most = max(workers)
    axis.plot([0, most], [0, most * each], color="0.7", linestyle="--", label="as many times as workers")
    spread = [[rate.median - rate.slowest for rate in own], [rate.fastest - rate.median for rate in own]]
    axis.errorbar(
        workers, median, spread, marker="o", capsize=3, label=f"measured, range over {own[0].repeats} repeats"
    )
    axis.axvline(cores, color="0.5", linewidth=0.8, linestyle=":")
    axis.annotate(f" {cores} cores", (cores, 0.95), xycoords=("data", "axes fraction"), color="0.4", fontsize=8)
    axis.set(title=own[0].work, xlabel="workers", ylabel=f"{own[0].unit} a second", xticks=range(most + 1))
    axis.yaxis.set_major_formatter("{x:,.0f}")
    axis.set_ylim(bottom=0)
    axis.set_xlim(left=0)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--texts", type=int, default=1_200)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, default=None, help="all points, too")
    parser.add_argument("--figure", type=Path, default=None, help="a picture of the curve, PNG")
    return parser.parse_args()


if __name__ == "__main__":
    main()
