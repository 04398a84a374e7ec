"""A PostgreSQL server for a test: its own data, a free port of the loopback interface, ended with the test."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flows.leash import leashed

ROLE = "prefactor"
SERVICE = "postgres"  # the user of Debian's package: the server refuses to run as root
DEBIAN = Path("/usr/lib/postgresql")
PATIENCE_SECONDS = 30.0
# A test's data need not outlive a power cut, only killed clients.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "shared_buffers": "16MB",
    "max_connections": "100",
}


@dataclass
class Postgres:
    """A server that can be stopped and started again with its data. ``str()`` is its address without a database."""

    programs: Path
    data: Path
    log: Path
    port: int
    password: str = field(repr=False)
    _running: ExitStack = field(default_factory=ExitStack, repr=False)

    def __str__(self) -> str:
        return self.url("").removesuffix("/")

    def url(self, database: str, driver: str = "") -> str:
        """The address of a database, for SQLAlchemy with a ``driver`` such as ``psycopg`` or ``asyncpg``."""
        kind = f"postgresql+{driver}" if driver else "postgresql"
        return f"{kind}://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"

    def database(self, name: str, driver: str = "psycopg") -> str:
        """Make an empty database and return its address."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return self.url(name, driver)

    def start(self) -> None:
        """Start, and wait until it answers."""
        settings = {**SETTINGS, "port": str(self.port)}
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = self._running.enter_context(self.log.open("a"))
        self._running.enter_context(
            leashed(_unprivileged(command), folder=Path("/"), environment=os.environ, stdout=log.fileno())
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"PostgreSQL did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop at once: connections are closed, what was committed stays."""
        command = [str(self.programs / "pg_ctl"), "stop", "-D", str(self.data), "-m", "fast", "-s"]
        subprocess.run(_unprivileged(command), cwd="/", check=False, capture_output=True)
        self._running.close()

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A running server whose log lies in ``folder``; skips the test where no server is installed.

    The data lie in a folder of their own: another user's server could not enter one that only we can.
    """
    programs = _programs()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as home:
        if _is_root():
            shutil.chown(home, SERVICE)
        server = Postgres(programs, Path(home, "data"), folder / "postgres.log", _free_port(), secrets.token_hex(16))
        _initialise(server, Path(home, "password"))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _initialise(server: Postgres, password: Path) -> None:
    password.write_text(server.password)
    if _is_root():
        shutil.chown(password, SERVICE)
    command = [str(server.programs / "initdb"), "-D", str(server.data), "-U", ROLE, "--pwfile", str(password)]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    subprocess.run(_unprivileged(command), cwd="/", check=True, capture_output=True)


def _programs() -> Path:
    """The folder of the newest installed server's programs."""
    found = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    named = shutil.which("initdb")
    if not found and named is None:
        pytest.skip("needs a PostgreSQL server: install Debian's package postgresql")
    return found[-1].parent if found else Path(str(named)).resolve().parent


def _unprivileged(command: list[str]) -> list[str]:
    if not _is_root():
        return command
    return ["setpriv", f"--reuid={SERVICE}", f"--regid={SERVICE}", "--clear-groups", *command]


def _is_root() -> bool:
    return os.geteuid() == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
