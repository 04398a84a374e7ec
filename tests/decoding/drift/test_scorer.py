"""Drift on users whose true attributes are known: it finds them, predicts by them, and does so for all at once."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from prefactor.decoding.drift import DriftParameters, DriftScorer
from prefactor.decoding.drift.weights import unit
from prefactor.errors import InputError
from prefactor.evaluation.generation.recovery import precision_at
from prefactor.parameters import build
from prefactor.preferences import PairBatch
from tests.decoding.drift.world import ATTRIBUTES, Language
from tests.worlds import without_users

USERS = 24
EVERY_FORM = pytest.mark.parametrize("form", ["closed", "logistic", "absolute"])


@pytest.fixture(scope="module")
def language() -> Language:
    return Language.of(300)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """Each user wants one attribute."""
    return np.eye(ATTRIBUTES)[np.arange(USERS) % ATTRIBUTES]


@pytest.fixture(scope="module")
def known(language: Language, truth: np.ndarray) -> PairBatch:
    return language.choices(truth, 30, seed=1)


@pytest.fixture(scope="module")
def asked(language: Language, truth: np.ndarray) -> PairBatch:
    return language.choices(truth, 40, seed=2)


def scorer_of(language: Language, **parameters: object) -> DriftScorer:
    chosen = build(DriftParameters, parameters, "drift")
    return DriftScorer(language.rewards(chosen.per), chosen)


@EVERY_FORM
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("per", ["response", "token"])
def test_the_true_attribute_is_found_and_predicts(
    language: Language, truth: np.ndarray, known: PairBatch, asked: PairBatch, form: str, scaled: bool, per: str
) -> None:
    scorer = scorer_of(language, form=form, scaled=scaled, per=per)
    tastes = scorer.tastes(known)
    assert precision_at(tastes.weights.numpy(), truth, 1).mean() > 0.9
    margin = scorer(known, asked)
    assert (margin.mean > 0).double().mean() > 0.8
    assert not margin.variance.any()


def test_what_is_unwanted_has_a_negative_weight(language: Language) -> None:
    against = language.choices(-np.eye(ATTRIBUTES), 30, seed=3)
    weights = scorer_of(language).tastes(against).weights
    assert torch.equal(weights.argmin(-1), torch.arange(ATTRIBUTES))
    assert (weights.amin(-1) < 0).all()


@EVERY_FORM
def test_a_user_alone_is_as_among_others(language: Language, known: PairBatch, asked: PairBatch, form: str) -> None:
    scorer = scorer_of(language, form=form)
    together = scorer(known, asked).mean
    for user in (0, 7, USERS - 1):
        mine = torch.tensor([user])
        alone = scorer(without_users(known, mine), without_users(asked, mine)).mean
        torch.testing.assert_close(alone, together[asked.segment == user])


@EVERY_FORM
def test_the_order_of_pairs_and_texts_does_not_matter(
    language: Language, known: PairBatch, asked: PairBatch, form: str
) -> None:
    scorer = scorer_of(language, form=form)
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(0))
    mixed = replace(known, chosen=known.chosen[order], rejected=known.rejected[order], segment=known.segment[order])
    torch.testing.assert_close(scorer(mixed.compact(), asked.compact()).mean, scorer(known, asked).mean)


@EVERY_FORM
def test_without_pairs_or_with_pairs_that_cancel_the_base_model_answers(
    language: Language, known: PairBatch, asked: PairBatch, form: str
) -> None:
    some = known.select(known.segment > 1)
    doubt = known.select(known.segment == 1)
    pairs = replace(
        some,
        chosen=torch.cat([some.chosen, doubt.chosen, doubt.rejected]),
        rejected=torch.cat([some.rejected, doubt.rejected, doubt.chosen]),
        segment=torch.cat([some.segment, doubt.segment, doubt.segment]),
    )
    scorer = scorer_of(language, form=form, scaled=True, attributes_kept=3, renormalised=True)
    tastes = scorer.tastes(pairs)
    assert tastes.personal.tolist() == [False, False] + [True] * (USERS - 2)
    assert not tastes.weights[:2].any()
    assert tastes.pairs[:3].tolist() == [0, 60, 30]
    margin = scorer(pairs, asked).mean
    assert not margin[asked.segment < 2].any()
    assert margin[asked.segment >= 2].all()


@EVERY_FORM
def test_nothing_known_of_anybody(language: Language, known: PairBatch, asked: PairBatch, form: str) -> None:
    nothing = known.select(torch.zeros(len(known), dtype=torch.bool))
    assert not scorer_of(language, form=form, scaled=True)(nothing, asked).mean.any()
    assert len(scorer_of(language, form=form)(known, asked.select(asked.segment < 0)).mean) == 0


@pytest.mark.parametrize("scaled", [False, True])
def test_keeping_all_attributes_changes_nothing_and_few_keep_their_weights(
    language: Language, known: PairBatch, asked: PairBatch, scaled: bool
) -> None:
    full = scorer_of(language, scaled=scaled)
    every = scorer_of(language, scaled=scaled, attributes_kept=ATTRIBUTES)
    torch.testing.assert_close(every(known, asked).mean, full(known, asked).mean)
    weights = full.tastes(known).weights
    torch.testing.assert_close(weights.norm(dim=-1), torch.ones(USERS, dtype=torch.float64))
    few = scorer_of(language, scaled=scaled, attributes_kept=2).tastes(known).weights
    kept = few != 0
    assert (kept.sum(-1) == 2).all()
    torch.testing.assert_close(few, weights * kept)
    again = scorer_of(language, scaled=scaled, attributes_kept=2, renormalised=True)
    torch.testing.assert_close(again.tastes(known).weights, unit(few))
    assert torch.equal(
        again(known, asked).mean > 0, scorer_of(language, scaled=scaled, attributes_kept=2)(known, asked).mean > 0
    )


def test_scaled_weights_are_of_rewards_as_they_are(language: Language, known: PairBatch, asked: PairBatch) -> None:
    units = np.geomspace(0.01, 100, ATTRIBUTES)
    other = DriftScorer(lambda texts: language.rewards()(texts) * units, DriftParameters(scaled=True))
    plain = scorer_of(language, scaled=True)
    assert (other(known, asked).mean > 0).equal(plain(known, asked).mean > 0)
    torch.testing.assert_close(unit(other.tastes(known).weights * torch.from_numpy(units)), plain.tastes(known).weights)


def test_each_texts_rewards_are_asked_for_once(language: Language, known: PairBatch, asked: PairBatch) -> None:
    calls = []

    def rewards(texts: np.ndarray) -> np.ndarray:
        calls.append(texts)
        return language.rewards()(texts)

    DriftScorer(rewards, DriftParameters())(known.compact(), asked.compact())
    used = torch.cat([known.chosen, known.rejected, asked.chosen, asked.rejected]).unique()
    assert len(calls) == 1
    assert calls[0].tolist() == used.tolist()


def test_the_chart_shows_the_means_of_all_attributes(language: Language, known: PairBatch) -> None:
    reward = torch.from_numpy(language.rewards()(np.arange(300)))
    bars = scorer_of(language, attributes_kept=1).tastes(known).preference
    mine = known.select(known.segment == 4)
    torch.testing.assert_close(bars[4], reward[mine.chosen].mean(0) - reward[mine.rejected].mean(0))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"attributes_kept": 0}, "attributes_kept must be at least 1, got 0"),
        ({"shrinkage": 0.0}, "shrinkage must be positive, got 0.0"),
        ({"form": "open"}, "drift.form"),
        ({"attribute_kept": 3}, "did you mean 'attributes_kept'"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build(DriftParameters, wrong, "drift")
