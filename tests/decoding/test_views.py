"""What is read of a text: the view that the model's reward asks for, once each, or a word on why it cannot be."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prefactor.backbones import BackboneParameters, load_backbone
from prefactor.decoding.rewards import PersonalRewards
from prefactor.errors import InputError
from prefactor.methods.base import Shape
from prefactor.methods.item_mean import ItemMean, ItemMeanParameters
from prefactor.preferences import Responses
from tests.decoding.judges import USERS, World, make_world
from tests.tuning.conftest import save_qwen3


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def everything(world: World) -> tuple[torch.Tensor, list[str], list[str]]:
    """Every user asks for every prompt's answers: users (N,), prompts and responses."""
    users = torch.arange(USERS).repeat_interleave(len(world.prompts))
    return users, world.prompts * USERS, world.responses * USERS


class Counted:
    """Counts what a backbone is asked to encode."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
        self.calls: list[list[tuple[str, str]]] = []
        encode = world.backbone.encode

        def counting(prompts, responses, progress=None):
            self.calls.append(list(zip(prompts, responses, strict=True)))
            return encode(prompts, responses, progress)

        monkeypatch.setattr(world.backbone, "encode", counting)


def test_a_text_is_encoded_once_however_many_ask(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rewards, counted = world.rewards("vrf"), Counted(monkeypatch, world)
    rewards.reward(*everything(world))
    rewards.plain(*everything(world))
    assert [len(call) for call in counted.calls] == [len(world.texts)] * 2
    assert set(counted.calls[0]) == set(zip(world.prompts, world.responses, strict=True))


def test_a_tuned_reward_reads_its_own_backbone(world: World) -> None:
    """Here the tuned backbone is the frozen one, so that rewards are those of a model without one."""
    plain = world.rewards("vrf")
    tuned = type(plain.model)(plain.model.settings, replace(plain.model.shape, tuned=True), torch.Generator())
    tuned.load_state_dict(plain.model.state_dict())
    tuned.tuned_view = "tuned-7"
    views = {**world.texts.views, "tuned-7": world.texts.views["states"]}
    known = replace(world.pairs, responses=Responses(views, world.texts.text))
    rewards = PersonalRewards.of_pairs(tuned, world.backbone, world.cache.identity, known)
    found, expected = (one.reward(*everything(world)) for one in (rewards, plain))
    torch.testing.assert_close(found.mean, expected.mean, atol=1e-5, rtol=1e-5)


def test_surface_needs_no_backbone(world: World) -> None:
    with_one = world.rewards("surface")
    without = PersonalRewards(with_one.model, None, with_one.users)
    assert torch.equal(without.reward(*everything(world)).mean, with_one.reward(*everything(world)).mean)


def test_what_cannot_judge_a_new_text_says_so(world: World) -> None:
    item_mean = ItemMean(ItemMeanParameters(), Shape(0, USERS, len(world.texts)), torch.Generator())
    with pytest.raises(InputError, match="item_mean knows texts by their numbers alone"):
        PersonalRewards(item_mean, world.backbone, world.rewards("bt").users)
    with pytest.raises(InputError, match="bt reads the view 'states' of a language model"):
        PersonalRewards(world.model("bt"), None, world.rewards("bt").users)


def test_ref_needs_log_probabilities(world: World, tmp_path: Path) -> None:
    folder = save_qwen3(tmp_path / "tiny")
    silent = load_backbone(BackboneParameters(model=str(folder), device="cpu", log_probabilities=False))
    rewards = PersonalRewards.of_pairs(world.model("ref"), silent, world.cache.identity, world.pairs)
    with pytest.raises(InputError, match="the backbone gives no log-probabilities"):
        rewards.plain(torch.tensor([0]), ["Why?"], ["Because."])
