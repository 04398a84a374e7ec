"""The user store: users' pairs, and what models have made of them so far."""

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from prefactor.errors import InputError
from prefactor.preferences import SEPARATOR
from prefactor.serving.checking import HALF_CHARACTER
from prefactor.serving.requests import ReferencePair
from prefactor.serving.users.address import SQLITE, store_url
from prefactor.serving.users.database import Database
from prefactor.serving.users.faults import ReusedKeyError
from prefactor.serving.users.packing import packed, unpacked
from prefactor.serving.users.posteriors import Kept, Posteriors, joined, single
from prefactor.serving.users.postgresql import PostgreSQL
from prefactor.serving.users.rows import Behind, Mark, Row, Rows, State
from prefactor.serving.users.sqlite import SQLite

PATIENCE_SECONDS = 10.0
PAIRS_AT_ONCE = 512  # of many users that are re-encoded together: bounds the memory, and what a kill undoes
STATES_AT_ONCE = 256
DIGEST_DIGITS = 32

Names = Mapping[str, str]  # digests of users to ids, of those whom a model's training data may know


@dataclass(frozen=True)
class StoredUser:
    """What the store has of a user: the number of ``pairs``, and what a model ``kept`` of them, one row."""

    pairs: int
    kept: Kept


class UserStore:
    """Users of one or more models. Threads and processes may use one store at once; nothing they write is lost.

    A user's pairs are the truth, in the order in which they came; a state is what a model with some label has made of
    the first so many. All models' states of a user go by the same pairs, so a new model can be prepared beside the
    one that answers, and each takes up what it lacks.
    """

    def __init__(self, database: Database, begin: bool = True) -> None:
        self._database = database
        try:
            self._salt = database.found(begin)
        except BaseException:
            database.close()
            raise

    @classmethod
    def open(cls, url: str, patience: float = PATIENCE_SECONDS, begin: bool = True) -> Self:
        """Open the store at a file's path or a database's URL, or, if it may be, ``begin`` it there.

        Other writers are waited for up to ``patience`` seconds, here and later. Raises InputError for what is no
        store of this version, StoreUnavailableError if nothing answers.
        """
        checked = store_url(url)
        if checked.drivername == SQLITE:
            return cls(SQLite(Path(checked.database or ""), patience, begin), begin)
        return cls(PostgreSQL(checked, patience), begin)

    @property
    def name(self) -> str:
        """The file's path or the database's URL, without its password."""
        return self._database.name

    def close(self) -> None:
        """Let go of all connections."""
        self._database.close()

    def observe(
        self, user_id: str, pairs: Sequence[ReferencePair], posteriors: Posteriors, key: str | None = None
    ) -> bool:
        """Store a user's further pairs and move the posterior on by them, without reading the earlier ones.

        All or nothing. Under a ``key`` that was used for the same pairs of the user nothing changes: a call whose
        answer was lost can be repeated. Returns False then. Raises ReusedKeyError if the key was used for others.
        """
        _check(pairs)
        batch = posteriors.read([pairs])  # texts are embedded before anybody has to wait for it
        user, sealed = self._digest(user_id), None if key is None else self._digest(user_id, key)
        with self._writing() as rows:
            life, count = rows.locked(user)
            if sealed is not None and (before := rows.under_key(user, sealed)):
                if before != list(pairs):
                    raise ReusedKeyError("the key was used for other pairs of this user: take a new key for new pairs")
                return False
            rows.append(user, count, pairs, sealed)
            (row,) = rows.users([user], posteriors.label)
            kept = _kept(rows, row, posteriors, {user: user_id}) if row.covered == count else None
            if kept is not None:  # else the state lacks other pairs too, and takes up these with those
                moved = packed(posteriors.moved(kept, batch))
                rows.put(posteriors.label, [State(user, life, count + len(pairs), moved)])
        return True

    def states(self, user_ids: Collection[str], posteriors: Posteriors) -> dict[str, StoredUser]:
        """Those users whom the store has, as the model sees them; pairs that its states lack are taken up first."""
        names = {self._digest(user_id): user_id for user_id in user_ids}
        while True:
            with self._reading() as rows:
                users = rows.users(names, posteriors.label)
            whole = {user.user: _whole(user, posteriors) for user in users}
            behind = [user.user for user in users if whole[user.user] is None or user.covered < user.pairs]
            if not behind:
                return {names[user.user]: StoredUser(user.pairs, whole[user.user] or {}) for user in users}
            self._drop([user for user in users if whole[user.user] is None], posteriors)
            self._take_up(posteriors, names, among=behind)

    def mark(self, user_id: str) -> Mark:
        """What tells whether anything of a user has changed."""
        with self._reading() as rows:
            return rows.mark(self._digest(user_id))

    def pairs(self, user_id: str) -> list[ReferencePair]:
        """A user's pairs, in the order in which they came."""
        with self._reading() as rows:
            return rows.pairs(self._digest(user_id))

    def forget(self, user_id: str) -> bool:
        """Delete all that is stored of a user, for good; a digest of the id stays, so that no model knows the user.

        Returns whether anything was stored. If StoreUnavailableError says that rows are deleted but readers keep
        them in SQLite's log, the same call empties that later.
        """
        with self._writing() as rows:
            had = rows.forget(self._digest(user_id))
        self._database.erase()
        return had

    def forgotten(self, user_id: str) -> bool:
        """Whether a user was forgotten."""
        with self._reading() as rows:
            return bool(rows.forgotten([self._digest(user_id)]))

    def reencode(self, posteriors: Posteriors, done: Callable[[int], object]) -> int:
        """Make the states of a new model, of all users from their stored pairs: many at once, each text once a batch.

        ``done`` is told how many more users are up to date. Killed at any moment, the next call goes on with those who
        are not. Users who observe meanwhile lose nothing. One process does it, others wait. States of models before
        the previous one are deleted at the end. Returns the number of users brought up to date.
        """
        names = {self._digest(user_id): user_id for user_id in posteriors.known.row}
        users, after = 0, ""
        with self._database.one_at_a_time():
            with self._writing() as rows:
                rows.turn_to(posteriors.label)
            while batch := self._take_up(posteriors, names, after=after):
                whole = [behind.row.user for behind in batch if behind.reached == behind.row.pairs]
                after = max([after, *whole])  # the last of a batch may have pairs left, and comes again
                users += len(whole)
                done(len(whole))
            while self._sweep():
                pass
        return users

    def _take_up(
        self, posteriors: Posteriors, names: Names, among: Collection[str] | None = None, after: str = ""
    ) -> list[Behind]:
        """Move users' states on by the first pairs that they lack, a bounded number in all."""
        with self._reading() as rows:
            batch = rows.behind(posteriors.label, among, after, PAIRS_AT_ONCE)
            kept = [_kept(rows, behind.row, posteriors, names) for behind in batch]
        if damaged := [behind.row for behind, one in zip(batch, kept, strict=True) if one is None]:
            self._drop(damaged, posteriors)
            return self._take_up(posteriors, names, among, after)
        if batch:
            read = posteriors.read([behind.pairs for behind in batch])
            moved = posteriors.moved(joined([one for one in kept if one is not None]), read)
            with self._writing() as rows:
                rows.put(posteriors.label, [_state(behind, single(moved, row)) for row, behind in enumerate(batch)])
        return batch

    def _drop(self, users: Sequence[Row], posteriors: Posteriors) -> None:
        """Delete states that are damaged: they are made again from the pairs."""
        if damaged := [user.user for user in users if user.state is not None]:
            with self._writing() as rows:
                rows.drop(posteriors.label, damaged)

    def _sweep(self) -> int:
        with self._writing() as rows:
            return rows.sweep(STATES_AT_ONCE)

    def _digest(self, *names: str) -> str:
        message = SEPARATOR.join(names).encode(errors="surrogatepass")
        return hmac.new(self._salt, message, hashlib.sha256).hexdigest()[:DIGEST_DIGITS]

    @contextmanager
    def _reading(self) -> Iterator[Rows]:
        with self._database.reading() as connection:
            yield Rows(self._database, connection)

    @contextmanager
    def _writing(self) -> Iterator[Rows]:
        with self._database.writing() as connection:
            yield Rows(self._database, connection)


def _kept(rows: Rows, user: Row, posteriors: Posteriors, names: Names) -> Kept | None:
    """What is kept of the pairs that the user's state covers; None if the state is damaged."""
    if user.state is not None:
        return _whole(user, posteriors)
    name = names.get(user.user)
    known = name in posteriors.known.row and not rows.forgotten([user.user])
    return posteriors.start([name if known else None])


def _state(behind: Behind, kept: Kept) -> State:
    return State(behind.row.user, behind.row.life, behind.reached, packed(kept))


def _whole(user: Row, posteriors: Posteriors) -> Kept | None:
    """A user's state, if there is one and it is the model's."""
    kept = None if user.state is None else unpacked(user.state)
    return kept if kept is not None and posteriors.fit(kept) else None


def _check(pairs: Sequence[ReferencePair]) -> None:
    """Refuse what could not be kept. Values are not quoted: they are people's."""
    if not pairs:
        raise InputError("no pairs to store: give at least one")
    for row, pair in enumerate(pairs):
        for name, text in pair:
            if HALF_CHARACTER.search(text):
                raise InputError(
                    f"pairs[{row}].{name} is not valid Unicode, it holds half a surrogate pair: send whole characters"
                )
