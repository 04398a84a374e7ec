"""Anybody's table of scored candidates, a parquet or CSV file, as ``evaluation.scaling.pool`` reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefactor.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

CSV = (".csv", ".csv.gz")


@dataclass(frozen=True)
class Roles:
    """Which columns of the file are what; ``scores`` are all other columns of numbers where none is named."""

    user: str = "user"
    query: str = "query"
    candidate: str = "candidate"
    gold: str = "gold"
    scores: tuple[str, ...] = ()

    @property
    def own(self) -> Mapping[str, str]:
        """The file's column by what it is."""
        return {"user": self.user, "query": self.query, "candidate": self.candidate, "gold": self.gold}


@dataclass(frozen=True)
class Scores:
    """The table, its columns named by what they are, and the columns that were left out, with the reason."""

    table: "pd.DataFrame"
    left_out: Mapping[str, str]


def read_scores(path: Path, roles: Roles) -> Scores:
    """InputError, naming the file, for one that cannot be read and for columns that are not there or meant twice."""
    table = _read(path, roles)
    _check_roles(path, table, roles)
    others = [str(name) for name in table if name not in roles.own.values()]
    chosen = list(roles.scores) or [name for name in others if _is_number(table[name]) and not _is_beside(name)]
    traits = [name for name in others if name.startswith(_names()[1]) and name not in chosen]
    if not chosen:
        raise InputError(
            f"{path} has no column of scores: beside {[*roles.own.values()]} none of {others} is of numbers"
        )
    for name in (name for name in chosen if name in roles.own):
        raise InputError(f"{path}, column {name!r}: the name of a score would be that of the {name}s; rename it")
    kept = {name: table[column] for name, column in roles.own.items()} | {
        name: table[name] for name in [*chosen, *traits]
    }
    why = "not named by --score" if roles.scores else "its values are no numbers"
    left_out = {f"column {name}": why for name in others if name not in kept and not _is_beside(name)}
    return Scores(_frame(kept), left_out)


def _frame(columns: "Mapping[str, pd.Series]") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(dict(columns)).reset_index(drop=True)


def _read(path: Path, roles: Roles) -> "pd.DataFrame":
    import pandas as pd
    import pyarrow as pa

    try:
        if path.name.endswith(CSV):
            names = (roles.user, roles.query, roles.candidate)
            return pd.read_csv(path, converters=dict.fromkeys(names, str))  # "NA" may be a name
        found = pd.read_parquet(path)
        return found.reset_index() if any(name is not None for name in found.index.names) else found
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: name a parquet or CSV file of scored candidates") from error
    except (OSError, ValueError, pa.ArrowException) as error:  # pandas' own errors of CSV are ValueErrors
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} cannot be read as {_format(path)} ({why}): name a parquet or CSV file") from error


def _format(path: Path) -> str:
    return "CSV" if path.name.endswith(CSV) else "parquet"


def _check_roles(path: Path, table: "pd.DataFrame", roles: Roles) -> None:
    there = [*map(str, table.columns)]
    for what, name in (*roles.own.items(), *(("score", name) for name in roles.scores)):
        if name not in there:
            raise InputError(f"{path} has no column {name!r}: it has {there}; say with --{what} which is meant")
        if there.count(name) > 1:
            raise InputError(f"{path} has {there.count(name)} columns {name!r}: keep one")
    named = [*roles.own.values(), *roles.scores]
    for name in (name for name in named if named.count(name) > 1):
        raise InputError(f"{path}, column {name!r}: it is meant as two things at once; name each column once")


def _is_number(column: "pd.Series") -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def _is_beside(name: str) -> bool:
    return name.startswith(_names())


def _names() -> tuple[str, str]:
    """How columns begin that are no scores: standard deviations, and what is known of users."""
    from prefactor.evaluation.scaling.pool import STD, TRAIT

    return STD, TRAIT
