"""What users would answer to questions that nobody has put to them: where the worth of every response is known.

A made-up user's answer follows their true utility, as their labels do; one of a person who rated items follows the two
ratings. Prompts and items that users are judged on are no questions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from prefactor.evaluation.ceiling import Truth, read_truth
from prefactor.evaluation.compared import compared_candidates
from prefactor.evaluation.ratings_ceiling import Ratings


@dataclass(frozen=True)
class Answers:
    """N pairs over T responses, and what U users answer.

    text_ids       of the T responses
    first, second  (N,) rows of them
    prefers_first  (U, N)
    known          (U, N) False where nobody knows the answer
    ties           share of the answers that are a coin's, because both responses are worth the same to the user
    """

    text_ids: tuple[str, ...]
    first: Tensor
    second: Tensor
    prefers_first: Tensor
    known: Tensor
    ties: float

    @classmethod
    def of(
        cls, text_ids: Sequence[str], pairs: np.ndarray, worth: np.ndarray, flip_rate: np.ndarray, seed: int
    ) -> Self:
        """Of pairs (N, 2) of texts worth (U, T), NaN where unknown, to users who say the opposite at a rate (U,).

        An answer is drawn once: who is asked a question by whichever criterion gives the same.
        """
        generator = np.random.default_rng(seed)
        better = worth[:, pairs[:, 0]] - worth[:, pairs[:, 1]]  # (U,N)
        coin, flipped = generator.random((2, *better.shape)) < np.stack(
            [np.full_like(better, 0.5), np.zeros_like(better) + flip_rate[:, None]]
        )
        answer = np.where(better == 0, coin, (better > 0) ^ flipped)
        known = ~np.isnan(better)
        first, second = torch.from_numpy(pairs.T.astype(np.int64))
        ties = float((better == 0).sum() / max(known.sum(), 1))
        return cls(tuple(text_ids), first, second, torch.from_numpy(answer), torch.from_numpy(known), ties)


def find_answers(
    prepared: Path, split: Path, role: str, user_ids: Sequence[str], count: int, seed: int
) -> Answers | None:
    """At most ``count`` pairs, drawn, and what users of a role answer; None where nobody knows what texts are worth.

    Pairs are of two candidates of a prompt that no user is judged on, or of two items that no user of the role is.
    """
    truth = read_truth(prepared)
    if isinstance(truth, Truth):
        return _of_world(truth, prepared, split, user_ids, count, seed)
    return _of_ratings(truth, split, role, user_ids, count, seed) if isinstance(truth, Ratings) else None


def _of_world(truth: Truth, prepared: Path, split: Path, user_ids: Sequence[str], count: int, seed: int) -> Answers:
    judged = pq.read_table(split / "pairs.parquet", columns=["group_id"], filters=[("part", "=", "evaluation")])
    candidates = compared_candidates(prepared)
    candidates = candidates[~candidates["group_id"].isin(judged["group_id"].to_pylist())].sort_values(
        ["group_id", "text_id"]
    )
    groups = candidates.reset_index(drop=True).groupby("group_id").indices.values()
    pairs, texts = _drawn(
        np.concatenate([_all_pairs(rows) for rows in groups]), candidates["text_id"].to_numpy(), count, seed
    )
    return Answers.of(texts, pairs, truth.utilities_of(user_ids, texts), _flip_rates(prepared, user_ids), seed)


def _of_ratings(ratings: Ratings, split: Path, role: str, user_ids: Sequence[str], count: int, seed: int) -> Answers:
    columns = ["chosen", "rejected"]
    judged = pq.read_table(
        split / "pairs.parquet", columns=columns, filters=[("part", "=", "evaluation"), ("role", "=", role)]
    )
    held = {text for name in columns for text in judged[name].to_pylist()}
    names = np.array(sorted(ratings.columns.keys() - held), dtype=object)
    pairs, texts = _drawn(_all_pairs(np.arange(len(names))), names, count, seed)
    worth = ratings.of(user_ids).numpy()[:, [ratings.columns[text] for text in texts]]
    return Answers.of(texts, pairs, worth, np.zeros(len(worth)), seed)


def _all_pairs(rows: np.ndarray) -> np.ndarray:
    """(M, 2) every two of some rows, each once."""
    return np.array([*combinations(rows.tolist(), 2)], dtype=np.int64).reshape(-1, 2)


def _drawn(pairs: np.ndarray, names: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """At most ``count`` of all pairs, which of the two comes first by chance too, over the texts that are left."""
    generator = np.random.default_rng(seed)
    kept = generator.permuted(pairs[generator.permutation(len(pairs))[:count]], axis=1)
    used, rows = np.unique(kept, return_inverse=True)
    return rows.reshape(kept.shape), names[used].tolist()


def _flip_rates(prepared: Path, user_ids: Sequence[str]) -> np.ndarray:
    """(U,) how often each user's labels are the opposite of their taste."""
    users = pq.read_table(prepared / "users.parquet").to_pandas().set_index("user_id")
    return users["flip_rate"].loc[[*user_ids]].to_numpy() if "flip_rate" in users else np.zeros(len(user_ids))
