"""The statements on a user store's tables, within a transaction that somebody else opened."""

import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

import sqlalchemy as sa

from prefactor.serving.requests import ReferencePair
from prefactor.serving.users.database import Database
from prefactor.serving.users.tables import FORGOTTEN, PAIRS, STATES, STORE, USERS

LIFE_BITS = 62  # drawn: no two lives of a user coincide

# Statements are built once: building one takes longer than running it.
USER = sa.bindparam("user", type_=sa.Text)
SOME = sa.bindparam("users", expanding=True, type_=sa.Text)
LABEL = sa.bindparam("label", type_=sa.Text)
KEY = sa.bindparam("key", type_=sa.Text)
MOST = sa.bindparam("most", type_=sa.Integer)
AFTER = sa.bindparam("after", type_=sa.Text)

COVERED = sa.func.coalesce(STATES.c.covered, 0)
WITH_STATES = USERS.outerjoin(STATES, sa.and_(STATES.c.user == USERS.c.user, STATES.c.label == LABEL))
STANDING = sa.select(USERS.c.user, USERS.c.life, USERS.c.pairs, COVERED, STATES.c.state).select_from(WITH_STATES)
OF_USERS = STANDING.where(USERS.c.user.in_(SOME))
LACKING = STANDING.where(USERS.c.pairs > COVERED).order_by(USERS.c.user).limit(MOST)
LACKING_AFTER = LACKING.where(USERS.c.user > AFTER)
LACKING_AMONG = LACKING.where(USERS.c.user.in_(SOME))
LACKED = (
    sa.select(PAIRS.c.user, PAIRS.c.texts)
    .select_from(PAIRS.join(WITH_STATES, USERS.c.user == PAIRS.c.user))
    .where(PAIRS.c.user.in_(SOME), PAIRS.c.number > COVERED)
    .order_by(PAIRS.c.user, PAIRS.c.number)
    .limit(MOST)
)
ALL_PAIRS = sa.select(PAIRS.c.texts).where(PAIRS.c.user == USER).order_by(PAIRS.c.number)
UNDER_KEY = sa.select(PAIRS.c.texts).where(PAIRS.c.user == USER, PAIRS.c.key == KEY).order_by(PAIRS.c.number)
LOCK = sa.select(USERS.c.life, USERS.c.pairs).where(USERS.c.user == USER).with_for_update()
LOCK_SOME = sa.select(USERS.c.user, USERS.c.life).where(USERS.c.user.in_(SOME)).order_by(USERS.c.user).with_for_update()
COUNT = sa.update(USERS).where(USERS.c.user == sa.bindparam("of")).values(pairs=sa.bindparam("count"))
MARK = sa.select(
    sa.select(USERS.c.life).where(USERS.c.user == USER).scalar_subquery().label("life"),
    sa.select(USERS.c.pairs).where(USERS.c.user == USER).scalar_subquery().label("pairs"),
    sa.exists().where(FORGOTTEN.c.user == USER).label("forgotten"),
)
AMONG_FORGOTTEN = sa.select(FORGOTTEN.c.user).where(FORGOTTEN.c.user.in_(SOME))
DROP = sa.delete(STATES).where(STATES.c.user.in_(SOME), STATES.c.label == LABEL)
ERASE = [sa.delete(table).where(table.c.user == USER) for table in (PAIRS, STATES, USERS)]


@dataclass(frozen=True)
class Mark:
    """What tells whether anything of a user has changed: None in both places for one of whom nothing is stored."""

    life: int | None
    pairs: int | None
    forgotten: bool


@dataclass(frozen=True)
class Row:
    """One user: ``pairs`` stored, of which one model's ``state``, if there is one, covers the first ``covered``."""

    user: str
    life: int
    pairs: int
    covered: int
    state: bytes | None


@dataclass(frozen=True)
class State:
    """One model's state of a user in one ``life``, from the first ``covered`` pairs."""

    user: str
    life: int
    covered: int
    state: bytes


@dataclass(frozen=True)
class Behind:
    """A user whose state of a model lacks some pairs, with the first of those, in order."""

    row: Row
    pairs: Sequence[ReferencePair]

    @property
    def reached(self) -> int:
        """How many pairs the state covers with these."""
        return self.row.covered + len(self.pairs)


class Rows:
    """Reading and writing rows over one connection; users go by their digests."""

    def __init__(self, database: Database, connection: sa.Connection) -> None:
        self._database = database
        self._run = connection.execute

    def locked(self, user: str) -> tuple[int, int]:
        """A user's life and number of pairs, made if need be; who else wants to write of the user waits from now on."""
        new = {"user": user, "life": secrets.randbits(LIFE_BITS), "pairs": 0}
        while True:
            self._run(self._database.new(USERS), new)
            if found := self._run(LOCK, {"user": user}).one_or_none():  # None: it was forgotten in between
                return found.life, found.pairs

    def under_key(self, user: str, key: str) -> list[ReferencePair]:
        """A user's pairs that were stored under a key's digest."""
        return [_pair(row.texts) for row in self._run(UNDER_KEY, {"user": user, "key": key})]

    def mark(self, user: str) -> Mark:
        """How things stand with a user; read in a moment, however much is stored."""
        row = self._run(MARK, {"user": user}).one()
        return Mark(row.life, row.pairs, bool(row.forgotten))

    def pairs(self, user: str) -> list[ReferencePair]:
        """A user's pairs, in their order."""
        return [_pair(row.texts) for row in self._run(ALL_PAIRS, {"user": user})]

    def append(self, user: str, after: int, pairs: Sequence[ReferencePair], key: str | None) -> None:
        """A locked user's further pairs, numbered from ``after`` + 1."""
        same = {"user": user, "key": key, "padding": self._database.PADDING}
        rows = [{**same, "number": after + place, "texts": _texts(pair)} for place, pair in enumerate(pairs, 1)]
        self._run(sa.insert(PAIRS), rows)
        self._run(COUNT, {"of": user, "count": after + len(pairs)})

    def users(self, users: Collection[str], label: str) -> list[Row]:
        """Those users who are there, with their states of one model."""
        return [Row(*values) for values in self._run(OF_USERS, {"users": list(users), "label": label})]

    def behind(self, label: str, among: Collection[str] | None, after: str, most: int) -> list[Behind]:
        """Users, by digest, whose states of a model lack pairs, with ``most`` such pairs at most in all.

        Of some users ``among`` all, or of all ``after`` one.
        """
        lacking, which = (LACKING_AFTER, {"after": after}) if among is None else (LACKING_AMONG, {"users": list(among)})
        found = [Row(*values) for values in self._run(lacking, {**which, "label": label, "most": most})]
        rows = {row.user: row for row in found}
        pairs = self._run(LACKED, {"users": list(rows), "label": label, "most": most})
        grouped = groupby(pairs, key=lambda pair: pair.user)
        return [Behind(rows[user], [_pair(pair.texts) for pair in own]) for user, own in grouped]

    def put(self, label: str, states: Sequence[State]) -> None:
        """Write states of a model, but for users that were forgotten meanwhile and where one covers more already."""
        lives = {row.user: row.life for row in self._run(LOCK_SOME, {"users": [state.user for state in states]})}
        same = {"label": label, "padding": self._database.PADDING}
        rows = [
            {**same, "user": state.user, "covered": state.covered, "state": state.state}
            for state in states
            if lives.get(state.user) == state.life
        ]
        if rows:
            self._run(self._database.newer(STATES, "covered", "state"), rows)

    def drop(self, label: str, users: Collection[str]) -> None:
        """Delete users' states of a model."""
        self._run(DROP, {"users": list(users), "label": label})

    def forget(self, user: str) -> bool:
        """Delete all rows of a user, and note that it is forgotten; whether there were any."""
        _, pairs = self.locked(user)
        for statement in ERASE:
            self._run(statement, {"user": user})
        self._run(self._database.new(FORGOTTEN), {"user": user})
        return pairs > 0

    def forgotten(self, users: Collection[str]) -> set[str]:
        """Those users who were forgotten."""
        return {row.user for row in self._run(AMONG_FORGOTTEN, {"users": list(users)})}

    def turn_to(self, label: str) -> None:
        """Note that states are from now on those of another model."""
        self._run(sa.update(STORE).where(STORE.c.label != label).values(previous=STORE.c.label, label=label))

    def sweep(self, most: int) -> int:
        """Delete some states of models before the previous one; returns how many."""
        kept = self._run(sa.select(STORE.c.label, STORE.c.previous)).one()
        if not kept.previous:  # none has been noted: states of a model that still answers may be there
            return 0
        old = sa.select(STATES.c.user, STATES.c.label).where(STATES.c.label.not_in(list(kept))).limit(most)
        found = self._run(old).all()
        for label in {row.label for row in found}:
            self.drop(label, [row.user for row in found if row.label == label])
        return len(found)


def _texts(pair: ReferencePair) -> bytes:
    return json.dumps([pair.prompt, pair.chosen, pair.rejected], ensure_ascii=False).encode()


def _pair(texts: bytes) -> ReferencePair:
    prompt, chosen, rejected = json.loads(texts)
    return ReferencePair(prompt=prompt, chosen=chosen, rejected=rejected)
