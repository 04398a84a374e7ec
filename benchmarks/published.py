"""How long and how much memory does it take to prepare data of the published sizes? Against pandas in the same run.

Sample files are written with as many rows as were published and texts about as long. Then each source is prepared
(read, paired, written) in a process of its own; and once more by pandas, which reads whole files, makes the same pairs
and texts and writes them. Memory is the peak of a process; what its imports alone took is beside it.

    python -m benchmarks.published [--scale 0.01] [--sources tldr prism]
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefactor.memory import MEGABYTE, most_memory

MIB = 1024**2
COUNTS = {"personalllm": ("train", "test"), "prism": ("users",), "tldr": ("annotators", "comparisons")}
OPTIONS: dict[str, dict[str, Any]] = {"personalllm": {}, "prism": {"subset": "all"}, "tldr": {}}
PEOPLE = {"personalllm": ("users", "pairs_per_user"), "prism": (), "tldr": ()}
COLUMNS = ("rows", "files", "text", "pairs", "seconds", "imports", "peak")
FORMATS = dict(zip(COLUMNS, (",", ".0f", ".0f", ",", ".1f", ".0f", ".0f"), strict=True))


def main() -> int:
    """Write, prepare and compare every source; exit status 1 where the two ways do not make the same."""
    arguments = _parse()
    if arguments.way:
        print(json.dumps(WAYS[arguments.way](arguments.sources[0], arguments.folder, arguments.scale)))
        return 0
    print(f"{'MiB of files, text and memory':30}" + "".join(f"{name:>9}" for name in COLUMNS))
    return int(not all([_compare(source, arguments) for source in arguments.sources]))


def _compare(source: str, arguments: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory(prefix=f"{source}-", dir=arguments.folder) as name:
        ways = ("write", "prepare", "pandas")
        _, ours, naive = (_alone(way, source, Path(name), arguments.scale) for way in ways)
    for way, found in (("prepared", ours), ("pandas", naive)):
        print(f"{f'{source}, {way}':30}" + "".join(f"{found[name]:>9{FORMATS[name]}}" for name in COLUMNS))
    seconds, peak = (naive[name] / ours[name] for name in ("seconds", "peak"))
    beyond = ours["peak"] - ours["imports"]
    same = bool(ours["digest"] == naive["digest"])
    print(f"  pandas: {seconds:.2f} times the seconds, {peak:.2f} times the peak; pairs and texts the same: {same}")
    print(
        f"  prepared: at the peak {beyond:.0f} MiB beyond the imports, for {ours['text']:.0f} MiB of text", flush=True
    )
    return same


def _alone(way: str, source: str, folder: Path, scale: float) -> dict[str, Any]:
    """What this way of a process of its own prints: its peak would else be that of all before it."""
    command = [sys.executable, "-m", "benchmarks.published", "--way", way, "--sources", source]
    done = subprocess.run(
        [*command, "--scale", str(scale), "--folder", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def write(source: str, folder: Path, scale: float) -> dict[str, Any]:
    """Sample files of a share ``scale`` of the published size, without the cases that pandas would stumble over."""
    from prefactor.datasets.samples import find_sample, write_sample

    sizes = find_sample(source).published
    scaled = {name: max(8, round(getattr(sizes, name) * scale)) for name in COUNTS[source]}
    write_sample(source, folder / "files", replace(sizes, awkward=False, **scaled))
    return {}


def prepare(source: str, folder: Path, scale: float) -> dict[str, Any]:
    """Prepare the files as stage prepare does, with as many people as ``scale`` leaves where a source draws them."""
    from prefactor.datasets import SOURCES, load

    known = SOURCES[source].Parameters()
    options = {name: max(1, round(getattr(known, name) * scale)) for name in PEOPLE[source]} | OPTIONS[source]
    imports, started = peak_memory(), time.perf_counter()
    preferences = load(source, options, folder / "files", "options")
    preferences.save(folder / "prepared")
    return measured(imports, started, folder, "prepared") | {"rows": next(iter(preferences.source["rows"].values()))}


def naive(source: str, folder: Path, scale: float) -> dict[str, Any]:
    """The same with all files in memory as pandas has them."""
    from benchmarks.published_in_pandas import NAIVE

    del scale
    imports, started = peak_memory(), time.perf_counter()
    rows, *tables = NAIVE[source](folder)
    (folder / "pandas").mkdir()
    for name, table in zip(("texts", "pairs"), tables, strict=True):
        table.to_parquet(folder / "pandas" / f"{name}.parquet", compression="zstd")
    return measured(imports, started, folder, "pandas") | {"rows": rows}


def measured(imports: float, started: float, folder: Path, out: str) -> dict[str, Any]:
    """Time and peak up to here; then, by batches, how much text there is, and what tells it from another's."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found: dict[str, Any] = {"seconds": time.perf_counter() - started, "peak": peak_memory(), "imports": imports}
    ids = pq.read_table(folder / out / "pairs.parquet", columns=["pair_id"])["pair_id"].to_pylist()
    text, pairs = 0, len(ids)
    for batch in pq.ParquetFile(folder / out / "texts.parquet").iter_batches(1024):
        text += sum(pc.sum(pc.binary_length(batch[name])).as_py() or 0 for name in ("prompt", "response"))
        ids += batch["text_id"].to_pylist()
    files = sum(path.stat().st_size for path in (folder / "files").rglob("*") if path.is_file())
    digest = hashlib.sha256("".join(sorted(ids)).encode()).hexdigest()
    return found | {"pairs": pairs, "text": text / MIB, "files": files / MIB, "digest": digest}


def peak_memory() -> float:
    """Peak resident memory of this process so far, in MiB."""
    return most_memory() * MEGABYTE / MIB


WAYS: dict[str, Callable[[str, Path, float], dict[str, Any]]] = {"write": write, "prepare": prepare, "pandas": naive}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the published sizes")
    parser.add_argument("--sources", nargs="+", choices=tuple(COUNTS), default=tuple(COUNTS))
    parser.add_argument("--folder", type=Path, default=None, help="where to put the temporary files")
    parser.add_argument("--way", choices=tuple(WAYS), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
