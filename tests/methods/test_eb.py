"""EB: posteriors under the learnt population, in a basis and on states; what is known of one helps another."""

import pytest
import torch

from prefactor.errors import InputError
from prefactor.evaluation.accuracy import predict
from prefactor.methods import METHODS
from prefactor.methods.base import Shape
from prefactor.methods.eb import EB, EBStates
from prefactor.methods.logistic import log_posterior
from prefactor.methods.lr import LR, LRParameters
from prefactor.parameters import build
from tests.worlds import WIDTH, make_cohorts, make_pairs

FORMS = {
    "eb": {"first": {"basis": {"form": "linear", "bases": 4, "dropout": 0.2}, "common": True}},
    "eb_states": {},
}


def make_eb(name: str, users: int = 30, **population: object) -> EB | EBStates:
    kind = METHODS[name]
    settings = build(kind.Parameters, {**FORMS[name], "population": population}, "test")
    model = kind(settings, Shape(WIDTH, users), torch.Generator().manual_seed(0))
    assert isinstance(model, EB | EBStates)
    responses = make_pairs(1, 1).responses
    model.standardise(responses)
    if (first := model.first_step(torch.Generator().manual_seed(1))) is not None:
        first.standardise(responses)
        model.start_from(first)
    return model.eval()


def fitted(name: str, **population: object) -> EB | EBStates:
    model = make_eb(name, **population)
    with torch.no_grad():
        model.fit(make_pairs(30, 12, seen=True))
    return model


@pytest.mark.parametrize("name", FORMS)
def test_a_users_weight_is_at_the_mode_of_their_posterior(name: str) -> None:
    model, pairs = fitted(name), make_pairs(4, 7, seed=5)
    at = model.adapt(pairs)["mean"].requires_grad_()
    prior = model.population.mean.detach().expand(4, -1), torch.linalg.inv(model.population.covariance.detach())
    with torch.no_grad():
        observed = model.observed(pairs)
    log_posterior(observed, at, *prior).sum().backward()
    assert at.grad.abs().max() < 1e-3


@pytest.mark.parametrize("name", FORMS)
def test_without_spread_everyone_has_the_mean_reward(name: str) -> None:
    model, pairs = fitted(name), make_pairs(4, 7, seed=5)
    with torch.no_grad():
        model.population.covariance.copy_(1e-9 * torch.eye(len(model.population.mean)))
    margin = model.compare(model.adapt(pairs), pairs)
    reward = model.common(pairs.responses) + model.features(pairs.responses) @ model.population.mean
    torch.testing.assert_close(margin.mean, reward[pairs.chosen] - reward[pairs.rejected], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(margin.variance, torch.zeros_like(margin.variance), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", FORMS)
def test_without_pairs_the_population_answers(name: str) -> None:
    model, pairs = fitted(name), make_pairs(3, 4, seed=5)
    nobody = pairs.select(torch.zeros(len(pairs), dtype=torch.bool))
    margin = model.compare(model.adapt(nobody), pairs)
    features = model.features(pairs.responses)
    difference = features[pairs.chosen] - features[pairs.rejected]
    expected = torch.einsum("nd,de,ne->n", difference, model.population.covariance, difference)
    torch.testing.assert_close(margin.variance, expected, atol=1e-5, rtol=1e-3)


def test_other_users_teach_what_a_few_pairs_cannot() -> None:
    """Four tastes in twelve dimensions: after two pairs, a learnt covariance beats a round one."""
    cohorts = make_cohorts(120)
    eb, lr = make_eb("eb_states", 120, prior_users=5.0), LR(LRParameters(1.0), Shape(WIDTH, 120), torch.Generator())
    for model in (eb, lr.eval()):
        model.standardise(cohorts["seen"].pairs.responses)
        with torch.no_grad():
            model.fit(cohorts["seen"].known())
    found, alone = (predict(model, cohorts["unseen"], "evaluation", 2).accuracy.mean() for model in (eb, lr))
    assert found > alone + 0.03


def test_the_first_steps_own_user_weights_do_not_matter() -> None:
    model, other = make_eb("eb"), make_eb("eb")
    with torch.no_grad():
        other.first.user_weight.fill_(9.0)
    pairs = make_pairs(30, 12, seen=True)
    for one in (model, other):
        with torch.no_grad():
            one.fit(pairs)
    assert torch.equal(model.population.covariance, other.population.covariance)
    assert {name for name, value in model.named_parameters() if value.requires_grad} == {
        "population.mean",
        "population.covariance",
    }


def test_without_a_first_step_it_says_what_is_missing() -> None:
    model = EB(EB.Parameters(), Shape(WIDTH, 6), torch.Generator())
    with pytest.raises(InputError, match="needs a trained basis: give it a basis_training"):
        model.fit(make_pairs(6, 5, seen=True))
    assert make_eb("eb_states").first_step(torch.Generator()) is None
