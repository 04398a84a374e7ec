"""What users truly want, as prepared tables keep it: one vector for all contexts, or one for each."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.judging.truth import read_tastes


def write_users(folder: Path, **columns: list) -> None:
    pq.write_table(pa.table({"user_id": ["a", "b"], **columns}), folder / "users.parquet")


def test_one_vector_holds_in_every_context(tmp_path: Path) -> None:
    write_users(tmp_path, utility=[[1.0, 2.0], [3.0, 4.0]])
    tastes = read_tastes(tmp_path, {"contexts": ["x", "y", "z"], "context_of": {"g": "z", "h": "x"}})
    np.testing.assert_array_equal(tastes.utilities["b"], [[3, 4]] * 3)
    assert tastes.context_of == {"g": 2, "h": 0}


def test_a_user_of_two_tastes_wants_their_mean(tmp_path: Path) -> None:
    """Rows are taste by taste, contexts within."""
    cells = [[[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 6.0]], [[1.0, 1.0], [2.0, 2.0]] * 2]
    write_users(tmp_path, utility=[[0.0, 0.0]] * 2, utilities=cells)
    tastes = read_tastes(tmp_path, {"contexts": ["x", "y"], "context_of": {}})
    np.testing.assert_array_equal(tastes.utilities["a"], [[2, 0], [0, 4]])
    np.testing.assert_array_equal(tastes.utilities["b"], [[1, 1], [2, 2]])


def test_a_source_without_contexts_has_one(tmp_path: Path) -> None:
    write_users(tmp_path, utility=[[1.0, 2.0], [3.0, 4.0]])
    tastes = read_tastes(tmp_path, {})
    assert tastes.utilities["a"].shape == (1, 2) and not tastes.context_of
