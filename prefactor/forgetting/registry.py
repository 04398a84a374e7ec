"""What MLflow's store below the project keeps of single users: packed models, and tables of a run's evaluation."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefactor.atomic import atomic_file
from prefactor.forgetting.removal import Removal, whole_file

STORE = Path("mlruns", "mlflow.db")
BY_USER = ("users.parquet", "outcomes.parquet")  # of a run's evaluation: a row per user, and per user's pair
LATEST = "SELECT name, version, source FROM model_versions WHERE source IS NOT NULL ORDER BY name, version"
ALIASES = "SELECT name, version, alias FROM registered_model_aliases"


@dataclass(frozen=True)
class Version:
    """A version of a registered model, the folder's name of its logged model, and the aliases that name it."""

    name: str
    number: int
    logged: str
    aliases: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} version {self.number}" + "".join(f" @{alias}" for alias in self.aliases)


def versions(root: Path) -> list[Version]:
    """All versions in the store below ``root``; none where there is no store, or one without a registry."""
    path = root / STORE
    if not path.is_file():
        return []
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        try:
            rows, named = database.execute(LATEST).fetchall(), database.execute(ALIASES).fetchall()
        except sqlite3.OperationalError:
            return []
    aliases: dict[tuple[str, int], list[str]] = defaultdict(list)
    for name, number, alias in named:
        aliases[name, int(number)].append(alias)
    return [
        Version(name, int(number), _logged(source), tuple(sorted(aliases[name, int(number)])))
        for name, number, source in rows
    ]


def _logged(source: str) -> str:
    """``m-...`` of a source like ``/store/artifacts/experiment/models/m-.../artifacts``; the source if it has none."""
    return next((part for part in Path(source).parts if part.startswith("m-")), source)


def in_evaluation(table: Path, user_ids: Collection[str]) -> list[Removal]:
    """How the tables of a run's evaluation, one of which ``table`` is, lose some users.

    Outcomes number users by their place among the others, so they go whole, and first.
    """
    users, outcomes = (table.with_name(name) for name in BY_USER)
    gone = [whole_file(outcomes)] if outcomes.exists() else []
    if not users.exists():
        return gone
    if not _has_ids(users):
        return [*gone, whole_file(users)]
    return [*gone, Removal(users, "the user's rows", lambda: _without(users, user_ids))]


def _has_ids(table: Path) -> bool:
    """False for a damaged table, too."""
    try:
        return "user_id" in pq.read_table(table).column_names
    except (OSError, pa.ArrowException):
        return False


def _without(table: Path, user_ids: Collection[str]) -> None:
    rows = pq.read_table(table)
    theirs = pc.is_in(rows["user_id"].cast(pa.string()), value_set=pa.array(sorted(user_ids), pa.string()))
    with atomic_file(table) as scratch:
        pq.write_table(rows.filter(pc.invert(theirs)), scratch)
