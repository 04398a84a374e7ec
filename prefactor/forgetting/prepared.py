"""The prepared tables of a dataset, as they are and as DVC's cache has them, without some users."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefactor.errors import InputError
from prefactor.forgetting.belongings import without
from prefactor.forgetting.forgotten import counted
from prefactor.forgetting.removal import Removal
from prefactor.forgetting.traces import Traces
from prefactor.preferences import TEXTS, Preferences, TextBatches
from prefactor.reading import read_object

FIX = "run stage prepare"
NEEDED = ("pairs.parquet", "users.parquet", "texts.parquet", "source.json")
TABLES = (*NEEDED, "candidates.parquet", "prompts.parquet")


@dataclass(frozen=True)
class Share:
    """What some users have of the prepared tables: ``own`` are their traces, ``others()`` the ids that others need.

    ``removal`` is None where the tables do not know them.
    """

    own: Traces = field(default_factory=Traces)
    others: Callable[[], Traces] = Traces
    removal: Removal | None = None


def share_of(folder: Path, user_ids: Collection[str]) -> Share:
    """What some users have of the tables in a folder, and how it loses that; nothing of a folder that is not there.

    A linked folder is rewritten where it is.
    """
    files = {name: folder / name for name in TABLES if (folder / name).is_file()}
    if not is_prepared(files):
        return Share()
    preferences = read_prepared(files)
    here = _known(preferences, user_ids)
    if not here:
        return Share(others=lambda: _ids(preferences))
    left, own = without(preferences, here)
    what = f"{len(own.pairs):,} pairs, {len(own.texts):,} texts that nobody else judged"
    removal = Removal(folder, what, lambda: counted(left, len(here)).save(folder.resolve()))
    return Share(Traces.of(own), lambda: _ids(left), removal)


def former_share(files: Mapping[str, Path], user_ids: Collection[str]) -> Traces:
    """Traces of some users in an earlier version of prepared tables: file name -> where its content is."""
    preferences = read_prepared(files)
    here = _known(preferences, user_ids)
    return Traces.of(without(preferences, here)[1]) if here else Traces()


def is_prepared(names: Collection[str]) -> bool:
    """Are these the names of the files of a prepared dataset."""
    return set(NEEDED) <= set(names)


def read_prepared(files: Mapping[str, Path]) -> Preferences:
    """The tables in some files, by name; texts as batches, one a row group. Raises InputError for a broken file."""
    tables = {name: _table(files.get(f"{name}.parquet")) for name in ("pairs", "users", "candidates", "prompts")}
    source = read_object(files["source.json"], FIX)
    texts = TextBatches(lambda: _row_groups(files["texts.parquet"]))
    return Preferences(texts=texts, source=source, **tables)


def _known(preferences: Preferences, user_ids: Collection[str]) -> set[str]:
    """Those of some users whom the tables know."""
    columns = (preferences.users["user_id"], preferences.pairs["user_id"])
    return {name for name in user_ids if any(pc.index(column, name).as_py() >= 0 for column in columns)}


def _ids(preferences: Preferences) -> Traces:
    """Ids of groups, texts, prompts and conversations."""
    pairs, candidates, prompts = preferences.pairs, preferences.candidates, preferences.prompts
    texts = {*pairs["chosen"].unique().to_pylist(), *pairs["rejected"].unique().to_pylist()}
    groups = set(pairs["group_id"].unique().to_pylist())
    texts |= set() if candidates is None else set(candidates["text_id"].to_pylist())
    groups |= set() if candidates is None else set(candidates["group_id"].unique().to_pylist())
    turns = set() if prompts is None else set(prompts["prompt_id"].to_pylist())
    talk = set() if prompts is None else set(prompts["conversation_id"].to_pylist())
    return Traces(groups=frozenset(groups), conversations=frozenset(talk), hashes=frozenset(texts | turns))


def _table(path: Path | None) -> pa.Table | None:
    try:
        return None if path is None else pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read ({error}): {FIX}") from error


def _row_groups(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns=TEXTS.names)
