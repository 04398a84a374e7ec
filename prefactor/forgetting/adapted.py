"""Weights of users who were adapted to in bulk: their tables without some of them, and what is half-done gone whole."""

import fcntl
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefactor import layout
from prefactor.adaptation.places import ABOUT, LOCK, is_work, work_of
from prefactor.atomic import atomic_file, write_json
from prefactor.errors import InputError
from prefactor.forgetting.removal import Removal, whole_folder
from prefactor.reading import read_object

COUNTED = ["user_id", "pairs"]


def in_adapted(root: Path, name: str, hits: Sequence[Path], user_ids: Collection[str]) -> Iterator[Removal]:
    """How the adaptations of a dataset lose some users who are in some files of it.

    Work that was begun goes whole: its pairs are others now. InputError while an adaptation is at it.
    """
    out = root / layout.adapted(name)
    own, here = {out, work_of(out)}, out.parent
    for lock in sorted(path for place in own for path in place.rglob(LOCK) if is_work(path.parent)):
        _check_idle(lock)
    below = [path for path in hits if own & set(path.parents)]
    works = dict.fromkeys(parent for path in below for parent in path.parents if _is_work(parent, here))
    yield from map(whole_folder, works)
    outputs = dict.fromkeys(path.parent for path in below if (path.parent / ABOUT).is_file())
    for folder in outputs:
        if not works.keys() & {folder, *folder.parents}:
            yield _in_output(folder, user_ids)


def _is_work(folder: Path, here: Path) -> bool:
    return is_work(folder) and here in folder.parents


def _check_idle(lock: Path) -> None:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"users are being adapted to in {lock.parent}: wait for its end, then forget") from None


def _in_output(folder: Path, user_ids: Collection[str]) -> Removal:
    """One with a table that is damaged goes whole."""
    try:
        for part in _parts(folder):
            _left(part, user_ids)
    except (OSError, pa.ArrowException):
        return whole_folder(folder)
    return Removal(folder, "the user's rows", lambda: _rewrite(folder, user_ids))


def _rewrite(folder: Path, user_ids: Collection[str]) -> None:
    """The counts first: as long as a table has the users' rows, a killed rewriting is found and gone on with."""
    parts = _parts(folder)
    left = [_left(part, user_ids) for part in parts]
    users, pairs = (sum(count[side] for count in left) for side in (0, 1))
    write_json(folder / ABOUT, {**read_object(folder / ABOUT), "users": users, "pairs": pairs})
    for part, (count, _) in zip(parts, left, strict=True):
        if count < pq.read_metadata(part).num_rows:
            _cut(part, user_ids)


def _cut(part: Path, user_ids: Collection[str]) -> None:
    """A group of rows after the other, each as it was written."""
    from prefactor.adaptation.told import writer

    with pq.ParquetFile(part) as file, atomic_file(part) as scratch, writer(scratch, file.schema_arrow) as out:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group)
            if len(others := rows.filter(_others(rows, user_ids))):
                out.write_table(others)


def _left(part: Path, user_ids: Collection[str]) -> tuple[int, int]:
    """How many users, and pairs of theirs, a table has without some users."""
    users = pairs = 0
    with pq.ParquetFile(part) as file:
        for batch in file.iter_batches(columns=COUNTED):
            others = batch.filter(_others(batch, user_ids))
            users += len(others)
            pairs += pc.sum(others["pairs"]).as_py() or 0
    return users, pairs


def _others(rows: pa.Table | pa.RecordBatch, user_ids: Collection[str]) -> pa.Array:
    return pc.invert(pc.is_in(rows["user_id"], value_set=pa.array(sorted(user_ids), pa.string())))


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))
