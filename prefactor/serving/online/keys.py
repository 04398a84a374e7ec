"""API keys: a file of names and hashes, so that who reads the file cannot call the service."""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from prefactor.errors import InputError

PREFIX = "pf_"
KEY_BYTES = 32
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
HASH = re.compile(r"[0-9a-f]{64}")
OTHERS = 0o077  # what group and others may do with a file


class Keys:
    """Whose an API key is: ``hashes`` has the SHA-256 of each, by its owner's name."""

    def __init__(self, hashes: Mapping[str, bytes]) -> None:
        self._hashes = dict(hashes)

    @classmethod
    def read(cls, path: Path) -> "Keys":
        """From a file of lines ``name:sha256``. InputError if others can read it, or a line is none."""
        hashes = _entries(path)
        if not hashes:
            raise InputError(f"{path} holds no key: make one with `prefactor serve --keys {path} --make-key NAME`")
        return cls(hashes)

    def owner(self, key: str) -> str | None:
        """The name that a key was made for; None if it is none of these. It takes as long for any key."""
        given, owner = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest(), None
        for name, known in self._hashes.items():
            if hmac.compare_digest(given, known):
                owner = name
        return owner


def make_key(path: Path, name: str) -> str:
    """Make a key for ``name`` and add its hash to the file, which is made if need be. The key is kept nowhere."""
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot name a key: use letters, digits and . _ - , at most 64")
    if path.exists() and name in _entries(path):
        raise InputError(f"{path} has a key for {name} already: delete its line first, or take another name")
    key = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    _append(path, f"{name}:{hashlib.sha256(key.encode()).hexdigest()}\n")
    return key


def _entries(path: Path) -> dict[str, bytes]:
    try:
        mode = path.stat().st_mode
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise InputError(f"the keys {path} cannot be read ({why}): make one with --make-key NAME") from error
    if mode & OTHERS:
        raise InputError(f"others than its owner may use {path}: run `chmod 600 {path}`")
    found: dict[str, bytes] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            name, value = _entry(f"{path}, line {number}", line)
            if name in found:
                raise InputError(f"{path}, line {number}: {name} has a key already: delete one of the lines")
            found[name] = value
    return found


def _entry(place: str, line: str) -> tuple[str, bytes]:
    name, _, value = line.strip().partition(":")
    if not (NAME.fullmatch(name) and HASH.fullmatch(value)):  # the line is not shown: it may be a key by mistake
        raise InputError(f"{place} is not NAME:SHA256, 64 hex digits: make keys with --make-key NAME")
    return name, bytes.fromhex(value)


def _append(path: Path, line: str) -> None:
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "r+", encoding="utf-8") as file:
            whole = file.read()
            file.write(line if not whole or whole.endswith("\n") else f"\n{line}")
            file.flush()
            os.fsync(handle)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror}): name a file in a folder you may write to") from error
