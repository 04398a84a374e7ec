"""The strength of a prior: weak where users differ and answer alike, strong where their answers are noise."""

from typing import Any

import pytest
import torch

from prefactor.methods.base import RewardModel
from prefactor.methods.calibration import Calibration
from prefactor.methods.strength import STRENGTHS
from prefactor.preferences import PairBatch
from tests.methods.test_contract import make_model
from tests.worlds import make_pairs

CHOOSERS = ("bt_lr", "lore", "lr", "pal", "pref")


def settings_of(name: str, chosen: bool) -> dict[str, Any]:
    if name in ("lore", "pal"):
        return {"adaptation": {"steps": 20, "shrinkage": 1.0, "strength_chosen": chosen}}
    return {"strength_chosen": chosen}


def choosing(name: str, chosen: bool = True) -> RewardModel:
    return make_model(name, **settings_of(name, chosen)).eval()


def noisy(pairs: PairBatch) -> PairBatch:
    """The same pairs, each turned round or not by a coin."""
    turned = torch.rand(len(pairs), generator=torch.Generator().manual_seed(5)) < 0.5
    return PairBatch(
        pairs.responses,
        torch.where(turned, pairs.rejected, pairs.chosen),
        torch.where(turned, pairs.chosen, pairs.rejected),
        pairs.segment,
        pairs.users,
    )


@pytest.mark.parametrize("name", CHOOSERS)
def test_it_is_the_best_of_those_that_are_tried(name: str) -> None:
    model, known, later = choosing(name), make_pairs(30, 6), make_pairs(30, 6, seed=1)
    model.calibrate([known], later)
    losses = {}
    for strength in STRENGTHS:
        fixed = choosing(name)
        fixed.strength.fill_(strength)  # type: ignore[operator]
        with torch.no_grad():
            margin = fixed.compare(fixed.adapt(known), later.compact())
        losses[strength] = Calibration().fit(margin, torch.full((len(later),), 6.0))
    assert float(model.strength) == pytest.approx(min(losses, key=losses.__getitem__))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ("lr", "pref"))
def test_noise_asks_for_a_stronger_prior(name: str) -> None:
    pairs = make_pairs(80, 16)
    later = torch.arange(len(pairs)) % 16 >= 10
    chosen = []
    for known in (pairs, noisy(pairs)):
        model = choosing(name)
        model.calibrate([known.select(~later)], pairs.select(later))
        chosen.append(float(model.strength))  # type: ignore[arg-type]
    assert chosen[0] < chosen[1]


@pytest.mark.parametrize("name", CHOOSERS)
def test_without_it_the_given_strength_stays(name: str) -> None:
    model = choosing(name, chosen=False)
    model.calibrate([make_pairs(30, 6)], make_pairs(30, 6, seed=1))
    assert float(model.strength) == 1  # type: ignore[arg-type]
