"""The reward of a text that was just written is that of the same text out of the cache, whoever else is judged."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prefactor.decoding.rewards import Judged, PersonalRewards
from prefactor.errors import InputError
from prefactor.methods.base import Shape
from prefactor.methods.bt import BT
from prefactor.methods.storage import load_model, load_users, save_model, save_users
from tests.decoding.judges import ANSWERS, METHOD_FORMS, USERS, World, make_world

CLOSE = 1e-5


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def everything(world: World) -> tuple[torch.Tensor, list[str], list[str]]:
    """Every user asks for every prompt's answers: users (N,), prompts and responses."""
    users = torch.arange(USERS).repeat_interleave(len(world.prompts))
    return users, world.prompts * USERS, world.responses * USERS


def assert_same(found: Judged, expected: Judged, close: float = CLOSE) -> None:
    torch.testing.assert_close(found.mean, expected.mean, atol=close, rtol=close)
    torch.testing.assert_close(found.std, expected.std, atol=10 * close, rtol=close)  # roots magnify rounding near 0


@pytest.mark.parametrize("name", METHOD_FORMS)
def test_new_texts_have_the_rewards_of_cached_ones(world: World, name: str) -> None:
    rewards = world.rewards(name)
    users, prompts, responses = everything(world)
    model, texts = rewards.model, world.texts[torch.arange(len(world.texts)).repeat(USERS)]
    with torch.no_grad():
        state = model.adapt(world.pairs)
        requests = torch.arange(len(users)) // ANSWERS  # of a user and a prompt
        expected = model.against_mean(state.rows(users[::ANSWERS]), texts, requests)
        plain = model.reward(state, texts, users)
    assert_same(rewards.reward(users, prompts, responses), Judged(expected.mean, expected.variance.sqrt()))
    torch.testing.assert_close(rewards.plain(users, prompts, responses), plain, atol=CLOSE, rtol=CLOSE)


@pytest.mark.parametrize("name", ["vrf", "vrf/loadings", "lr", "vpl", "ref"])
def test_rewards_depend_neither_on_company_nor_on_order(world: World, name: str) -> None:
    rewards = world.rewards(name)
    users, prompts, responses = everything(world)
    together = rewards.reward(users, prompts, responses)
    order = torch.randperm(len(users), generator=torch.Generator().manual_seed(1))
    shuffled = rewards.reward(users[order], [prompts[i] for i in order], [responses[i] for i in order])
    assert_same(shuffled, Judged(together.mean[order], together.std[order]))
    for user in (0, USERS - 1):
        one = rewards.reward(users[users == user], world.prompts, world.responses)
        assert_same(one, Judged(together.mean[users == user], together.std[users == user]))
    some = slice(3 * ANSWERS, 4 * ANSWERS)
    alone = replace(rewards, users=rewards.users.rows(torch.tensor([0])))
    one = alone.reward(users[some], prompts[some], responses[some])
    assert_same(one, Judged(together.mean[some], together.std[some]))


def test_means_are_of_a_request_and_differences_are_those_of_plain_rewards(world: World) -> None:
    rewards = world.rewards("vrf/loadings")
    users, prompts, responses = everything(world)
    mean = rewards.reward(users, prompts, responses).mean.view(-1, ANSWERS)
    torch.testing.assert_close(mean.mean(-1), torch.zeros(len(mean)), atol=CLOSE, rtol=0)
    plain = rewards.plain(users, prompts, responses).view(-1, ANSWERS)
    torch.testing.assert_close(mean - mean[:, :1], plain - plain[:, :1], atol=1e-4, rtol=1e-4)
    halves = torch.arange(len(users)) % 2
    apart = rewards.reward(users, prompts, responses, halves).mean.view(-1, ANSWERS // 2, 2)
    torch.testing.assert_close(apart.mean(1), torch.zeros(len(apart), 2), atol=CLOSE, rtol=0)


def test_many_requests_are_judged_as_few(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rewards = world.rewards("vrf/loadings")
    whole = rewards.reward(*everything(world))
    monkeypatch.setattr("prefactor.decoding.rewards.REQUESTS_AT_ONCE", 7)
    assert_same(rewards.reward(*everything(world)), whole)


def test_equal_texts_have_equal_rewards_and_a_single_one_has_none(world: World) -> None:
    rewards = world.rewards("vrf")
    responses = [f"answer {n % 5}" for n in range(35)]
    judged = rewards.reward(torch.full((35,), 2), ["Why?"] * 35, responses)
    assert torch.equal(judged.mean.view(7, 5), judged.mean[:5].expand(7, 5))
    single = rewards.reward(torch.tensor([1]), ["Why?"], ["Because."])
    assert single.mean.abs() < CLOSE and single.std < 1e-3
    assert rewards.reward(torch.empty(0, dtype=torch.long), [], []).mean.shape == (0,)
    assert rewards.plain(torch.empty(0, dtype=torch.long), [], []).shape == (0,)


def test_a_user_without_pairs_is_judged_by_the_prior(world: World) -> None:
    model = world.model("vrf")
    silent = world.pairs.select(world.pairs.segment != 3)
    rewards = PersonalRewards.of_pairs(model, world.backbone, world.cache.identity, silent)
    prior = PersonalRewards(model, world.backbone, model.prior_state(1))  # type: ignore[operator]
    mine = torch.full((ANSWERS,), 3)
    expected = prior.reward(mine * 0, world.prompts[:ANSWERS], world.responses[:ANSWERS])
    assert_same(rewards.reward(mine, world.prompts[:ANSWERS], world.responses[:ANSWERS]), expected)


def test_saved_models_and_users_judge_alike(world: World, tmp_path: Path) -> None:
    rewards = world.rewards("vrf/loadings")
    save_model(rewards.model, tmp_path / "model")
    save_users(tmp_path / "users", [str(n) for n in range(USERS)], rewards.users)
    _, users = load_users(tmp_path / "users")
    again = PersonalRewards.of_users(load_model(tmp_path / "model"), world.backbone, world.cache.identity, users)
    first, second = (one.reward(*everything(world)) for one in (rewards, again))
    assert torch.equal(first.mean, second.mean) and torch.equal(first.std, second.std)


def test_another_backbone_is_refused(world: World) -> None:
    trained_on = {**world.cache.identity, "pooling": "mean", "max_tokens": 17}
    with pytest.raises(InputError, match="max_tokens is 256, trained with 17; pooling is 'last', trained with 'mean'"):
        PersonalRewards.of_pairs(world.model("bt"), world.backbone, trained_on, world.pairs)


def test_noise_of_training_is_off(world: World) -> None:
    settings = replace(world.model("bt").settings, basis=replace(world.model("bt").settings.basis, dropout=0.5))
    model = BT(settings, Shape(world.backbone.hidden, USERS), torch.Generator().manual_seed(0)).train()
    rewards = PersonalRewards.of_pairs(model, world.backbone, world.cache.identity, world.pairs)
    assert torch.equal(rewards.plain(*everything(world)), rewards.plain(*everything(world)))
