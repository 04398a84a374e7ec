"""Work against workers: embedding and bulk adaptation by 1, 2, 3, ... processes of a Dask cluster on this machine.

    python -m benchmarks.scale_out [--workers 1 2 3 4] [--texts 1200] [--users 1000000] [--json FILE] [--figure FILE]

Every number of workers does the same tasks, those of the flows `embed` and `adapt-users`, under a Prefect server of the
benchmark's own, each task with its slot. `start` is from nothing to workers that have read one task's worth: processes,
imports, the backbone or the model. `work` is from the first task handed out to the last one done. Every process has one
thread, so that more workers than cores share these. Adaptation is the default model's on nine pairs a user, of a
prompt's responses; texts are read by the embedded backbone in float32.
"""

import argparse
import json
import os
import shutil
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
    _print(best_of(points))
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(point) for point in points], indent=2) + "\n")
    if options.figure is not None:
        draw(best_of(points), options.figure)


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


def best_of(points: Sequence[Point]) -> list[Point]:
    """The quickest of repeated ones."""
    found: dict[tuple[str, int], Point] = {}
    for point in points:
        key = point.work, point.workers
        if key not in found or point.seconds < found[key].seconds:
            found[key] = point
    return sorted(found.values(), key=lambda point: (point.work, point.workers))


def _print(points: Sequence[Point]) -> None:
    print(f"{'work':11} workers  start s   work s   a second   times one worker")
    for point in points:
        one = next(other for other in points if other.work == point.work)
        print(
            f"{point.work:11} {point.workers:7} {point.start:8.1f} {point.seconds:8.1f} "
            f"{point.done / point.seconds:10,.0f} {point.unit}   {one.seconds / point.seconds:.2f}"
        )


def draw(points: Sequence[Point], path: Path) -> None:
    """Work against workers: times as fast as one, beside the line of as many times as there are workers."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(5.5, 3.6), layout="constrained")
    most = max(point.workers for point in points)
    axis.plot([1, most], [1, most], color="0.8", linestyle="--", label="as many times as workers")
    for name in dict.fromkeys(point.work for point in points):
        own = [point for point in points if point.work == name]
        speed = [own[0].seconds / point.seconds for point in own]
        axis.plot([point.workers for point in own], speed, marker="o", label=name)
    axis.set(xlabel="processes", ylabel="times as fast as one", xticks=range(1, most + 1))
    axis.axvline(len(os.sched_getaffinity(0)), color="0.6", linewidth=0.8)
    axis.annotate("cores", (len(os.sched_getaffinity(0)), 0.05), xycoords=("data", "axes fraction"), color="0.4")
    axis.legend(frameon=False)
    figure.savefig(path, dpi=150)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--texts", type=int, default=1_200)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", type=Path, default=None, help="all points, too")
    parser.add_argument("--figure", type=Path, default=None, help="a picture of the curve, PNG")
    return parser.parse_args()


if __name__ == "__main__":
    main()
