"""VPL: the published formulas recomputed one user at a time, annealing, the exact short-cuts."""

from dataclasses import replace

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from prefactor.errors import InputError
from prefactor.methods import vpl
from prefactor.methods.base import Shape
from prefactor.methods.vpl import VPL, VPLParameters
from prefactor.parameters import build
from prefactor.preferences import PairBatch
from tests.worlds import WIDTH, make_pairs

LATENT = 5


def make_vpl(**changes: object) -> VPL:
    settings = build(VPLParameters, {"latent": LATENT, "encoder_width": 7, "reward_width": 6, **changes}, "test")
    model = VPL(settings, Shape(WIDTH, 8), torch.Generator().manual_seed(0))
    model.standardise(make_pairs(1, 1).responses)
    with torch.no_grad():  # large enough that attention is uneven and some of the posterior is clamped
        for parameter in model.parameters():
            parameter.mul_(2.5)
    return model.eval()


def uneven(sizes: tuple[int, ...] = (1, 5, 3, 8, 0, 2)) -> PairBatch:
    """Users with different numbers of pairs, in mixed order."""
    pairs = make_pairs(len(sizes), max(sizes))
    kept = torch.arange(len(pairs)) % max(sizes) < torch.tensor(sizes)[pairs.segment]
    batch = pairs.select(kept)
    order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(2))
    return replace(
        batch, chosen=batch.chosen[order], rejected=batch.rejected[order], segment=batch.segment[order], reference=None
    )


def published_posterior(model: VPL, plus: torch.Tensor, minus: torch.Tensor) -> Normal:
    """q(z | C_u) of one user with states (n, H) and (n, H), from the formulas alone."""
    encoder, attention = model.encoder, model.attention
    hidden = F.leaky_relu(encoder.first(torch.cat([plus, minus], -1)), 0.2)
    codes = encoder.third(F.leaky_relu(encoder.second(hidden), 0.2))  # (n,D)
    query, key, value = attention.query(codes), attention.key(codes), attention.value(codes)
    rows = []
    for one in query:
        weight = torch.stack([one @ other / LATENT**0.5 for other in key]).softmax(0)
        rows.append((weight.unsqueeze(-1) * value).sum(0))
    context = torch.stack(rows).mean(0)
    log_variance = model.log_variance(context).clamp(-1, 1)
    return Normal(model.mean(context).clamp(-1, 1), log_variance.exp().sqrt())


def published_reward(model: VPL, states: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
    """r(h, z) of states (n, H) for one latent (D,)."""
    layers = [model.head.first, *model.head.middle, model.head.last]
    values = torch.cat([states, latent.expand(len(states), -1)], -1)
    for layer in layers[:-1]:
        values = F.leaky_relu(layer(values), 0.2)
    return layers[-1](values).squeeze(-1)


@pytest.mark.parametrize("layers", [2, 3])
def test_the_whole_forward_pass_as_published(layers: int) -> None:
    model, pairs = make_vpl(reward_layers=layers), uneven()
    users = model.adapt(pairs)
    margin = model.compare(users, pairs)
    states = model.scaler(pairs.responses.views["states"])
    clamped = 0
    for user in range(pairs.n_users):
        rows = (pairs.segment == user).nonzero().flatten()
        plus, minus = states[pairs.chosen[rows]], states[pairs.rejected[rows]]
        if not len(rows):  # the prior
            assert users["mean"][user].abs().max() == 0 and torch.equal(users["std"][user], torch.ones(LATENT))
            continue
        posterior = published_posterior(model, plus, minus)
        clamped += int((posterior.mean.abs() == 1).sum())
        torch.testing.assert_close(users["mean"][user], posterior.mean, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(users["std"][user], posterior.stddev, atol=1e-5, rtol=1e-4)
        expected = published_reward(model, plus, posterior.mean) - published_reward(model, minus, posterior.mean)
        torch.testing.assert_close(margin.mean[rows], expected, atol=1e-4, rtol=1e-4)
    assert 0 < clamped < LATENT * pairs.n_users  # both sides of the clamp were compared
    assert margin.variance.abs().max() == 0


def test_the_loss_as_published() -> None:
    """BT of the target pairs at a drawn z, and the divergence by torch.distributions, from each user's references."""
    model, pairs = make_vpl(regularisation=0.3, annealing_steps=0), make_pairs(4, 6, seen=True)
    batch = replace(pairs, reference=torch.arange(len(pairs)) % 6 < 4)
    noise = torch.randn(4, LATENT, generator=torch.Generator().manual_seed(7))
    states = model.scaler(pairs.responses.views["states"])
    nats, divergence = [], []
    for user in range(4):
        mine = torch.arange(6) + 6 * user
        known, asked = mine[:4], mine[4:]
        posterior = published_posterior(model, states[pairs.chosen[known]], states[pairs.rejected[known]])
        latent = posterior.mean + posterior.stddev * noise[user]
        plus, minus = (published_reward(model, states[side[asked]], latent) for side in (pairs.chosen, pairs.rejected))
        nats.extend(-torch.log(torch.sigmoid(plus - minus)))
        divergence.append(kl_divergence(posterior, Normal(torch.zeros(LATENT), torch.ones(LATENT))).sum())
    expected = torch.stack(nats).mean() + 0.3 * torch.stack(divergence).mean()
    torch.testing.assert_close(model.loss(batch, torch.Generator().manual_seed(7)), expected, atol=1e-5, rtol=1e-5)


def test_the_divergence_is_annealed_over_training_steps_only() -> None:
    model, pairs = make_vpl(regularisation=0.5, annealing_steps=4), make_pairs(4, 6, seen=True)
    model.loss(pairs, torch.Generator().manual_seed(0))
    assert int(model.steps) == 0  # evaluation takes no step
    model.train()
    weights = []
    for _ in range(6):
        model.loss(pairs, torch.Generator().manual_seed(0))
        weights.append(float(model.annealed()))
    assert weights == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5, 0.5])
    assert "steps" in model.state_dict()


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks bound memory: tiny ones give the same users and rewards."""
    model, pairs = make_vpl(), uneven((3, 1, 7, 7, 0, 6, 7))
    users = model.adapt(pairs)
    margin = model.compare(users, pairs)
    monkeypatch.setattr(vpl, "ROWS_PER_CHUNK", 4)
    monkeypatch.setattr(vpl, "ATTENTION_CELLS", 60)
    again = model.adapt(pairs)
    torch.testing.assert_close(again["mean"], users["mean"], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(model.compare(again, pairs).mean, margin.mean, atol=1e-5, rtol=1e-5)


def test_a_user_is_more_than_the_mean_of_pairs() -> None:
    """Attention lets pairs weigh each other: the posterior of two pairs together is not that of their codes' mean."""
    model, pairs = make_vpl(), make_pairs(1, 2)
    states = model.scaler(pairs.responses.views["states"])
    codes = model.encoder(states, pairs.chosen, pairs.rejected)
    context = model.attention(codes, pairs.segment, 1)
    assert (context - model.attention.value(codes.mean(0, keepdim=True))).abs().max() > 1e-4


def test_wrong_parameters_are_named() -> None:
    for values, message in [
        ({"latent": 0}, "latent must be at least 1"),
        ({"reward_layers": 1}, "reward_layers must be at least 2, got 1"),
        ({"regularisation": -1.0}, "regularisation must not be negative, got -1.0"),
        ({"annealing_steps": -1}, "annealing_steps must not be negative, got -1"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
    ]:
        with pytest.raises(InputError, match=message):
            build(VPLParameters, values, "test")
