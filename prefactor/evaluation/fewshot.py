"""All that a trained method is judged on: seen users, unseen users, and unseen users with few reference pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from prefactor.cohorts import Cohort
from prefactor.evaluation.accuracy import adapted, compare_between, empty_margin, per_pair, per_user
from prefactor.evaluation.calibration import PLAIN, Forecast
from prefactor.evaluation.items import Kind, Outcomes
from prefactor.evaluation.recovery import RECOVERY, CandidatePool, recovered
from prefactor.evaluation.results import Judged
from prefactor.evaluation.uncertainty import BY_CONFIDENCE, Doubts, Scales, is_asked, make_pool, user_doubts
from prefactor.methods.base import Margin, RewardModel, same_tensors
from prefactor.preferences import PairBatch


def judge(
    models: Mapping[str, RewardModel],
    cohorts: Mapping[str, Cohort],
    shots: Sequence[int],
    candidates: CandidatePool | None = None,
    kind: Kind = "prompts",
    doubts: Sequence[int] = (),
    recovery: Sequence[int] = (),
) -> list[Judged]:
    """Score every seed's model on evaluation pairs, and what it doubts about unseen users; ``kind``: what users share.

    Seen users are known by all their training pairs, unseen users by all their reference pairs, and by the first n
    of them for every n in ``shots``. A user with fewer than n pairs counts with the pairs they have.

    ``doubts`` are the sizes n at which unseen users' uncertainties are asked for, beside all reference pairs; none if
    it is empty. With ``candidates``, of a world whose truth is known, rewards are also held against true utilities, of
    seen users, and of unseen users who are known by all their reference pairs and by n of ``recovery``.
    """
    judged: dict[tuple[str, int], Judged] = {}  # (role, number of known pairs): sets are nested, so equal ones coincide
    conditions: list[tuple[str, int | None]] = [("seen", None), ("unseen", None), *(("unseen", n) for n in shots)]
    pool, same = make_pool(cohorts["seen"]), _first_alike(models)
    found = []
    for role, limit in conditions:
        key = role, len(cohorts[role].known(limit))
        if key not in judged:
            asked = role == "unseen" and len(doubts) > 0 and limit in (None, *doubts)
            questions = Questions(
                doubts=Doubted(pool, cohorts["validation"]) if asked else None,
                candidates=candidates if limit in (None, *recovery) else None,
            )
            judged[key] = _judge(models, same, cohorts[role], limit, questions, kind)
        found.append(replace(judged[key], shots=limit))
    return found


def _first_alike(models: Mapping[str, RewardModel]) -> dict[str, str]:
    """Each seed and the first one whose model is the same: where nothing is drawn in training, one stands for all."""
    return {
        seed: next(first for first, other in models.items() if same_tensors(other, model))
        for seed, model in models.items()
    }


@dataclass(frozen=True)
class Doubted:
    """What doubts about unseen users need: a ``pool`` of pairs; ``validation`` users, for combinations' constants."""

    pool: PairBatch
    validation: Cohort


@dataclass(frozen=True)
class Questions:
    """What is asked beside evaluation pairs, each where it is not None: doubts; rewards against true utilities."""

    doubts: Doubted | None
    candidates: CandidatePool | None


@dataclass
class Answers:
    """One model's answers in one condition, filled in some users at a time: margins (N,), and (U,) by name."""

    margin: Margin
    doubts: list[Doubts] = field(default_factory=list)
    recovered: list[dict[str, Tensor]] = field(default_factory=list)


def _judge(
    models: Mapping[str, RewardModel],
    same: Mapping[str, str],
    cohort: Cohort,
    limit: int | None,
    questions: Questions,
    kind: Kind,
) -> Judged:
    """One condition, all seeds; ``same`` are the seeds whose answers stand for others'."""
    pairs = cohort.to_predict("evaluation")
    given = {
        seed: _answer(models[seed], cohort, "evaluation", limit, questions) for seed in dict.fromkeys(same.values())
    }
    found = {seed: given[first] for seed, first in same.items()}
    doubted = questions.doubts
    doubts = {seed: _doubts(models[seed], answers, pairs, limit, doubted) for seed, answers in given.items() if doubted}
    outcomes = Outcomes.by_metric(cohort, [per_pair(answers.margin) for answers in found.values()], kind)
    return Judged(
        cohort.role,
        limit,
        cohort.user_ids,
        figures={seed: per_user(answers.margin, pairs) for seed, answers in found.items()},
        forecasts={seed: Forecast.of(answers.margin, pairs) for seed, answers in found.items()},
        outcomes=outcomes,
        doubts={seed: doubts[first] for seed, first in same.items() if doubts},
        further={
            seed: {name: torch.cat([part[name] for part in answers.recovered]).numpy() for name in RECOVERY}
            for seed, answers in found.items()
            if answers.recovered
        },
        known=cohort.known(limit).pairs_per_user().numpy(),
    )


@torch.no_grad()
def _answer(model: RewardModel, cohort: Cohort, part: str, limit: int | None, questions: Questions) -> Answers:
    """Each user adapts once for the pairs to predict, the pool and candidates, and once in halves."""
    known, pairs = cohort.known(limit), cohort.to_predict(part)
    answers = Answers(empty_margin(pairs))
    for first, last, users in adapted(model, known):
        compare_between(model, users, pairs, first, last, answers.margin)
        if questions.doubts and is_asked(model):
            mine = known.users_between(first, last).compact()
            answers.doubts.append(user_doubts(model, users, mine, questions.doubts.pool))
        if questions.candidates:
            truth = questions.candidates.truth[cohort.role].between(first, last)
            answers.recovered.append(recovered(model, users, questions.candidates, truth))
    return answers


def _doubts(
    model: RewardModel, answers: Answers, pairs: PairBatch, limit: int | None, doubted: Doubted
) -> dict[str, np.ndarray]:
    """Every candidate (U,). Constants come from validation users who are known by as many pairs.

    Of a method that is not asked it is ``low_confidence`` alone, which costs nothing.
    """
    found = _simple(answers, pairs)
    if is_asked(model):
        held = doubted.validation.to_predict("validation")
        others = _answer(model, doubted.validation, "validation", limit, Questions(doubted, None))
        error = 1 - torch.from_numpy(per_user(others.margin, held).accuracy)
        found |= Scales.of(_simple(others, held), error).combined(found)
    return {name: values.numpy() for name, values in found.items()}


def _simple(answers: Answers, pairs: PairBatch) -> Doubts:
    """The candidates that others are made of, (U,) each."""
    confidence = Forecast.of(answers.margin, pairs).user_confidence(PLAIN)
    names = answers.doubts[0] if answers.doubts else ()
    found = {name: torch.cat([part[name] for part in answers.doubts]) for name in names}
    return {**found, BY_CONFIDENCE: 1 - torch.from_numpy(confidence)}
