"""How fast and how lean is the split? Ten million pairs of a million users, against the naive way in the same run.

The pairs are generated with DuckDB in a process of their own, so that the peak memory measured is the split's. The
naive way is pandas ``groupby`` with a Python function per user, run on a sample of whole users: its rate per pair is
given, not the time it would take for all.

    python -m benchmarks.split [--pairs 10000000] [--users 1000000] [--leakage within-user|global|pairs]
"""

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefactor.memory import MEGABYTE, most_memory
from prefactor.splitting import PairShares, SplitParameters, UserShares, split

if TYPE_CHECKING:
    import pandas

GIB = 1024**3
RESPONSES = 8
PAIRS_PER_PROMPT = 1000


def main() -> int:
    """Generate, split, compare; exit status 1 if the split took more memory than allowed."""
    arguments = _parse()
    with tempfile.TemporaryDirectory(prefix="split-", dir=arguments.folder) as name:
        folder = Path(name)
        generator = multiprocessing.get_context("spawn").Process(
            target=generate, args=(folder / "prepared", arguments.pairs, arguments.users)
        )
        generator.start()
        generator.join()
        if generator.exitcode:
            return 1
        fast = measure_split(folder, parameters(arguments.leakage, arguments.memory_limit))
        peak = most_memory() * MEGABYTE
        print(f"split, files read and written: {fast}")
        print(f"split, peak memory of the process: {peak / GIB:.2f} GiB of {arguments.allowed:g} allowed")
        naive = measure_naive(folder / "prepared", arguments.sample)
    print(f"naive, a sample of users, rows already in memory, nothing written: {naive}")
    print(f"the split handles {fast.per_second / naive.per_second:.1f} times the pairs per second")
    print(f"and {fast.per_cpu_second / naive.per_cpu_second:.1f} times the pairs per second of processor time")
    return int(peak > arguments.allowed * GIB)


@dataclass(frozen=True)
class Speed:
    """How long some pairs took: by the clock, and on all processors together (what a busy machine leaves alone)."""

    pairs: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.pairs / self.seconds

    @property
    def per_cpu_second(self) -> float:
        return self.pairs / self.cpu_seconds

    def __str__(self) -> str:
        return (
            f"{self.pairs:,} pairs in {self.seconds:.1f} s ({self.per_second:,.0f} pairs/s), "
            f"{self.cpu_seconds:.1f} s of processor time ({self.per_cpu_second:,.0f} pairs/s)"
        )


class Stopwatch:
    """Measures from its making."""

    def __init__(self) -> None:
        self.clock, self.cpu = time.perf_counter(), time.process_time()

    def speed(self, pairs: int) -> Speed:
        """The speed of ``pairs`` handled so far."""
        return Speed(pairs, time.perf_counter() - self.clock, time.process_time() - self.cpu)


def parameters(leakage: str, memory_limit: str) -> SplitParameters:
    """Half of a user's pairs evaluated, half of the users seen."""
    pairs = PairShares(1.0, 1.0, 1.0, 1.0) if leakage == "global" else PairShares()
    return SplitParameters(leakage=leakage, users=UserShares(), pairs=pairs, memory_limit=memory_limit)  # type: ignore[arg-type]


def generate(folder: Path, pairs: int, users: int) -> None:
    """Write prepared tables: users share prompts, a prompt has a few responses, texts are small, ids are hashes."""
    import duckdb

    folder.mkdir(parents=True)
    prompts = max(pairs // PAIRS_PER_PROMPT, 10)
    text_id = "substr(sha256('prompt ' || prompt || chr(31) || 'response ' || {0}), 1, 32)"
    tables = {
        "texts": f"""SELECT {text_id.format("response")} AS text_id, 'prompt ' || prompt AS prompt,
            'response ' || response AS response
            FROM range({prompts}) AS p(prompt), range({RESPONSES}) AS r(response)""",
        "users": f"SELECT 'user-' || u AS user_id FROM range({users}) AS t(u)",
        # consecutive pairs go to different users, and a user's pairs to different prompts, most of the time
        "pairs": f"""WITH drawn AS (
                SELECT n % {users} AS u, md5_number_lower('prompt' || n) % {prompts} AS prompt,
                    md5_number_lower('plus' || n) % {RESPONSES} AS plus,
                    1 + md5_number_lower('minus' || n) % {RESPONSES - 1} AS step
                FROM range({pairs}) AS t(n)),
            named AS (
                SELECT 'user-' || u AS user_id, 'prompt-' || prompt AS group_id,
                    {text_id.format("plus")} AS chosen, {text_id.format(f"((plus + step) % {RESPONSES})")} AS rejected
                FROM drawn)
            SELECT substr(sha256(concat_ws(chr(31), user_id, chosen, rejected)), 1, 32) AS pair_id, user_id, group_id,
                chosen, rejected, NULL::DOUBLE AS margin, NULL::BIGINT AS "order" FROM named""",
    }
    with duckdb.connect(config={"memory_limit": "4GB", "temp_directory": str(folder / "spill")}) as connection:
        connection.execute("SET enable_progress_bar = false")
        for name, query in tables.items():
            connection.execute(f"COPY ({query}) TO '{folder / name}.parquet' (FORMAT parquet, COMPRESSION zstd)")


def measure_split(folder: Path, split_parameters: SplitParameters) -> Speed:
    """Split the prepared tables in ``folder``, checksums included."""
    watch = Stopwatch()
    manifest = split(folder / "prepared", folder / "split", split_parameters)
    speed = watch.speed(manifest["pairs"]["total"])
    print(f"users: {manifest['users']}")
    print(f"pairs: {manifest['pairs']}")
    return speed


def measure_naive(prepared: Path, users: int) -> Speed:
    """Split the pairs of a sample of users the naive way."""
    frame = load_sample(prepared, users)
    generator = random.Random(0)
    watch = Stopwatch()
    frame["part"] = frame.groupby("user_id", group_keys=False)[["group_id", "prompt"]].apply(
        lambda rows: naive_parts(rows, generator)
    )
    return watch.speed(len(frame))


def load_sample(prepared: Path, users: int) -> "pandas.DataFrame":
    """All pairs of the first ``users`` users, with their prompts."""
    import duckdb

    with duckdb.connect() as connection:
        return connection.execute(
            f"""SELECT user_id, group_id, prompt FROM read_parquet('{prepared / "pairs.parquet"}') AS pairs
            JOIN read_parquet('{prepared / "texts.parquet"}') ON text_id = chosen
            SEMI JOIN (FROM read_parquet('{prepared / "users.parquet"}') ORDER BY user_id LIMIT {users}) USING (user_id)
            """
        ).df()


def naive_parts(rows: "pandas.DataFrame", generator: random.Random) -> "pandas.Series":
    """Parts of one user's pairs, by units: half for evaluation, the rest for training."""
    import pandas

    units = naive_units(list(zip(rows["group_id"], rows["prompt"], strict=True)))
    generator.shuffle(units)
    parts, before = {}, 0
    for unit in units:
        part = "evaluation" if before + len(unit) / 2 < len(rows) / 2 else "train"
        parts.update(dict.fromkeys(unit, part))
        before += len(unit)
    return pandas.Series([parts[row] for row in range(len(rows))], index=rows.index)


def naive_units(keys: list[tuple[str, str]]) -> list[list[int]]:
    """Rows connected by a group or a prompt: union-find without refinements."""
    owner, first = list(range(len(keys))), dict[tuple[str, str], int]()

    def root(row: int) -> int:
        while owner[row] != row:
            row = owner[row]
        return row

    for row, (group, prompt) in enumerate(keys):
        for key in (("group", group), ("prompt", prompt)):
            owner[root(row)] = root(first.setdefault(key, row))
    units = defaultdict(list)
    for row in range(len(keys)):
        units[root(row)].append(row)
    return list(units.values())


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=2_000, help="users whom the naive way splits")
    parser.add_argument("--leakage", choices=("within-user", "global", "pairs"), default="within-user")
    parser.add_argument("--memory-limit", default="2GB", help="of DuckDB")
    parser.add_argument("--allowed", type=float, default=4.0, help="GiB of process memory")
    parser.add_argument("--folder", type=Path, default=None, help="where to put the temporary files")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
