"""The tables of a user store.

Users and keys of calls are kept as digests, salted, so that two stores do not tell whom they have in common; an id that
can be guessed can be found by hashing guesses. Nothing in the tables is a time: order is by number.
"""

import sqlalchemy as sa

VERSION = 1

METADATA = sa.MetaData()

STORE = sa.Table(  # one row
    "store",
    METADATA,
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("salt", sa.LargeBinary, nullable=False),  # of all digests
    sa.Column("label", sa.Text, nullable=False),  # of the model that states were last made for in bulk
    sa.Column("previous", sa.Text, nullable=False),  # and of the one before: a rollback finds its states
)

USERS = sa.Table(
    "users",
    METADATA,
    sa.Column("user", sa.Text, primary_key=True),
    # Drawn anew where a forgotten user comes again: work on the earlier pairs is told from work on the later ones.
    sa.Column("life", sa.BigInteger, nullable=False),
    sa.Column("pairs", sa.Integer, nullable=False),
)

PAIRS = sa.Table(
    "pairs",
    METADATA,
    sa.Column("user", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # from 1, without gaps
    sa.Column("key", sa.Text),
    sa.Column("padding", sa.LargeBinary),  # Database.PADDING
    sa.Column("texts", sa.LargeBinary, nullable=False),  # JSON: prompt, chosen, rejected
)
_key = PAIRS.c.key
sa.Index("pairs_by_key", PAIRS.c.user, _key, sqlite_where=_key.is_not(None), postgresql_where=_key.is_not(None))

STATES = sa.Table(  # one model's posterior of a user, from the first ``covered`` pairs
    "states",
    METADATA,
    sa.Column("user", sa.Text, primary_key=True),
    sa.Column("label", sa.Text, primary_key=True),
    sa.Column("covered", sa.Integer, nullable=False),
    sa.Column("padding", sa.LargeBinary),
    sa.Column("state", sa.LargeBinary, nullable=False),
)

FORGOTTEN = sa.Table("forgotten", METADATA, sa.Column("user", sa.Text, primary_key=True))
