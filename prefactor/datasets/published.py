"""Published files: a local folder of them or, where a Hugging Face id is named, the hub's copy of the same files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefactor.datasets.inputs import Format, InputFile, examine, refused_access
from prefactor.errors import InputError

MARK = ".sample.json"  # lies beside files that are not the published ones but samples of their schema


def is_sample(folder: Path) -> bool:
    """Are the files of a folder a sample, and not what was published?"""
    return (folder / MARK).exists()


def published_folder(input: Path, hub: str | None, revision: str | None, patterns: Sequence[str]) -> Path:
    """``input`` itself, or the folder of the hub's dataset ``hub`` with the files that match ``patterns``.

    Only a named id may reach the network, and only where the hub's cache lacks the files. Raises InputError.
    """
    if hub is None:
        if revision is not None:
            raise InputError(f"revision is {revision!r}, but no hub is named: name one, or leave revision out")
        return _existing(input)
    import huggingface_hub

    try:
        return Path(
            huggingface_hub.snapshot_download(
                hub, repo_type="dataset", revision=revision, allow_patterns=list(patterns)
            )
        )
    except Exception as error:  # its HTTP library's errors come through, and that library has changed before
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        fix = "check the id and the connection, or set hub to null and input to a folder of its files"
        raise InputError(f"dataset {hub!r} is not available from Hugging Face ({reason}): {fix}") from error


def find_published(folder: Path, suffixes: Mapping[str, Format], wanted: str) -> list[InputFile]:
    """The files in ``folder``, at any depth, that end in one of ``suffixes``, all of one format, sorted by their path.

    ``wanted`` says in words what the folder should hold. Raises InputError where it holds none, or several formats.
    """
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in suffixes and _visible(path, folder)]
    if not found:
        raise InputError(f"{folder} holds no {' or '.join(suffixes)} file: put {wanted} in it")
    formats = {suffixes[path.suffix.lower()] for path in found}
    if len(formats) > 1:
        raise InputError(f"{folder} holds files of several formats ({', '.join(sorted(formats))}): leave one in it")
    return [examine(path, suffixes[path.suffix.lower()]) for path in found]


def named_file(folder: Path, name: str, format: Format) -> InputFile:
    """One file of a folder by its published name; InputError says what the folder has instead."""
    path = folder / name
    if not path.is_file():
        there = ", ".join(sorted(item.name for item in folder.iterdir())) or "nothing"
        raise InputError(f"{folder} has no file {name}, but {there}: put the published file there")
    return examine(path, format)


def refuse_repeated(path: Path, header: Sequence[str], columns: Sequence[str]) -> None:
    """Raise InputError where the file at ``path`` with these column names has one of ``columns`` more than once."""
    for name in columns:
        if header.count(name) > 1:
            raise InputError(f"{path} has {header.count(name)} columns named {name!r}: keep one")


def described_parts(files: Sequence[InputFile], rows: Sequence[int], folder: Path) -> list[dict[str, Any]]:
    """What source.json says of every file: where it is in ``folder``, its checksum and how many rows it has."""
    return [
        {"file": file.path.relative_to(folder).as_posix(), "sha256": file.sha256, "rows": count}
        for file, count in zip(files, rows, strict=True)
    ]


def _existing(folder: Path) -> Path:
    with refused_access(folder):
        if not folder.is_dir():
            folder.stat()
            raise InputError(f"{folder} is a file: name the folder that holds the published files")
    return folder


def _visible(path: Path, folder: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
