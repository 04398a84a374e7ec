"""A packed model that lost a user is no longer what was published: its own hashes are told anew, and the registry's.

Only of files that were as published before: what somebody else changed stays refused.
"""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from prefactor.atomic import write_json
from prefactor.methods.storage import USER_IDS
from prefactor.reading import read_object
from prefactor.serving.package import DESCRIPTION, seal
from prefactor.serving.seal import digest, digests

TABLES = {"model_version_tags": ("key", "value"), "logged_model_tags": ("tag_key", "tag_value")}  # of MLflow's store
PATIENCE = 60.0  # seconds that somebody else may write in the store


def sealed(folder: Path) -> dict[str, str]:
    """File -> SHA-256 as a package's description has it; nothing for a folder that is no package."""
    if not (folder / DESCRIPTION).is_file():
        return {}
    return dict(read_object(folder / DESCRIPTION).get("files", {}))


def reseal(folder: Path, changed: Collection[str], user_ids: list[str], store: Path | None) -> None:
    """Tell the hashes of the files ``changed``, and that of the list of users as it is about to be written.

    The store first, then the description, of which the store has the hash: stopped in between, the same call does the
    rest. Nothing for a folder that is no package.
    """
    files = sealed(folder)
    if not files:
        return
    with TemporaryDirectory() as scratch:
        write_json(Path(scratch, USER_IDS), user_ids)
        files |= {name: digest(folder / name) for name in changed} | digests(Path(scratch))
        description = {**read_object(folder / DESCRIPTION), "files": files}
        write_json(Path(scratch, DESCRIPTION), description)
        if store is not None and store.is_file():
            _retag(store, seal(folder), seal(Path(scratch)))
    write_json(folder / DESCRIPTION, description)


def _retag(store: Path, before: str, after: str) -> None:
    from prefactor.tracking.contents import SEAL

    with closing(sqlite3.connect(store, timeout=PATIENCE)) as database, database:
        known = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
        for table, (key, value) in TABLES.items():
            if table in known:
                database.execute(
                    f"UPDATE {table} SET {value} = ? WHERE {key} = ? AND {value} = ?", (after, SEAL, before)
                )
