"""The list of forgotten users, which stage prepare obeys: the input file is its owner's and still holds them.

``forgotten.json`` lies beside params.yaml, under version control; the studies share the project's. It keeps digests in
the place of ids. An id that can be guessed can be found in it by hashing guesses; the digest of a pseudonym cannot,
because that was made with a key.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from prefactor.atomic import write_json
from prefactor.errors import InputError
from prefactor.forgetting.belongings import without
from prefactor.parameters import build
from prefactor.preferences import Preferences, content_id
from prefactor.reading import read_json

FILE = "forgotten.json"
REASON = "forgotten_users"  # of what stage prepare drops
FIX = f"{FILE} is a list of forgotten users: restore it from version control, or forget them again"


def digest(user_id: str) -> str:
    """What the list keeps of a user: 32 hex digits of a hash of the id that the prepared tables have."""
    return content_id("forgotten", user_id)


@dataclass(frozen=True, order=True)
class Entry:
    """One forgotten user, by the digest of the id; of one ``dataset``, or of all where that is null."""

    digest: str
    dataset: str | None = None


@dataclass(frozen=True)
class Forgotten:
    """All entries of the list."""

    entries: frozenset[Entry] = frozenset()

    def holds(self, user_id: str, dataset: str | None) -> bool:
        """Is a user forgotten in a dataset; in all of them for None."""
        own = digest(user_id)
        return bool({Entry(own), Entry(own, dataset)} & self.entries)

    def among(self, user_ids: Iterable[str], dataset: str) -> list[str]:
        """Those users who are forgotten in a dataset."""
        digests = {entry.digest for entry in self.entries if entry.dataset in (None, dataset)}
        return [user_id for user_id in user_ids if digest(user_id) in digests] if digests else []

    def applied(self, preferences: Preferences, dataset: str) -> Preferences:
        """The preferences without forgotten users and what only they had; they are counted as dropped."""
        if not self.entries:
            return preferences
        columns = (preferences.users["user_id"], preferences.pairs["user_id"])
        lost = self.among({name for column in columns for name in column.unique().to_pylist()}, dataset)
        if not lost:
            return preferences
        left, _ = without(preferences, lost)
        return counted(left, len(lost))


def counted(preferences: Preferences, users: int) -> Preferences:
    """The same preferences, with so many more users counted as dropped because they are forgotten."""
    dropped = dict(preferences.source.get("dropped") or {})
    dropped[REASON] = dropped.get(REASON, 0) + users
    return replace(preferences, source={**preferences.source, "dropped": dropped})


def read_forgotten(root: Path) -> Forgotten:
    """The project's list; empty where there is no file. Raises InputError for one that is damaged."""
    path = root / FILE
    if not path.exists():
        return Forgotten()
    rows = read_json(path, FIX)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path} must hold a JSON list of objects: {FIX}")
    return Forgotten(frozenset(build(Entry, row, f"{path}: {number}") for number, row in enumerate(rows)))


def add(root: Path, user_ids: Iterable[str], dataset: str | None) -> Path:
    """Put users on the list of a project, or of the project that a study belongs to; returns the file."""
    entries = read_forgotten(root).entries | {Entry(digest(user_id), dataset) for user_id in user_ids}
    path = (root / FILE).resolve()  # a link stays a link
    rows = sorted(entries, key=lambda entry: (entry.dataset or "", entry.digest))
    write_json(path, [{"digest": entry.digest, "dataset": entry.dataset} for entry in rows])
    return path
