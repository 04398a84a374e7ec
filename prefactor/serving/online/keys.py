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
NONE_LEFT = "hold no key: make one with --make-key NAME"


class Keys:
    """Whose an API key is: ``hashes`` has the SHA-256 of each, by its owner's name."""

    def __init__(self, hashes: Mapping[str, bytes]) -> None:
        self._hashes = dict(hashes)

    @classmethod
    def read(cls, path: Path) -> "Keys":
        """From a file of lines ``name:sha256``. InputError if others can read it, or a line is none."""
        found, trouble = cls({}).renewed(path)
        if trouble is not None:
            raise InputError(told(path, trouble))
        return found

    def renewed(self, path: Path) -> tuple["Keys", str | None]:
        """The keys that hold from now on, and what is amiss with their file, in words that hold no path and no name.

        Of a file at fault those of these keys hold on whose lines are in it as they were, and nobody new is let in;
        of one that cannot be read, or has none, nobody's does.
        """
        lines, trouble = _lines(path)
        if trouble is not None:
            return Keys(dict(set(lines) & self._hashes.items())), trouble
        return Keys(dict(lines)), None if lines else NONE_LEFT

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
    lines, trouble = _lines(path) if path.exists() else ([], None)
    if trouble is not None:
        raise InputError(told(path, trouble))
    if name in dict(lines):
        raise InputError(f"{path} has a key for {name} already: delete its line first, or take another name")
    key = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    _append(path, f"{name}:{hashlib.sha256(key.encode()).hexdigest()}\n")
    return key


def told(path: Path, trouble: str) -> str:
    """What is amiss with a file of keys, for whoever runs the service."""
    return f"the keys {path} {trouble}"


def _lines(path: Path) -> tuple[list[tuple[str, bytes]], str | None]:
    """Names and hashes of the lines that are in order, and the first thing that is amiss."""
    try:
        with path.open("rb") as file:
            mode, text = os.fstat(file.fileno()).st_mode, file.read().decode("utf-8", "replace")
    except OSError as error:
        return [], f"cannot be read ({error.strerror}): make one with --make-key NAME"
    amiss = ["may be used by others than their owner: run `chmod 600` on the file"] if mode & OTHERS else []
    found: list[tuple[str, bytes]] = []
    names: set[str] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            entry = _entry(line)
            if entry is None:  # the line is not shown: it may be a key by mistake
                amiss.append(
                    f"are at fault, line {number} is not NAME:SHA256, 64 hex digits: make keys with --make-key"
                )
                continue
            if entry[0] in names:
                amiss.append(f"are at fault, line {number} has a name for the second time: delete one of its lines")
            found.append(entry)
            names.add(entry[0])
    return found, amiss[0] if amiss else None


def _entry(line: str) -> tuple[str, bytes] | None:
    name, _, value = line.strip().partition(":")
    return (name, bytes.fromhex(value)) if NAME.fullmatch(name) and HASH.fullmatch(value) else None


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
