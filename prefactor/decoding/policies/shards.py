"""Candidates of a split in one file: written shard by shard, resumed after a kill, whole or not at all."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.atomic import atomic_file, write_json
from prefactor.datasets.lamp.candidates import MADE, SCHEMA
from prefactor.datasets.lamp.person import Person
from prefactor.datasets.lamp.published import Published
from prefactor.errors import InputError
from prefactor.preferences import content_id
from prefactor.progress import progress
from prefactor.reading import read_object

IDENTITY, SHARD = "identity.json", "shard-{:05d}.parquet"
Write = Callable[[Sequence[Person]], pa.Table]
logger = logging.getLogger(__name__)


class Shards:
    """Finished shards beside the file that they will become, in a hidden folder.

    ``made`` is everything that decides what is written: shards of anything else are thrown away.
    """

    def __init__(self, output: Path, made: Mapping[str, Any]) -> None:
        self.output, self.made = output, json.loads(json.dumps(made))
        self.folder = output.with_name(f".{output.name}.shards")

    def is_done(self) -> bool:
        """Whether the file is there, made from the same."""
        if not self.output.is_file():
            return False
        try:
            found = (pq.read_schema(self.output).metadata or {}).get(MADE)
        except (OSError, pa.ArrowException):  # whatever it is, it is not this
            return False
        return found is not None and found.decode() == self._told()

    def fill(self, people: Iterator[Person], total: int, at_once: int, write: Write) -> None:
        """Write the shards that are missing, then the file; nothing is left of the shards."""
        self._open()
        with progress("policy candidates", total, "people") as shown:
            for number, mine in enumerate(iter(lambda: list(islice(people, at_once)), [])):
                path = self.folder / SHARD.format(number)
                if not path.is_file():
                    _save(write(mine), path)
                shown.advance(len(mine))
        self._join()
        shutil.rmtree(self.folder)

    def _open(self) -> None:
        identity = self.folder / IDENTITY
        if self.folder.is_dir() and not (identity.is_file() and read_object(identity) == self.made):
            logger.warning("%s was begun with other parameters or files: it begins anew", self.output)
            shutil.rmtree(self.folder)
        write_json(identity, self.made)
        if kept := len(list(self.folder.glob("shard-*.parquet"))):
            logger.warning("%d finished shards are kept", kept)

    def _join(self) -> None:
        schema = SCHEMA.with_metadata({MADE: self._told().encode()})
        rows = 0
        with atomic_file(self.output) as scratch:
            with pq.ParquetWriter(scratch, schema, compression="zstd") as writer:
                for path in sorted(self.folder.glob("shard-*.parquet")):
                    shard = _read(path)
                    writer.write_table(shard.cast(schema))
                    rows += len(shard)
            if not rows:
                raise InputError("no query fits the model: choose one that reads longer texts, or raise its max_tokens")

    def _told(self) -> str:
        return json.dumps(self.made, sort_keys=True)


def drawn(published: Published, count: int | None) -> frozenset[str] | None:
    """The ids of ``count`` people, the first by their hash; None for all. InputError if there are fewer."""
    if count is None:
        return None
    found = sorted((person.id for person in published.people()), key=lambda name: content_id("lamp", name))
    if count > len(found):
        raise InputError(f"people is {count}, but split {published.split!r} of {published.folder} has {len(found)}")
    return frozenset(found[:count])


def chosen_people(published: Published, ids: frozenset[str] | None) -> Iterator[Person]:
    """Those people in the files' order."""
    return (person for person in published.people() if ids is None or person.id in ids)


def _save(table: pa.Table, path: Path) -> None:
    with atomic_file(path) as scratch:
        pq.write_table(table, scratch, compression="zstd")


def _read(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, schema=SCHEMA)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} is not what was written there ({error}): delete {path.parent}") from error
