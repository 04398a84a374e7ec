"""What MLflow's store below the project keeps of single users: packed models, and tables of a run's evaluation."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

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


def beside(table: Path) -> list[Path]:
    """The tables of single users of the evaluation that ``table`` is of."""
    return [table.with_name(name) for name in BY_USER if table.with_name(name).exists()]
