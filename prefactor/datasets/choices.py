"""Choices of people who were made up, as rows: who chose which response of a prompt's pool over which."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from prefactor.preferences import PAIRS, content_id

DECIMALS = 9  # scores that differ by less are equal, whatever the rounding of a machine's matrix product


@dataclass(frozen=True)
class Choices:
    """n choices: rows of the users and of the prompts, positions in the pool, and the score difference."""

    user: np.ndarray
    prompt: np.ndarray
    chosen: np.ndarray
    rejected: np.ndarray
    margin: np.ndarray

    def select(self, keep: np.ndarray) -> "Choices":
        return Choices(*(column[keep] for column in vars(self).values()))


@dataclass(frozen=True)
class Names:
    """What rows are called in the tables: users (U,), groups (P,) and texts (P * R,) of pools of R responses."""

    users: pa.StringArray
    groups: pa.StringArray
    texts: pa.StringArray
    responses: int

    def rows(self, choices: Choices) -> pa.RecordBatch:
        """The choices as rows of the table ``pairs``."""
        user = self.users.take(pa.array(choices.user))
        group = self.groups.take(pa.array(choices.prompt))
        chosen = self.texts.take(pa.array(choices.prompt * self.responses + choices.chosen))
        rejected = self.texts.take(pa.array(choices.prompt * self.responses + choices.rejected))
        parts = zip(user.to_pylist(), chosen.to_pylist(), rejected.to_pylist(), strict=True)
        pair_ids = pa.array([content_id(*row) for row in parts], pa.string())
        order = pa.nulls(len(pair_ids), pa.int64())
        margin = pa.array(choices.margin)
        return pa.RecordBatch.from_arrays([pair_ids, user, group, chosen, rejected, margin, order], schema=PAIRS)


def lists(rows: np.ndarray) -> pa.ListArray:
    """(n, m) as n lists of m numbers."""
    offsets = np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(rows.reshape(-1)))
