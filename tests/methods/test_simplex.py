"""Fitting the simplex weights of new users: all at once as one at a time, at the optimum, near the population."""

import pytest
import torch
from torch.nn import functional as F

from prefactor.errors import InputError
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.lore import LoRe, LoReParameters
from prefactor.methods.pal import PAL, PALParameters
from prefactor.methods.simplex import AdaptationParameters, SimplexReward
from prefactor.parameters import build
from prefactor.preferences import PairBatch
from tests.worlds import WIDTH, make_pairs, without_users

FORMS = ("lore", "distance", "angle")


def make_model(form: str, **adaptation: float) -> SimplexReward:
    shape, generator = Shape(WIDTH, 6), torch.Generator().manual_seed(0)
    fit = build(AdaptationParameters, adaptation, "test")
    if form == "lore":
        return LoRe(LoReParameters(BasisParameters("linear", 4), fit), shape, generator).eval()
    return PAL(PALParameters(BasisParameters("mlp", 3), 4, form, fit), shape, generator).eval()


def mean_nats(model: SimplexReward, logits: torch.Tensor, pairs: PairBatch) -> torch.Tensor:
    """(U,) a user's mean -log P(y+ preferred), by autograd-friendly plain means."""
    weight = model.on_bases(logits.softmax(-1))[pairs.segment]
    margin = (weight * model.basis_differences(pairs).detach()).sum(-1)
    return torch.stack([-F.logsigmoid(margin[pairs.segment == user]).mean() for user in range(pairs.n_users)])


@pytest.mark.parametrize("form", FORMS)
def test_five_hundred_steps_of_all_users_equal_those_of_each_alone(form: str) -> None:
    model, pairs = make_model(form, steps=500, learning_rate=0.05), make_pairs(40, 9)
    together = model.adapt(pairs)["weight"]
    for user in range(0, 40, 5):
        alone = model.adapt(without_users(pairs, torch.tensor([user])))["weight"][0]
        torch.testing.assert_close(alone, together[user], atol=1e-4, rtol=0)


def test_rounding_errors_stay_small_after_convergence() -> None:
    """Differences of 1e-7 in what is fitted stay there, also over the hundreds of steps after users have converged."""
    fit = AdaptationParameters(500, 0.1, 1.0)
    settings = PALParameters(BasisParameters("linear", 8), 32, "distance", fit)
    model = PAL(settings, Shape(WIDTH, 6), torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        difference = 4 * model.basis_differences(make_pairs(200, 9, responses=500)).view(200, 9, -1)
        noise = 1e-7 * torch.randn(difference.shape, generator=torch.Generator().manual_seed(1))
        real, start = torch.ones(200, 9, dtype=torch.bool), model.mean_logits
        before, after = (model._descend(each, real, start) for each in (difference, difference * (1 + noise)))
    torch.testing.assert_close(after.softmax(-1), before.softmax(-1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("form", FORMS)
def test_the_written_out_gradient_is_autograds(form: str) -> None:
    """The same optimiser on autograd's gradient of the sum of users' losses takes the same path."""
    model, pairs = make_model(form, steps=30, learning_rate=0.05, shrinkage=2.0), make_pairs(5, 6)
    prior = model.mean_logits
    logits = prior.repeat(5, 1).requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 30)
    for _ in range(30):
        optimiser.zero_grad()
        (mean_nats(model, logits, pairs) + 2.0 / 12 * (logits - prior).square().sum(-1)).sum().backward()
        optimiser.step()
        schedule.step()
    torch.testing.assert_close(model.fit_logits(pairs), logits.detach(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_a_new_users_weight_is_at_the_minimum_of_their_loss(form: str) -> None:
    """With shrinkage the loss has a minimum at finite logits: its gradient vanishes at the fit."""
    model, pairs = make_model(form, steps=4000, learning_rate=0.01, shrinkage=4.0), make_pairs(5, 6)
    logits = model.fit_logits(pairs).requires_grad_()
    distance = (logits - model.mean_logits).square().sum(-1)
    (mean_nats(model, logits, pairs) + 4.0 / 12 * distance).sum().backward()
    assert logits.grad is not None and logits.grad.abs().max() < 1e-3


@pytest.mark.parametrize("form", FORMS)
def test_fitting_raises_the_likelihood(form: str) -> None:
    model, pairs = make_model(form, steps=200), make_pairs(20, 9)
    uniform = mean_nats(model, torch.zeros(20, 4), pairs)
    assert (mean_nats(model, model.fit_logits(pairs), pairs) < uniform).all()


@pytest.mark.parametrize("form", FORMS)
def test_only_the_weight_of_a_new_user_is_fitted(form: str) -> None:
    model = make_model(form, steps=20)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.adapt(make_pairs(5, 6))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("form", FORMS)
def test_seen_users_keep_their_trained_weights(form: str) -> None:
    model, pairs = make_model(form), make_pairs(6, 4, seen=True)
    torch.testing.assert_close(model.adapt(pairs)["weight"], model.logits.detach().softmax(-1))


@pytest.mark.parametrize("form", FORMS)
def test_more_shrinkage_stays_closer_to_the_population(form: str) -> None:
    pairs = make_pairs(5, 6)
    distance = []
    for shrinkage in (0.01, 1.0, 100.0):
        model = make_model(form, shrinkage=shrinkage)
        population = model.mean_logits.softmax(-1)
        distance.append(float((model.adapt(pairs)["weight"] - population).norm()))
    assert distance[0] > distance[1] > distance[2]


def test_wrong_parameters_are_named() -> None:
    for values, message in [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
        ({"shrinkage": -1.0}, "shrinkage must not be negative, got -1.0"),
    ]:
        with pytest.raises(InputError, match=message):
            build(AdaptationParameters, values, "test")
