"""Few shots drawn anew: how far accuracy on unseen users depends on which of their pairs are known (LoRe's Figure 2).

The few-shot curve (``evaluation.fewshot``) knows the first n pairs of a user in one fixed order. Here the n pairs are
drawn again and again, without replacement, from all that the user's references hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from prefactor.cohorts import Cohort
from prefactor.evaluation.accuracy import correct, margins, per_user
from prefactor.evaluation.intervals import over_users
from prefactor.evaluation.items import Kind, Outcomes, interval_columns
from prefactor.evaluation.results import ALL_SEEDS, in_schema
from prefactor.methods.base import RewardModel
from prefactor.preferences import PairBatch
from prefactor.seeds import generator
from prefactor.segments import places

OVER_DRAWS = "accuracy_over_draws"
COLUMNS = ["seed", "shots", "draw", "accuracy"]


@dataclass(frozen=True)
class Drawn:
    """One number of shots, R draws, S training seeds.

    accuracy  seed -> (R,) mean over users, one figure per draw; the draws are the same for every seed and method
    by_user   (U,) each user's accuracy, mean over draws and seeds; NaN for one without pairs to predict
    pairs     (U,) the pairs it was measured on
    outcomes  the same by pair, where it is known what a pair is about
    """

    shots: int
    accuracy: Mapping[str, np.ndarray]
    by_user: np.ndarray
    pairs: np.ndarray
    outcomes: Outcomes | None

    @property
    def by_draw(self) -> np.ndarray:
        """(R,) mean over seeds: what spreads over draws alone."""
        return np.mean([*self.accuracy.values()], axis=0)


def judge_draws(
    models: Mapping[str, RewardModel], cohort: Cohort, shots: Sequence[int], draws: int, kind: Kind = "prompts"
) -> list[Drawn]:
    """Adapt every seed's model ``draws`` times to ``shots`` pairs of each user; none for no draws.

    All users adapt in one batch per draw. Within a draw the sets are nested: each larger one contains the smaller. A
    user with fewer pairs counts with those they have.
    """
    return [_judge(models, cohort, size, draws, kind) for size in shots] if draws else []


def drawn_rank(known: PairBatch, draw: int) -> Tensor:
    """(N,) a pair's place in a random order of its user's pairs: 0 .. n - 1, a function of the draw's number."""
    order = torch.randperm(len(known), generator=generator(draw, "reference draws"))
    rank = torch.empty_like(order)
    rank[order] = places(known.segment[order], known.n_users)[0]
    return rank


def draw_rows(drawn: Sequence[Drawn], identity: Mapping[str, str]) -> pd.DataFrame:
    """Result rows, seed ``all``: the mean over draws with its intervals, and standard deviation, least and most of the
    draws (metrics ``accuracy_over_draws``, ``..._std``, ``..._min``, ``..._max``)."""
    rows = [{**identity, **row} for found in drawn for row in _rows(found)]
    return in_schema(pd.DataFrame(rows, columns=None if rows else ["dataset"]))


def draws_table(drawn: Sequence[Drawn]) -> pd.DataFrame:
    """Every draw's accuracy: columns seed, shots, draw, accuracy."""
    rows = [
        (seed, found.shots, draw, float(value))
        for found in drawn
        for seed, values in found.accuracy.items()
        for draw, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _judge(models: Mapping[str, RewardModel], cohort: Cohort, shots: int, draws: int, kind: Kind) -> Drawn:
    known, pairs = cohort.known(), cohort.to_predict("evaluation")
    sets = [known.select(drawn_rank(known, draw) < shots) for draw in range(draws)]
    found = {seed: [margins(model, reference, pairs) for reference in sets] for seed, model in models.items()}
    figures = {seed: np.stack([per_user(margin, pairs).accuracy for margin in row]) for seed, row in found.items()}
    right = [correct(margin.mean) for row in found.values() for margin in row]
    return Drawn(
        shots,
        {seed: np.nanmean(by_draw, axis=1) for seed, by_draw in figures.items()},
        np.mean([*figures.values()], axis=(0, 1)),
        pairs.pairs_per_user().numpy(),
        Outcomes.of(cohort, right, kind),
    )


def _rows(found: Drawn) -> list[dict[str, object]]:
    interval, spread = over_users(found.by_user), found.by_draw
    shared = {
        "split": "unseen",
        "shots": found.shots,
        "seed": ALL_SEEDS,
        "n_users": int((found.pairs > 0).sum()),
        "n_pairs": int(found.pairs.sum()),
    }
    values = {"std": spread.std(ddof=1), "min": spread.min(), "max": spread.max()}
    return [
        {**shared, "metric": OVER_DRAWS, **interval.columns(), **interval_columns([found.outcomes])},
        *({**shared, "metric": f"{OVER_DRAWS}_{name}", "value": float(value)} for name, value in values.items()),
    ]
