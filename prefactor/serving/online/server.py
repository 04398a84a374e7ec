"""The service as one process or several, on one port: started, kept alive, and ended together."""

import multiprocessing
import os
import socket
import sys
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from signal import SIGTERM
from typing import TYPE_CHECKING

from prefactor import layout
from prefactor.errors import InputError
from prefactor.scratch import scratch_folder
from prefactor.serving.online.gate import is_loopback
from prefactor.serving.online.keys import Keys
from prefactor.serving.online.metrics import FOLDER
from prefactor.serving.online.ring import KeyRing
from prefactor.serving.online.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from prefactor.serving.online.caches import Caches
    from prefactor.serving.online.champions import Champions
    from prefactor.serving.users.store import UserStore

STARTUP_FAILURE = 3  # the exit status after which uvicorn starts a process no more
GRACE_SECONDS = 10  # that requests have to end in
KEEP_ALIVE_SECONDS = 30
CONNECTIONS = 2_048  # of one process, idle ones too
HANG_SECONDS = 60  # after which a process that does not answer its parent is replaced; loading a model blocks it


@dataclass(frozen=True)
class Options:
    """What ``prefactor serve`` is told. One of ``dataset`` and ``package`` names the model.

    ``states`` are folders of caches, and with ``own_states`` the dataset's own that are of a model's backbone;
    ``remembered`` is how many texts' states are kept in memory. ``pool`` is a file of questions, and ``by_evidence``
    knows users by their answers to them. ``store`` is the address of the user store, or ``own_store``: the dataset's
    own, a file below the root.
    ``watch_seconds`` pass between looks for another champion.
    """

    dataset: str | None = None
    package: Path | None = None
    root: Path = Path()
    tracking_uri: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    threads: int = 1
    store: str | None = None
    own_store: bool = False
    states: tuple[Path, ...] = ()
    own_states: bool = False
    remembered: int = 100_000
    pool: Path | None = None
    by_evidence: bool = False
    watch_seconds: float = 15.0
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        if (self.dataset is None) == (self.package is None):
            raise InputError("name the model: give either --dataset or --package")
        if self.own_store and (self.dataset is None or self.store is not None):
            raise InputError("a dataset's own store goes with --dataset, and with no other store")
        if self.settings.keys is None and not is_loopback(self.host):
            raise InputError(
                f"without API keys only this machine may call, and {self.host} is for others too: give --keys"
            )
        for name in ("workers", "threads", "remembered"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.watch_seconds > 0:
            raise InputError(f"watch_seconds must be positive, got {self.watch_seconds}")


def serve(options: Options) -> int:
    """Serve until told to stop; the exit status. Raises InputError for what can be seen to be wrong at once."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from prefactor.serving.online.logs import uvicorn_logging

    keys = None if options.settings.keys is None else Keys.read(options.settings.keys)
    with ExitStack() as stack:
        place = stack.enter_context(bound(options.host, options.port))
        if options.workers > 1:
            shared = stack.enter_context(scratch_folder(Path(tempfile.gettempdir(), "prefactor-processes")))
            os.environ[FOLDER] = str(shared)
            options = replace(options, settings=replace(options.settings, shared=shared))
        config = uvicorn.Config(
            partial(build, options, keys),
            factory=True,
            workers=options.workers,
            host=options.host,
            port=options.port,
            log_config=uvicorn_logging(),
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_worker_healthcheck=HANG_SECONDS,
        )
        if options.workers > 1:
            Multiprocess(config, sockets=[place]).run()
        else:
            uvicorn.Server(config).run(sockets=[place])
    return 0


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens. InputError where the address is taken or not this machine's."""
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio sends answers at once; else what goes in two pieces waits 40 ms for a receipt.
    place = socket.socket(kind, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind((host, port))
    except OSError as error:
        place.close()
        raise InputError(f"cannot listen on {host}, port {port} ({error.strerror}): choose another --port") from error
    place.set_inheritable(True)
    return place


def build(options: Options, keys: Keys | None) -> "FastAPI":
    """The application of one process. Ends the process, for good, if it cannot be had.

    ``keys`` are those of the service's start: of a process that is started again they hold on though the file is at
    fault by then.
    """
    try:
        return _build(options, keys)
    except InputError as error:
        print(f"prefactor: {error}", file=sys.stderr, flush=True)
        sys.exit(STARTUP_FAILURE)


def _build(options: Options, keys: Keys | None) -> "FastAPI":
    import torch

    from prefactor.serving.online.application import create_app
    from prefactor.serving.online.embedding import Embedder
    from prefactor.serving.online.logs import make_log
    from prefactor.serving.online.metrics import Metrics
    from prefactor.serving.online.preparing import Preparer
    from prefactor.serving.online.service import Service
    from prefactor.serving.online.watching import Watch, tidy

    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
        _clear_dead()
    torch.set_num_threads(options.threads)
    log, metrics = make_log(), Metrics()
    champions = _champions(options)
    champion = champions.load(champions.newest())
    preparer = Preparer(
        _store(options), _caches(options), options.remembered, options.pool, metrics, options.by_evidence
    )
    current = preparer.first(champion)
    service = Service(current, metrics, Embedder(options.settings.texts))
    ring = KeyRing(options.settings.keys, keys)

    def renew_keys() -> None:
        try:
            ring.renew()
        finally:
            service.news.keys = ring.trouble

    watch = Watch(service, champions, preparer, options.watch_seconds, log, renew_keys)
    tidy()
    caches = [str(folder) for folder in current.texts.caches]
    log.info("ready", model=current.label, host=options.host, port=options.port, states=caches)
    return create_app(service, options.settings, keys=ring, log=log, beside=watch)


def _champions(options: Options) -> "Champions":
    from prefactor.serving.online.champions import InFolder, InRegistry

    if options.package is not None:
        return InFolder(options.package)
    from prefactor.tracking.store import client_of, resolve_uri

    assert options.dataset is not None
    return InRegistry(client_of(resolve_uri(options.root, options.tracking_uri)), options.dataset)


def _caches(options: Options) -> "Caches":
    from prefactor.serving.online.caches import Caches

    own = options.own_states and options.dataset is not None
    return Caches(options.states, options.root / layout.states(options.dataset or "", "") if own else None)


def _store(options: Options) -> "UserStore | None":
    """The store, begun if need be; a dataset's own is made with its folder, for whoever runs the service alone."""
    from prefactor.serving.users.store import UserStore

    url = options.store
    if options.own_store and options.dataset is not None:
        path = options.root / layout.online(options.dataset)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"the folder {path.parent} cannot be made ({error.strerror}): give a --store") from error
        url = str(path)
    return None if url is None else UserStore.open(url)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended, however that was: the port must be free for the next one."""
    wait([parent])
    os.kill(os.getpid(), SIGTERM)


def _clear_dead() -> None:
    """Drop what processes that have ended said of their present."""
    from prometheus_client.multiprocess import mark_process_dead

    for path in Path(os.environ[FOLDER]).glob("gauge_live*_*.db"):
        number = path.stem.rpartition("_")[2]
        if number.isdecimal() and not _alive(int(number)):
            mark_process_dead(int(number))


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True
