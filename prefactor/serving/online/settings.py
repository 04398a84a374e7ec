"""How the service treats its callers."""

from dataclasses import dataclass
from pathlib import Path

from prefactor.errors import InputError
from prefactor.serving.online.rates import parse_rate


@dataclass(frozen=True)
class Settings:
    """Limits and secrets of one service, the same for all of its processes.

    keys         the file of API keys; None: anybody may call, which is for this machine alone
    hosts        names that a request may address the service by; None: any. Without keys a page in a browser could
                 otherwise reach it under a name of its own
    body_bytes   of one request
    rate         requests a key may send, e.g. 600/minute; None: any number
    shared       the folder by which several processes count requests together; None: there is one process
    concurrent   requests that one process works on at once; more are refused
    texts        that may wait to be embedded, in one process
    seconds      that one request may take
    log_secret   what users' ids are hashed with in the log
    """

    keys: Path | None = None
    hosts: tuple[str, ...] | None = None
    body_bytes: int = 4_000_000
    rate: str | None = None
    shared: Path | None = None
    concurrent: int = 64
    texts: int = 1_024
    seconds: float = 30.0
    log_secret: bytes = b""

    def __post_init__(self) -> None:
        for name in ("body_bytes", "concurrent", "texts"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.seconds > 0:
            raise InputError(f"seconds must be positive, got {self.seconds}")
        if self.rate is not None:
            parse_rate(self.rate)
