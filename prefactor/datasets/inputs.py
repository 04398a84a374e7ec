"""Files that a dataset is made from: found, readable, not empty, and known by their content."""

import codecs
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from prefactor.errors import InputError

Format = Literal["parquet", "jsonl", "csv"]
FORMATS: dict[str, Format] = {".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
BLOCK_BYTES = 1 << 23


@dataclass(frozen=True)
class InputFile:
    """A readable file that is not empty, whose text (where it is text) is valid UTF-8.

    ``sha256`` is of its bytes; ``quotes`` counts its quotation marks, 0 in a parquet file.
    """

    path: Path
    format: Format
    sha256: str
    quotes: int = 0


def find_inputs(path: Path) -> tuple[InputFile, ...]:
    """The data file at ``path``, or those directly in the folder ``path``, sorted by name.

    Raises InputError for a missing, unreadable, empty or unknown file, for a folder with none or with several
    formats, and for text that is not UTF-8, with its line and byte.
    """
    with refused_access(path):
        paths = _in_folder(path) if path.is_dir() else [path]
        formats = {_format(item) for item in paths}
        if len(formats) > 1:
            several = ", ".join(sorted(formats))
            raise InputError(f"{path} holds files of several formats ({several}): leave one format in it")
    return tuple(examine(item, _format(item)) for item in paths)


def combined_sha256(files: Sequence[InputFile]) -> str:
    """SHA-256 of the lines ``sha256  name`` of several files."""
    return hashlib.sha256("".join(f"{file.sha256}  {file.path.name}\n" for file in files).encode()).hexdigest()


@contextmanager
def refused_access(path: Path) -> Iterator[None]:
    """A context in which the system's refusals to open ``path`` become InputError."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path} does not exist: check the dataset's input in params.yaml") from error
    except PermissionError as error:
        raise InputError(f"no permission to read {path}: change its permissions or its owner") from error


def _in_folder(folder: Path) -> list[Path]:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise PermissionError(folder)
    visible = (item for item in folder.iterdir() if not item.name.startswith("."))
    found = sorted(item for item in visible if item.suffix.lower() in FORMATS)
    if not found:
        raise InputError(f"{folder} holds no data file: put {', '.join(FORMATS)} files of one format in it")
    return found


def _format(path: Path) -> Format:
    if path.suffix.lower() in FORMATS:
        return FORMATS[path.suffix.lower()]
    path.stat()
    raise InputError(f"{path} has the unknown suffix {path.suffix!r}: use one of {', '.join(FORMATS)}")


def examine(path: Path, format: Format) -> InputFile:
    """A file known to be of ``format``, whatever its suffix. InputError if it is missing, empty or not UTF-8."""
    with refused_access(path):
        if not os.access(path, os.R_OK) and path.exists():
            raise PermissionError(path)
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes): write it again")
        with path.open("rb") as handle:
            return _fingerprint(path, format, handle)


def _fingerprint(path: Path, format: Format, handle: BinaryIO) -> InputFile:
    digest, quotes = hashlib.sha256(), 0
    blocks = _blocks(handle) if format == "parquet" else _utf8_blocks(path, handle)
    for block in blocks:
        digest.update(block)
        quotes += block.count(b'"') if format != "parquet" else 0
    return InputFile(path, format, digest.hexdigest(), quotes)


def _blocks(handle: BinaryIO) -> Iterator[bytes]:
    while block := handle.read(BLOCK_BYTES):
        yield block


def _utf8_blocks(path: Path, handle: BinaryIO) -> Iterator[bytes]:
    """The file's blocks, each once it has been decoded; a character may straddle two of them."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, lines = 0, 1
    for block in _blocks(handle):
        carried = len(decoder.getstate()[0])
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            raise _not_utf8(path, block, error.start - carried, offset, lines) from None
        yield block
        offset, lines = offset + len(block), lines + block.count(b"\n")
    if left := decoder.getstate()[0]:
        raise _not_utf8(path, b"", -len(left), offset, lines)


def _not_utf8(path: Path, block: bytes, start: int, offset: int, lines: int) -> InputError:
    """``start`` is the bad byte's place in ``block``, negative if it came at the end of the one before."""
    line = lines + block[: max(start, 0)].count(b"\n")
    return InputError(f"{path}, line {line}: byte {offset + start} is not valid UTF-8: save the file as UTF-8")
