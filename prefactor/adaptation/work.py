"""The work of one job on disk: its plan, a copy of its model, and a file for each part that is done.

It lies beside the output, in ``.NAME.parts``, until all parts are there; so a job that was killed goes on where it was,
and whoever shares the disk may do any part of it.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.adaptation.job import Job
from prefactor.adaptation.parts import Part, parts_of
from prefactor.adaptation.places import ABOUT, LOCK, work_of
from prefactor.adaptation.sorting import sort_pairs
from prefactor.adaptation.source import Source
from prefactor.atomic import atomic_folder, write_json
from prefactor.errors import InputError
from prefactor.methods.storage import MODEL, WEIGHTS
from prefactor.progress import progress
from prefactor.reading import read_object

PLAN, MODEL_COPY, SORTED = "plan.json", "model", "sorted.parquet"


@dataclass(frozen=True)
class Work:
    """A job that was begun: ``folder`` holds what is done of it, ``pairs`` is what its parts are of.

    ``run`` tells one that goes on from the one before it.
    """

    job: Job
    folder: Path
    pairs: Path
    parts: tuple[Part, ...]
    run: str

    @property
    def model(self) -> Path:
        """A copy of the job's model: the one it was begun with."""
        return self.folder / MODEL_COPY

    @property
    def users(self) -> int:
        """Of all parts."""
        return sum(part.users for part in self.parts)

    def path(self, part: Part) -> Path:
        """Where what is found of a part's users goes."""
        return self.folder / part.name

    def left(self) -> list[Part]:
        """The parts that are to be done yet."""
        return [part for part in self.parts if not self.path(part).is_file()]

    def finish(self) -> dict[str, Any]:
        """Put the parts in their place, all at once, and clear the work away; what ``ABOUT`` says of them."""
        for part in self.parts:
            self._check(part)
        about = {
            "users": self.users,
            "pairs": self.parts[-1].last,
            "parts": len(self.parts),
            "state": self.job.state,
            "job": self.folder.name,
        }
        with atomic_folder(self.job.out) as scratch:
            for part in self.parts:
                _linked(self.path(part), scratch / part.name)  # they stay here until the output is whole
            write_json(scratch / ABOUT, about)
        shutil.rmtree(self.folder.parent)
        return about

    def _check(self, part: Part) -> None:
        """A part is written whole, but what lay about since may not be."""
        path = self.path(part)
        try:
            rows = pq.ParquetFile(path).metadata.num_rows
        except (OSError, pa.ArrowException) as error:
            path.unlink(missing_ok=True)
            raise InputError(f"{path} is damaged ({error}) and was removed: run it again, it goes on") from error
        if rows != part.users:
            path.unlink()
            raise InputError(f"{path} holds {rows} users, not {part.users}, and was removed: run it again, it goes on")


@contextmanager
def opened(job: Job, threads: int = 1) -> Iterator[Work]:
    """The job's work, begun or gone on with; nobody else does this output meanwhile.

    InputError for inputs at fault, for an output that is something else, and where another run has the work.
    """
    _check_output(job.out)
    job.check()
    place = work_of(job.out)
    with _alone(place, job.out):
        folder = place / job.digest()[:16]
        _remove_others(place, folder.name)
        yield _planned(job, folder, threads)


def _planned(job: Job, folder: Path, threads: int) -> Work:
    if not (folder / MODEL_COPY).is_dir():
        with atomic_folder(folder / MODEL_COPY) as scratch:
            for name in (MODEL, WEIGHTS):
                shutil.copyfile(job.model / name, scratch / name)
    pairs = folder / SORTED if job.sort else job.pairs
    if job.sort and not pairs.is_file():
        sort_pairs(Source.open(job.pairs).files, pairs, threads)
    if not (folder / PLAN).is_file():
        source = Source.open(pairs)
        with progress(
            "adapt-users: users looked through", sum(group.rows for group in source.groups), "pairs"
        ) as shown:
            parts = parts_of(source, job.rows_per_part, threads, shown.advance)
        write_json(folder / PLAN, {"parts": [asdict(part) for part in parts]})
    told = read_object(folder / PLAN, f"remove {folder.parent}")
    return Work(job, folder, pairs, tuple(Part(**part) for part in told["parts"]), secrets.token_hex(8))


def _linked(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:  # not every file system has links
        shutil.copyfile(path, target)


def _check_output(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / ABOUT).is_file()):
        raise InputError(f"{out} is there and is no adaptation of users: name a new folder")


def _remove_others(place: Path, name: str) -> None:
    """What earlier jobs of other inputs left half-done."""
    for path in place.iterdir():
        if path.is_dir() and path.name != name:
            shutil.rmtree(path)


@contextmanager
def _alone(place: Path, out: Path) -> Iterator[None]:
    """Hold the work folder's lock, which ends with its holder, however that ends."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = (place / LOCK).open("a")
    except OSError as error:
        raise InputError(f"cannot write beside {out} ({error.strerror}): name a folder you may write to") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another run adapts users into {out}: wait until it has ended, or cancel it") from None
        if not _lies_at(place / LOCK, lock):  # whoever had it has just finished and cleared everything away
            raise InputError(f"another run has just adapted users into {out}: run it again if that is meant")
        yield


def _lies_at(path: Path, file: IO[str]) -> bool:
    """Is it this very file; somebody else may have begun anew, with a file of theirs."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
