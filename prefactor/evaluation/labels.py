"""Names for the bases of a trained VRF: what each one's reward goes with.

Where responses have scores, the scores that it correlates with; elsewhere the words of the responses that the users
nearest to the basis prefer.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from torch import Tensor

from prefactor.preferences import PairBatch

LABELS = ["basis", "rank", "kind", "label", "value"]
SCORERS = 2  # names that a basis gets
WORDS = 4
NEAREST = 50  # users whose pairs speak for a basis
PRIOR_WORDS = 1_000.0  # strength of the prior: so many words that say nothing
LEAST_USERS = 5  # a word that fewer users met may give one of them away
WORD = r"[^\W\d_][\w'-]+"  # begins with a letter, has at least two characters


@dataclass(frozen=True)
class TextRows:
    """A view of responses that is their row in a table of texts: cohorts keep no text ids."""

    text_ids: pd.Index

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        """(N, 1) rows by text id."""
        return self.text_ids.get_indexer(pd.Index(text_ids))[:, None]


def read_scores(prepared: Path) -> pd.DataFrame | None:
    """``text_id``, ``group_id`` and a column per scorer, where the source knows its truth; None elsewhere."""
    source = json.loads((prepared / "source.json").read_text(encoding="utf-8"))
    if not (source.get("truth") and source.get("scorers")):
        return None
    columns = ["text_id", "group_id", *source["scorers"]]
    return pq.read_table(prepared / "candidates.parquet", columns=columns).to_pandas()


def scorer_labels(rewards: Tensor, scores: pd.DataFrame) -> pd.DataFrame:
    """The scorers whose scores each basis' reward (T, K) goes with: ``value`` is Spearman's correlation.

    Row t of ``rewards`` is of row t of ``scores``. Both are taken from their mean over the responses to one prompt
    first: a reward is defined up to a constant per prompt.
    """
    names = [name for name in scores.columns if name not in ("text_id", "group_id")]
    bases = pd.DataFrame(rewards.double().numpy(), index=scores.index)
    within = [table - table.groupby(scores["group_id"]).transform("mean") for table in (bases, scores[names])]
    ranks = [_standard(table.rank().to_numpy()) for table in within]
    correlation = ranks[0].T @ ranks[1]  # (K,T)@(T,S)
    order = np.argsort(-np.abs(correlation), axis=1, kind="stable")[:, :SCORERS]
    return _table("scorer", np.array(names)[order], np.take_along_axis(correlation, order, 1))


def word_labels(weight: Tensor, known: PairBatch, responses: pd.Series) -> pd.DataFrame:
    """The words that tell chosen from rejected responses of the users with the largest shares of each basis.

    ``weight`` (U, K) shares; ``known`` the users' pairs, with a view ``text`` that is each one's row in ``responses``.
    ``value`` is the z-score of the log odds under a Dirichlet prior made of all words (Monroe, Colaresi and Quinn
    2008, Eq. 22), where a response has a word or has not.
    """
    known = known.compact()
    vocabulary, found = _words(responses.iloc[known.responses.views["text"].flatten().numpy()])
    present = _present(found, len(vocabulary), len(known.responses))  # (V,T)
    chosen, rejected = (_counts(weight, known, rows, present) for rows in (known.chosen, known.rejected))  # (K,V) each
    everywhere = np.bincount(found["word"], minlength=len(vocabulary)).astype(float)
    common = _users_of(known, found, len(vocabulary)) >= LEAST_USERS
    score = log_odds(chosen[:, common], rejected[:, common], everywhere[common])
    order = np.argsort(-score, axis=1, kind="stable")[:, :WORDS]
    return _table("word", vocabulary[common][order], np.take_along_axis(score, order, 1))


def log_odds(chosen: np.ndarray, rejected: np.ndarray, everywhere: np.ndarray) -> np.ndarray:
    """Counts (K, V) of words on two sides, and overall (V,), to z-scores (K, V): positive where chosen have more."""
    prior = PRIOR_WORDS * everywhere / max(everywhere.sum(), 1.0)  # (V,)
    sides = [counts + prior for counts in (chosen, rejected)]
    odds = [np.log(side) - np.log(side.sum(1, keepdims=True) - side) for side in sides]
    return (odds[0] - odds[1]) / np.sqrt(1 / sides[0] + 1 / sides[1])


def _standard(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and length 1; a constant one stays 0: it correlates with nothing."""
    centred = values - values.mean(0)
    length = np.linalg.norm(centred, axis=0)
    return centred / np.where(length > 0, length, 1.0)


def _table(kind: str, labels: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """Labels (K, n) with their values (K, n), best first, as rows."""
    basis, rank = np.indices(labels.shape)
    columns = {"basis": basis.ravel(), "rank": rank.ravel(), "kind": kind}
    return pd.DataFrame({**columns, "label": labels.ravel(), "value": values.ravel()})[LABELS]


def _words(responses: pd.Series) -> tuple[np.ndarray, pd.DataFrame]:
    """The vocabulary (V,) of T responses; and which ``response`` has which ``word``, by number, each once."""
    words = responses.str.lower().str.findall(WORD).reset_index(drop=True).explode().dropna()
    code, vocabulary = pd.factorize(words, sort=True)
    found = pd.DataFrame({"response": words.index.to_numpy(dtype=np.int64), "word": code}).drop_duplicates()
    return np.asarray(vocabulary, dtype=object), found


def _present(found: pd.DataFrame, words: int, responses: int) -> Tensor:
    """(V, T) sparse, of ones: which word is in which response."""
    places = torch.from_numpy(found[["word", "response"]].to_numpy().T.copy())
    ones = torch.ones(len(found), dtype=torch.float64)
    return torch.sparse_coo_tensor(places, ones, (words, responses), check_invariants=True).coalesce()


def _users_of(pairs: PairBatch, found: pd.DataFrame, words: int) -> np.ndarray:
    """(V,) number of users who met each word on either side."""
    both = torch.cat([pairs.chosen, pairs.rejected]).numpy()
    met = pd.DataFrame({"user": pairs.segment.repeat(2).numpy(), "response": both}).drop_duplicates()
    each = met.merge(found, on="response")[["user", "word"]].drop_duplicates()
    return np.bincount(each["word"], minlength=words)


def _counts(weight: Tensor, pairs: PairBatch, rows: Tensor, present: Tensor) -> np.ndarray:
    """(K, V) how often each word stands on one side, ``rows`` (N,), of the pairs of each basis' nearest users."""
    nearest = weight.topk(min(NEAREST, len(weight)), dim=0).indices  # (n,K)
    among = torch.zeros_like(weight, dtype=torch.float64).scatter_(0, nearest, 1.0)  # (U,K)
    stands = among.new_zeros(present.shape[1], weight.shape[1]).index_add_(0, rows, among[pairs.segment])  # (T,K)
    return torch.sparse.mm(present, stands).T.numpy()  # (V,T)@(T,K)
