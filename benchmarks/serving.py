"""The online service under load: latency of ranking 8 candidates at a fixed rate, and the rate it sustains.

    python -m benchmarks.serving --package FOLDER --states data/states/stylebench/stylelm \\
        --texts data/prepared/stylebench/texts.parquet

Open loop: requests are sent at times drawn beforehand, a Poisson process, whether earlier ones were answered or not,
and a latency counts from the time a request was due: what waits because the service is slow is not left out. First with
the states of all candidates in a cache, at ``--rate``; then with texts that nobody has read, at growing rates until one
is not sustained, that is, where some are refused, or the 99th percentile is above ``--patience``: it grows for as long
as a rate lasts that is too high. The load comes from this machine and takes part of it: its own processor time is
printed. ``--autocannon COMMAND`` lets that tool load the first part too; it sends a second's requests all at once.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
import pyarrow.parquet as pq

from prefactor.evaluation.latency import processor
from prefactor.methods.storage import USER_IDS

CANDIDATES = 8
START_SECONDS = 120
GROWTH = 1.25  # from one rate that is tried to the next
QUANTILES = (0.5, 0.95, 0.99, 0.999)


@dataclass(frozen=True)
class Load:
    """What came of some requests: ``latency`` (n,) seconds from when each was due, and the ``statuses``."""

    rate: float
    latency: np.ndarray
    statuses: list[int]
    seconds: float
    service_seconds: float
    client_seconds: float

    @property
    def answered(self) -> float:
        """Good answers a second."""
        return self.statuses.count(200) / self.seconds

    def quantile(self, share: float) -> float:
        """Of all latencies."""
        return float(np.quantile(self.latency, share))

    def sustained(self, patience: float) -> bool:
        """Whether the service kept up."""
        return self.statuses.count(200) == len(self.statuses) and self.quantile(0.99) <= patience

    def row(self) -> str:
        shown = "  ".join(f"p{100 * share:g} {1e3 * self.quantile(share):7.2f}" for share in QUANTILES)
        service, load = self.service_seconds / self.seconds, self.client_seconds / self.seconds
        busy = f"service {service:4.0%}, load {load:4.0%} of a core"
        bad = len(self.statuses) - self.statuses.count(200)
        most = 1e3 * self.latency.max()
        return f"{self.rate:7.1f}/s  {self.answered:7.1f}/s  {shown}  max {most:7.1f} ms  {bad} refused  {busy}"


@dataclass
class Service:
    """A service that is running."""

    url: str
    process: psutil.Process
    log: Path
    _before: float = field(default=0.0)

    def cpu(self) -> float:
        """Processor seconds so far, of all its processes."""
        all_ = [self.process, *self.process.children(recursive=True)]
        return sum(sum(one.cpu_times()[:2]) for one in all_)


@contextmanager
def serving(options: argparse.Namespace, folder: Path) -> Iterator[Service]:
    """The service as a user would start it, for as long as the block lasts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "prefactor.cli", "serve", "--package", str(options.package), "--port", str(port)]
    command += [part for path in options.states for part in ("--states", str(path))]
    command += ["--store", str(folder / "users.db")] if options.store else []
    command += ["--workers", str(options.workers), "--threads", str(options.threads)]
    command += ["--texts", "4096", "--concurrent", "512"]
    log = folder / "log"
    with log.open("w") as stream:
        started = subprocess.Popen(command, stdout=stream, stderr=stream, env=dict(os.environ))
    try:
        service = Service(f"http://127.0.0.1:{port}", psutil.Process(started.pid), log)
        asyncio.run(_ready(service, started))
        yield service
    finally:
        started.terminate()
        started.wait(30)


async def _ready(service: Service, started: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline and started.poll() is None:
            try:
                async with session.get(f"{service.url}/health/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)
    raise SystemExit(f"the service did not start:\n{service.log.read_text()}")


async def offer(service: Service, bodies: Sequence[bytes], rate: float, generator: random.Random) -> Load:
    """Send the bodies at that rate, and wait for all answers."""
    due, moment = [], 0.0
    for _ in bodies:
        moment += generator.expovariate(rate)
        due.append(moment)
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        used, own = service.cpu(), time.process_time()
        start = time.perf_counter()

        async def send(body: bytes, moment: float) -> tuple[int, float]:
            async with session.post(f"{service.url}/v1/rank", data=body) as answer:
                await answer.read()
            return answer.status, time.perf_counter() - start - moment

        tasks = []
        for body, moment in zip(bodies, due, strict=True):
            await asyncio.sleep(max(0.0, start + moment - time.perf_counter()))
            tasks.append(asyncio.create_task(send(body, moment)))
        found = await asyncio.gather(*tasks)
        seconds = time.perf_counter() - start
    return Load(
        rate,
        np.array([latency for _, latency in found]),
        [status for status, _ in found],
        seconds,
        service.cpu() - used,
        time.process_time() - own,
    )


def make_bodies(options: argparse.Namespace, count: int, fresh: str = "") -> list[bytes]:
    """Requests about prompts in turn, for users drawn at random; no text is cached to which ``fresh`` is added."""
    table = pq.read_table(options.texts)
    by_prompt: dict[str, list[str]] = {}
    for prompt, response in zip(table["prompt"].to_pylist(), table["response"].to_pylist(), strict=True):
        by_prompt.setdefault(prompt, []).append(response)
    sets = [(prompt, texts[:CANDIDATES]) for prompt, texts in by_prompt.items() if len(texts) >= CANDIDATES]
    users = json.loads((options.package / USER_IDS).read_text())
    draw = random.Random(0)
    draw.shuffle(sets)
    bodies = []
    for number in range(count):
        prompt, texts = sets[number % len(sets)]
        own = [f"{text} {fresh}{number}" for text in texts] if fresh else texts
        body: dict[str, Any] = {"prompt": prompt, "responses": own, "user_id": draw.choice(users)}
        bodies.append(json.dumps(body).encode())
    return bodies


def observe_all(service: Service, options: argparse.Namespace, pairs: int = 9) -> None:
    """Give every user some stored pairs, so that ranking reads their state from the store."""
    users = json.loads((options.package / USER_IDS).read_text())
    texts = [json.loads(body) for body in make_bodies(options, len(users))]

    async def all_() -> None:
        async with aiohttp.ClientSession() as session:
            for number, user in enumerate(users):
                sets = [texts[(number + step) % len(texts)] for step in range(pairs)]
                own = [
                    {"prompt": one["prompt"], "chosen": one["responses"][0], "rejected": one["responses"][1]}
                    for one in sets
                ]
                async with session.post(f"{service.url}/v1/observe", json={"user_id": user, "pairs": own}) as answer:
                    assert answer.status == 200, await answer.text()

    asyncio.run(all_())


def cannon(service: Service, options: argparse.Namespace, bodies: Sequence[bytes], folder: Path) -> str:
    """Requests of the same kind by autocannon, a second's all at once over some connections."""
    entries = [
        {
            "request": {
                "method": "POST",
                "url": f"{service.url}/v1/rank",
                "headers": [{"name": "Content-Type", "value": "application/json"}],
                "postData": {"mimeType": "application/json", "text": body.decode()},
            }
        }
        for body in bodies[:500]
    ]
    har = folder / "requests.har"
    har.write_text(
        json.dumps({"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": entries}})
    )
    command = [*options.autocannon.split(), "--har", str(har), "-R", str(round(options.rate)), "-c", "20", "-j", "-n"]
    done = subprocess.run(
        [*command, "-d", str(round(options.seconds)), service.url], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    latency = found["latency"]
    kept = {name: latency[name] for name in ("p50", "p97_5", "p99", "p99_9", "max")}
    bad = found["non2xx"] + found["errors"]
    return f"autocannon: {found['requests']['average']:.0f}/s, ms {kept}, {bad} refused"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, required=True, help="a packed model")
    parser.add_argument("--states", type=Path, nargs="*", default=[], help="caches of its texts")
    parser.add_argument("--texts", type=Path, required=True, help="texts.parquet of the dataset")
    parser.add_argument("--store", action="store_true", help="with a user store that holds 9 pairs of every user")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="that each process computes with")
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument(
        "--fresh", type=float, default=1.0, help="rate to begin with where texts are to be embedded; 0: none"
    )
    parser.add_argument("--patience", type=float, default=2.0, help="seconds that the 99th percentile may take there")
    parser.add_argument("--autocannon", help="how to run autocannon, if it is there")
    options = parser.parse_args()
    print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {options.workers} process(es)")
    print(f"{'offered':>9}  {'answered':>9}  latency in ms from when a request was due")
    with tempfile.TemporaryDirectory() as place, serving(options, Path(place)) as service:
        if options.store:
            observe_all(service, options)
        cached(service, options, Path(place))
        if options.fresh:
            embedding(service, options)


def cached(service: Service, options: argparse.Namespace, folder: Path) -> None:
    """Rank candidates whose states are in a cache."""
    bodies = make_bodies(options, round(options.rate * options.seconds))
    asyncio.run(offer(service, bodies[: round(5 * options.rate)], options.rate, random.Random(1)))  # warm-up
    print(f"states cached, {'users in the store' if options.store else 'no store'}")
    print(asyncio.run(offer(service, bodies, options.rate, random.Random(0))).row(), flush=True)
    if options.autocannon:
        print(cannon(service, options, bodies, folder), flush=True)


def embedding(service: Service, options: argparse.Namespace) -> None:
    """Rank texts that nobody has read, at growing rates, and at half of what was sustained beside cached ones."""
    print("texts to embed")
    rate, best = options.fresh, 0.0
    while rate > best:
        fresh = make_bodies(options, max(20, round(rate * options.seconds)), fresh=f"({rate:.2f}) ")
        load = asyncio.run(offer(service, fresh, rate, random.Random(0)))
        print(load.row(), flush=True)
        if load.sustained(options.patience):
            best, rate = rate, rate * GROWTH
        else:
            break
    if best:
        print(f"states cached, beside {best / 2:.1f}/s with texts to embed")
        print(asyncio.run(beside(service, options, best / 2)).row(), flush=True)


async def beside(service: Service, options: argparse.Namespace, rate: float) -> Load:
    """Cached candidates at half the rate, while others are embedded."""
    count = round(options.rate / 2 * options.seconds)
    others = make_bodies(options, round(rate * options.seconds), fresh="beside ")
    found, _ = await asyncio.gather(
        offer(service, make_bodies(options, count), options.rate / 2, random.Random(0)),
        offer(service, others, rate, random.Random(1)),
    )
    return found


if __name__ == "__main__":
    main()
