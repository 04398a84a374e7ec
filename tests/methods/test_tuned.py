"""A reward may read a fine-tuned backbone's states: the reward and nothing else does, and without them it says so."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prefactor.errors import InputError
from prefactor.methods import METHODS
from prefactor.methods.base import TUNED, RewardModel, Shape
from prefactor.methods.storage import load_model, save_model
from prefactor.parameters import build
from prefactor.preferences import PairBatch, Responses
from prefactor.serving.package import pack
from tests.methods.test_contract import SMALL
from tests.worlds import WIDTH, make_pairs

NAMES = ["bt", "lore", "pal", "pal/angle", "pref", "pref/common", "vpl", "vrf", "vrf/loadings"]
READS_FROZEN = {"vpl", "vrf"}  # how these infer a user does not depend on the reward


def make_model(name: str, tuned: bool) -> RewardModel:
    kind = METHODS[name.partition("/")[0]]
    settings = build(kind.Parameters, SMALL[name], "test")
    model = kind(settings, Shape(WIDTH, 8, 60, tuned), torch.Generator().manual_seed(0))  # type: ignore[call-arg]
    model.standardise(make_pairs(1, 1).responses)
    return model.eval()


def with_view(pairs: PairBatch, states: torch.Tensor) -> PairBatch:
    return replace(pairs, responses=Responses({**pairs.responses.views, TUNED: states}, pairs.responses.text))


@pytest.mark.parametrize("name", NAMES)
def test_with_the_frozen_states_nothing_differs(name: str) -> None:
    pairs = make_pairs(8, 6)
    both = with_view(pairs, pairs.responses.views["states"])
    frozen, tuned = make_model(name, False), make_model(name, True)
    with torch.no_grad():
        assert torch.equal(tuned.compare(tuned.adapt(both), both).mean, frozen.compare(frozen.adapt(pairs), pairs).mean)
    batch, other = (replace(side, reference=torch.arange(len(side)) % 6 < 3) for side in (pairs, both))
    batch, other = (replace(side, users=torch.arange(8)) for side in (batch, other))
    first, second = (
        model.loss(side, torch.Generator().manual_seed(1)) for model, side in ((frozen, batch), (tuned, other))
    )
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test_the_reward_alone_reads_the_tuned_states(name: str) -> None:
    pairs = make_pairs(8, 6)
    model = make_model(name, True)
    moved = with_view(pairs, pairs.responses.views["states"].flip(0))
    plain = with_view(pairs, pairs.responses.views["states"])
    with torch.no_grad():
        users, others = model.adapt(plain), model.adapt(moved)
        assert not torch.equal(model.compare(users, plain).mean, model.compare(users, moved).mean)
        same = all(torch.equal(users[key], others[key]) for key in users.tensors)
    assert model.rewards_known == (name not in READS_FROZEN)
    assert same or name not in {*READS_FROZEN, "bt"}
    if name in READS_FROZEN:
        assert same


@pytest.mark.parametrize("name", NAMES)
def test_a_frozen_model_ignores_the_view_and_a_tuned_one_needs_it(name: str) -> None:
    pairs = make_pairs(8, 6)
    frozen, tuned = make_model(name, False), make_model(name, True)
    with torch.no_grad():
        users = frozen.adapt(pairs)
        nonsense = with_view(pairs, torch.full((60, WIDTH), torch.nan))
        assert torch.equal(frozen.compare(users, nonsense).mean, frozen.compare(users, pairs).mean)
        with pytest.raises(InputError, match="reads states of the backbone that was fine-tuned with it"):
            tuned.compare(users, pairs)


def test_a_saved_model_knows_what_it_reads(tmp_path: Path) -> None:
    for tuned in (False, True):
        save_model(make_model("bt", tuned), tmp_path / str(tuned))
        assert load_model(tmp_path / str(tuned)).shape.tuned == tuned
        assert ("tuned" in (tmp_path / str(tuned) / "model.json").read_text()) == tuned


def test_it_is_not_packed_to_be_served(tmp_path: Path) -> None:
    from prefactor.backbones import BackboneParameters

    save_model(make_model("vrf", True), tmp_path / "model")
    with pytest.raises(InputError, match="which is not served: serve a frozen one"):
        pack(tmp_path / "model", BackboneParameters(), {}, False, tmp_path / "package")
