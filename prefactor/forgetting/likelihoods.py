"""Log-probabilities of texts, rewritten without some: the others' stay as they are, so that none is computed twice."""

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefactor.atomic import atomic_file
from prefactor.forgetting.removal import Removal, whole_folder

PARTS = "part-*.parquet"


def in_likelihoods(folder: Path, text_ids: Collection[str]) -> Removal:
    """How a folder of parts loses the log-probabilities of some texts; one with a damaged part goes whole."""
    try:
        count = sum(pc.sum(_theirs(pq.read_table(part), text_ids)).as_py() or 0 for part in _parts(folder))
    except (OSError, KeyError, pa.ArrowException):
        return whole_folder(folder)
    return Removal(folder, f"{count:,} log-probabilities of texts", lambda: _rewrite(folder, text_ids))


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(PARTS))


def _theirs(rows: pa.Table, text_ids: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(rows["text_id"], value_set=pa.array(sorted(text_ids), pa.string()))


def _rewrite(folder: Path, text_ids: Collection[str]) -> None:
    """A part that has none left stays, empty: the next new one is named by how many there are."""
    for part in _parts(folder):
        rows = pq.read_table(part)
        lost = _theirs(rows, text_ids)
        if pc.any(lost).as_py():
            with atomic_file(part) as scratch:
                pq.write_table(rows.filter(pc.invert(lost)), scratch, compression="zstd")
