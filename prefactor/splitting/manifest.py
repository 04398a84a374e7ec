"""The manifest of a split: what was asked for, what came out, and checksums of both ends."""

import hashlib
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from prefactor.parameters import as_dict
from prefactor.splitting.layout import PARTS, ROLES
from prefactor.splitting.parameters import SplitParameters
from prefactor.splitting.units import PAIR_COLUMNS

UNITS = {
    "within-user": "a user's pairs connected by a group or a prompt",
    "global": "all users' pairs connected by a group or a prompt",
    "pairs": "the single pair",
    "items-within-user": "a user's pairs connected by a group or a prompt",
    "items-global": "a user's pairs connected by a group or a prompt",
}


def describe(connection: DuckDBPyConnection, prepared: Path, out: Path, parameters: SplitParameters) -> dict[str, Any]:
    """The manifest as JSON-ready dictionaries; ``out`` holds the files already written."""
    per_user = _per_user(connection)
    manifest = {
        "rule": parameters.leakage,
        "unit": UNITS[parameters.leakage],
        "seed": parameters.seed,
        "parameters": as_dict(parameters),
        "users": _users(connection),
        "pairs": _pairs(connection),
        "units": _units(connection),
        "per_user": per_user,
        "averages": _averages(per_user),
        "checksums": {
            "method": "written: sha256 of the file; input: md5 of each row, combined by xor (whatever the row order)",
            "written": {name: _sha256(out / name) for name in ("pairs.parquet", "users.parquet")},
            "input": _fingerprints(connection, prepared),
        },
    }
    if parameters.leakage == "global":
        manifest["pools"] = _pools(connection)
    return manifest


def _users(connection: DuckDBPyConnection) -> dict[str, int]:
    """Users by role; dropped: too few pairs; unused: enough pairs, but beyond the shares asked for."""
    by_role = dict(connection.execute("SELECT role, count(*) FROM roles GROUP BY role").fetchall())
    query = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM fit), (SELECT count(*) FROM roles)"
    total, fit, used = connection.execute(query).fetchone() or (0, 0, 0)
    roles = {role: by_role.get(role, 0) for role in ROLES}
    return {"total": total, **roles, "dropped": total - fit, "unused": fit - used}


def _pairs(connection: DuckDBPyConnection) -> dict[str, Any]:
    """Pairs by role and part; unused ones by the reason: their user was dropped, was not drawn, or had enough."""
    counted = connection.execute("SELECT role, part, count(*) FROM ranked GROUP BY ALL").fetchall()
    used = {(role, part): count for role, part, count in counted}
    total, dropped, idle = connection.execute(
        """SELECT count(*), count(*) FILTER (WHERE fit.user IS NULL),
        count(*) FILTER (WHERE fit.user IS NOT NULL AND roles.user IS NULL)
        FROM members LEFT JOIN fit USING (user) LEFT JOIN roles USING (user)"""
    ).fetchone() or (0, 0, 0)
    spare = total - dropped - idle - sum(used.values())
    by_role = {role: {part: used[role, part] for part in PARTS if (role, part) in used} for role in ROLES}
    return {"total": total, **by_role, "unused": {"dropped_users": dropped, "unused_users": idle, "spare": spare}}


def _units(connection: DuckDBPyConnection) -> dict[str, int]:
    """How many units a split could move, and the pairs of the largest."""
    query = "SELECT count(*), max(size) FROM (SELECT count(*) AS size FROM members GROUP BY unit)"
    count, largest = connection.execute(query).fetchone() or (0, 0)
    return {"total": count, "largest": largest}


def _pools(connection: DuckDBPyConnection) -> dict[str, dict[str, int]]:
    rows = connection.execute(
        """SELECT pool, count(*), sum(size)::BIGINT
        FROM prompt_queue JOIN pooled USING (unit) GROUP BY pool ORDER BY pool"""
    ).fetchall()
    return {pool: {"units": units, "pairs": pairs} for pool, units, pairs in rows}


def _per_user(connection: DuckDBPyConnection) -> dict[str, dict[str, dict[str, float]]]:
    """Pairs per user: mean, minimum, median and maximum by role and part, over all users of the role."""
    rows = connection.execute(
        """WITH parts AS (SELECT DISTINCT role, part FROM ranked),
        sizes AS (SELECT user, part, count(*) AS size FROM ranked GROUP BY ALL)
        SELECT role, part, avg(coalesce(size, 0)), min(coalesce(size, 0)), median(coalesce(size, 0)),
            max(coalesce(size, 0))
        FROM roles JOIN parts USING (role) LEFT JOIN sizes USING (user, part) GROUP BY ALL"""
    ).fetchall()
    found = {(role, part): figures for role, part, *figures in rows}
    return {
        role: {
            part: dict(zip(("mean", "min", "median", "max"), found[role, part], strict=True))
            for part in PARTS
            if (role, part) in found
        }
        for role in ROLES
    }


def _averages(per_user: dict[str, dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Average |C| and |D| per user, laid out like VRF's Table 3.

    In training, C and D are drawn from the training pairs per episode, so their sum is given. A seen user is
    evaluated with all training pairs as C.
    """

    def mean(role: str, part: str) -> float:
        return per_user[role].get(part, {}).get("mean", 0.0)

    return {
        "seen training": {"pairs": mean("seen", "train")},
        "seen evaluation": {"C": mean("seen", "train"), "D": mean("seen", "evaluation")},
        "validation": {"C": mean("validation", "reference"), "D": mean("validation", "validation")},
        "unseen": {"C": mean("unseen", "reference"), "D": mean("unseen", "evaluation")},
    }


def _fingerprints(connection: DuckDBPyConnection, prepared: Path) -> dict[str, dict[str, Any]]:
    """Rows and fingerprint of the input tables' content, whatever the order of their rows."""
    columns = {"pairs": PAIR_COLUMNS, "texts": ("text_id", "prompt"), "users": ("user_id",)}
    return {name: _fingerprint(connection, prepared / f"{name}.parquet", names) for name, names in columns.items()}


def _fingerprint(connection: DuckDBPyConnection, path: Path, columns: tuple[str, ...]) -> dict[str, Any]:
    row = f"concat_ws(chr(31), {', '.join(columns)})"
    query = f"SELECT count(*), printf('%016x', bit_xor(md5_number_lower({row}))) FROM read_parquet($path)"
    count, value = connection.execute(query, {"path": str(path)}).fetchone() or (0, "")
    return {"rows": count, "columns": list(columns), "fingerprint": value}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
