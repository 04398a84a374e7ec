"""Encoding by several processes: each has the backbone to itself, on a GPU of its own or on a share of the CPU.

The parent hands out parts and shows progress; a worker writes the shards of its parts itself, so that states pass
through no pipe. A worker whose parent is gone finds its pipe closed, at its next batch at the latest, and ends.
"""

import signal
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch

from prefactor.backbones.loading import BackboneParameters, chosen_device, load_backbone
from prefactor.backbones.parts import Part, encode_part, write_part
from prefactor.errors import InputError
from prefactor.progress import Progress

SECONDS_TO_END = 10.0  # for a process that was asked to


@dataclass(frozen=True)
class _Orders:
    """What a worker has to know: the cache, the backbone, and which GPU and how many threads are its own."""

    folder: Path
    parameters: BackboneParameters
    gpu: int | None
    threads: int


@dataclass(frozen=True)
class _Ready:
    """A worker has loaded the backbone of this identity."""

    identity: Mapping[str, Any]


@dataclass(frozen=True)
class _Advanced:
    """So many texts more are encoded."""

    texts: int
    tokens: int


@dataclass(frozen=True)
class Written:
    """A part is a shard, ``name``; ``computed`` tokens went through the model for it."""

    name: str
    computed: int


@dataclass(frozen=True)
class _Failed:
    """A worker cannot go on; ``at_fault`` is the input."""

    message: str
    at_fault: bool


class _Worker:
    """A process and the parent's end of the pipe to it."""

    def __init__(self, orders: _Orders) -> None:
        context = get_context("spawn")  # a forked process has no use of CUDA
        self.connection, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(target=_work, args=(theirs, orders), daemon=True)
        self._process.start()
        theirs.close()  # ours would keep the pipe open when the process ends

    def send(self, part: Part) -> None:
        try:
            self.connection.send(part)
        except OSError as error:
            raise self._ended() from error

    def receive(self) -> _Ready | _Advanced | Written:
        """The next message. Raises what made the worker stop."""
        try:
            message = self.connection.recv()
        except (EOFError, OSError) as error:
            raise self._ended() from error
        if isinstance(message, _Failed):
            raise InputError(message.message) if message.at_fault else RuntimeError(message.message)
        found: _Ready | _Advanced | Written = message
        return found

    def stop(self) -> None:
        self.connection.close()
        self._process.terminate()
        self._process.join(SECONDS_TO_END)
        self._process.kill()
        self._process.join()

    def _ended(self) -> InputError:
        self._process.join(SECONDS_TO_END)
        return InputError(
            f"a process that encodes ended with exit code {self._process.exitcode}, as it does where memory is short: "
            "set backbones' processes or tokens_per_batch lower and run it again; shards that are written are kept"
        )


class Team:
    """Workers that have loaded the backbone. See :func:`open_team`."""

    def __init__(self, workers: list[_Worker]) -> None:
        self._workers = {worker.connection: worker for worker in workers}

    def check(self, identity: Mapping[str, Any]) -> None:
        """Wait for all workers. Raises InputError if one has loaded another backbone than that of ``identity``."""
        for worker in self._workers.values():
            message = worker.receive()
            if not isinstance(message, _Ready) or message.identity != identity:
                raise InputError("parameters describe another backbone than the one given: load it by the same ones")

    def encode(self, parts: Iterator[Part], shown: Progress) -> Iterator[Written]:
        """Have every part encoded and written, as workers become free; ``shown`` counts texts."""
        busy = {connection for connection, worker in self._workers.items() if _given(worker, parts)}
        while busy:
            for connection in wait(list(busy)):
                worker = self._workers[connection]  # type: ignore[index]
                message = worker.receive()
                if isinstance(message, _Advanced):
                    shown.advance(message.texts, tokens=message.tokens)
                elif isinstance(message, Written):
                    yield message
                    if not _given(worker, parts):
                        busy.remove(worker.connection)


@contextmanager
def open_team(
    folder: Path, parameters: BackboneParameters, processes: int, identity: Mapping[str, Any]
) -> Iterator[Team]:
    """Processes that encode for the cache in ``folder``, once they have loaded the backbone; ended with the block.

    GPUs are given out in turn; a CPU's threads in equal shares. Raises InputError, as any of them does.
    """
    gpus = torch.cuda.device_count() if chosen_device(parameters.device).type == "cuda" else 0
    threads = max(torch.get_num_threads() // processes, 1)
    workers: list[_Worker] = []
    try:
        for number in range(processes):
            workers.append(_Worker(_Orders(folder, parameters, number % gpus if gpus else None, threads)))
        team = Team(workers)
        team.check(identity)
        yield team
    finally:
        for worker in workers:
            worker.stop()


def _given(worker: _Worker, parts: Iterator[Part]) -> bool:
    """Was there a part left to give?"""
    part = next(parts, None)
    if part is not None:
        worker.send(part)
    return part is not None


class _Relay(Progress):
    """Progress that the parent shows."""

    def __init__(self, connection: Connection) -> None:
        super().__init__("embed", None, "texts")
        self._connection = connection

    def advance(self, count: int = 1, note: str = "", tokens: int = 0) -> None:
        self._connection.send(_Advanced(count, tokens))


def _work(connection: Connection, orders: _Orders) -> None:
    """What a worker does until its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a whole process group: the parent ends us
    try:
        _encode_all(connection, orders)
    except (EOFError, ConnectionError):  # nobody is left to tell
        return
    except InputError as error:
        connection.send(_Failed(str(error), at_fault=True))
    except Exception:
        connection.send(_Failed(traceback.format_exc(), at_fault=False))


def _encode_all(connection: Connection, orders: _Orders) -> None:
    torch.set_num_threads(orders.threads)
    if orders.gpu is not None:
        torch.cuda.set_device(orders.gpu)
    backbone, dtype = load_backbone(orders.parameters), np.dtype(orders.parameters.states_dtype)
    relay = _Relay(connection)
    connection.send(_Ready(backbone.identity()))
    while True:
        part: Part = connection.recv()
        encoded = encode_part(part, backbone, dtype, relay)
        relay.advance(0)  # fails where the parent is gone: another one may be writing a shard of this name
        write_part(orders.folder, part, encoded, dtype)
        connection.send(Written(part.name, encoded.computed))
