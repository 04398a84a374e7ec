"""The oracle: how well the true preference vectors predict, with true scores and with scores read off the states.

Only a world whose truth is known has these rows. The first says what noise in the labels leaves; the second what a
backbone's states can give to any linear method: the gap to 100 % is the backbone's, the gap below it the method's.
Where people rated items instead, the oracle knows some of their true ratings (``evaluation.ratings_ceiling``).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from torch import Tensor

from prefactor.cohorts import Cohort, StateView, load_cohorts
from prefactor.errors import InputError
from prefactor.evaluation.accuracy import per_pair, per_user
from prefactor.evaluation.items import Outcomes
from prefactor.evaluation.ratings_ceiling import ONE_FIT, Ratings, ratings_rows, read_ratings
from prefactor.evaluation.results import Judged, in_schema, result_rows
from prefactor.judging.truth import read_tastes
from prefactor.methods.base import Margin

RIDGES = tuple(10.0**power for power in range(-1, 6))
TRUE, REGRESSED = "true scores", "regressed scores"


@dataclass(frozen=True)
class Truth:
    """What a synthetic source keeps: S scores per text, and each user's utility vector in each of C contexts.

    ``rows`` maps text_id -> row of ``table`` (T, S + 1), whose last column is the text's context; ``utilities`` maps
    user_id -> (C, S).
    """

    rows: Mapping[str, int]
    table: np.ndarray
    utilities: Mapping[str, np.ndarray]

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        """(N, S + 1) float32 scores and context by text id."""
        return self.table[[self.rows[text_id] for text_id in text_ids]]

    def tastes(self, user_ids: Sequence[str]) -> np.ndarray:
        """(U, C, S) utility vectors."""
        return np.stack([self.utilities[user] for user in user_ids])

    def utilities_of(self, user_ids: Sequence[str], text_ids: Sequence[str]) -> np.ndarray:
        """(U, N) float64 utilities of texts, each in its context."""
        known, tastes = self.gather(text_ids), self.tastes(user_ids)
        scores, context = known[:, :-1].astype(np.float64), known[:, -1].astype(int)
        found = np.empty((len(tastes), len(scores)))
        for number in np.unique(context):
            here = context == number
            found[:, here] = tastes[:, number] @ scores[here].T  # (U,S)@(S,n) -> (U,n)
        return found


def read_truth(prepared: Path) -> Truth | Ratings | None:
    """The truth of a prepared dataset, or the ratings of one of rated items, or None where nobody knows either."""
    source = json.loads((prepared / "source.json").read_text(encoding="utf-8"))
    if source.get("items"):
        return read_ratings(prepared)
    if not source.get("truth"):
        return None
    candidates = pq.read_table(prepared / "candidates.parquet")
    tastes = read_tastes(prepared, source)
    context = [tastes.context_of.get(group, 0) for group in candidates["group_id"].to_pylist()]
    scores = np.column_stack([candidates[scorer].to_numpy() for scorer in source["scorers"]])
    rows = {text_id: row for row, text_id in enumerate(candidates["text_id"].to_pylist())}
    table = np.column_stack([scores, context]).astype(np.float32)
    return Truth(rows, table, tastes.utilities)


def ceiling_rows(
    truth: Truth | Ratings | None, split: Path, states: StateView, identity: Mapping[str, str], shots: Sequence[int]
) -> pd.DataFrame:
    """Accuracy of the oracle on evaluation pairs; no rows without a truth.

    With a truth: seen and unseen users, in both variants. With ratings: unseen users, from each number of ratings in
    ``shots``, and from those of all reference items.
    """
    if truth is None:
        return in_schema(pd.DataFrame(columns=["dataset"]))
    if isinstance(truth, Ratings):
        return ratings_rows(truth, split, identity, shots)
    cohorts = load_cohorts(split, {"truth": truth, "states": states})
    regressed = _regress(cohorts["seen"], cohorts["validation"])
    frames = []
    for variant in (TRUE, REGRESSED):
        judged = [_judge(cohorts[role], truth, regressed if variant == REGRESSED else None) for role in _ROLES]
        rows = result_rows(judged, {**identity, "method": "oracle", "variant": variant, "setting": "", "run": ""})
        frames.append(rows[rows["metric"] == "accuracy"])  # an oracle's score has no scale, so no log loss
    return in_schema(pd.concat(frames, ignore_index=True))


_ROLES = ("seen", "unseen")


def _judge(cohort: Cohort, truth: Truth, regressed: "Ridge | None") -> Judged:
    pairs = cohort.to_predict("evaluation")
    known = pairs.responses.views["truth"]
    scores = known[:, :-1] if regressed is None else regressed.predict(pairs.responses.views["states"])
    utility = torch.from_numpy(truth.tastes(cohort.user_ids)).to(scores.dtype)  # (U,C,S)
    mine = utility[pairs.segment, known[pairs.chosen, -1].long()]  # (N,S)
    mean = ((scores[pairs.chosen] - scores[pairs.rejected]) * mine).sum(-1)  # (N,S),(N,S) -> (N,)
    margin = Margin(mean, torch.zeros_like(mean))
    outcomes = Outcomes.by_metric(cohort, [per_pair(margin)], "prompts")
    return Judged(cohort.role, None, cohort.user_ids, {ONE_FIT: per_user(margin, pairs)}, outcomes=outcomes)


@dataclass(frozen=True)
class Ridge:
    """Linear map from states to scores: (T, H) -> (T, S)."""

    mean: Tensor
    weight: Tensor
    intercept: Tensor

    def predict(self, states: Tensor) -> Tensor:
        """(T, H) -> (T, S)."""
        return (states - self.mean) @ self.weight + self.intercept  # (T,H)@(H,S)


def _regress(seen: Cohort, held_out: Cohort) -> Ridge:
    """Ridge regression on the training responses; its penalty is chosen on the responses of validation pairs: those of
    seen users, or where a split leaves them none those of held-out users."""
    validation = next((pairs for who in (seen, held_out) if len(pairs := who.to_predict("validation"))), None)
    if validation is None:
        raise InputError(
            "no user has a validation pair to choose the oracle's penalty by: raise split.pairs.validation or "
            "split.users.validation, and rerun stage split"
        )
    train, held = (pairs.compact().responses.views for pairs in (seen.known(), validation))
    fits = [_ridge(train["states"], train["truth"][:, :-1], penalty) for penalty in RIDGES]
    errors = [float((fit.predict(held["states"]) - held["truth"][:, :-1]).square().mean()) for fit in fits]
    return fits[int(np.argmin(errors))]


def _ridge(states: Tensor, scores: Tensor, penalty: float) -> Ridge:
    """Closed form, in float64; ``penalty`` is in units of the states' mean variance."""
    centred, target = states.double() - states.double().mean(0), scores.double() - scores.double().mean(0)
    gram = centred.T @ centred  # (H,T)@(T,H)
    scale = penalty * gram.diagonal().mean() / len(states)
    weight = torch.linalg.solve(gram + scale * torch.eye(len(gram), dtype=gram.dtype), centred.T @ target)
    return Ridge(states.mean(0), weight.to(states.dtype), scores.mean(0))
