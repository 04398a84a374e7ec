"""Ref: its reward is what the language model says, as published or scaled, and its order never learnt."""

import pytest
import torch
from torch.nn import functional as F

from prefactor.evaluation.accuracy import margins, per_user
from prefactor.methods.base import Shape
from prefactor.methods.impersonal import PRECISION
from prefactor.methods.ref import Ref, RefParameters
from prefactor.preferences import PairBatch, Responses

TOKENS = torch.tensor([4, 1, 10, 0])
NATS = torch.tensor([-6.0, -2.0, -9.0, 0.0])


def responses() -> Responses:
    return Responses({"likelihood": torch.stack([NATS, TOKENS], 1)}, torch.arange(4))


def choices(likelier_wins: float, pairs: int = 100) -> PairBatch:
    """Comparisons of the first and the third response, of which the third is likelier by token."""
    first = torch.arange(pairs) < likelier_wins * pairs
    nobody = torch.zeros(pairs, dtype=torch.long)
    return PairBatch(responses(), torch.where(first, 2, 0), torch.where(first, 0, 2), nobody, nobody[:1])


def made(**settings: object) -> Ref:
    return Ref(RefParameters(**settings), Shape(2, 1), torch.Generator())  # type: ignore[arg-type]


def test_the_reward_is_the_mean_over_tokens_or_their_sum() -> None:
    assert made().score(responses()).tolist() == pytest.approx([-1.5, -2.0, -0.9, 0.0])
    assert made(per="response").score(responses()).tolist() == NATS.tolist()


def test_as_published_nothing_is_learnt() -> None:
    model = made()
    model.fit(choices(0.9))
    assert model.scale.item() == 1 and not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("per", ["token", "response"])
def test_the_scale_is_at_the_optimum_and_changes_no_choice(per: str) -> None:
    pairs, model, plain = choices(0.7 if per == "token" else 0.3), made(per=per, scaled=True), made(per=per)
    model.fit(pairs)
    scale, nats = model.scale.detach().double().requires_grad_(), plain.score(pairs.responses).double()
    loss = -F.logsigmoid(scale * (nats[pairs.chosen] - nats[pairs.rejected])).sum() + PRECISION / 2 * scale**2
    loss.backward()
    assert scale > 0.1 and abs(float(scale.grad)) < 1e-3
    accuracy = [per_user(margins(kind, pairs, pairs), pairs).accuracy.tolist() for kind in (model, plain)]
    assert accuracy[0] == accuracy[1] == pytest.approx([0.7])


def test_the_likelier_response_wins_even_where_it_should_lose() -> None:
    pairs, model = choices(0.2), made(scaled=True)
    model.fit(pairs)
    assert model.scale.item() == pytest.approx(Ref.smallest_scale)
    assert per_user(margins(model, pairs, pairs), pairs).accuracy.tolist() == pytest.approx([0.2])
