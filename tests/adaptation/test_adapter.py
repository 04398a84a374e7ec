"""Bulk adaptation tells of every user what ``VRF.adapt`` does, whatever is computed once and whoever else is there."""

import pytest
import torch

from prefactor.adaptation import adapter, latent, weights
from prefactor.adaptation.adapter import Adapted, Adapter
from prefactor.methods.base import UserState
from prefactor.methods.vrf import VRF
from prefactor.preferences import PairBatch
from tests.adaptation.worlds import MODELS, make_batch, make_model, on_shelf
from tests.worlds import without_users

COUNTS = [1, 9, 3, 30, 9, 9, 2, 14, 1, 27]


def adapted(model: VRF, batch: PairBatch, state: bool = False) -> Adapted:
    return Adapter(model, state).adapt(*on_shelf(batch, model))


@torch.no_grad()
def expected(model: VRF, batch: PairBatch) -> UserState:
    return model.adapt(batch)


def check(found: Adapted, model: VRF, users: UserState) -> None:
    close = {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(found.pairs, users["count"].to(torch.int32))
    torch.testing.assert_close(found.weight, users["weight"], **close)
    torch.testing.assert_close(found.spread, model.uncertainty(users), **close)
    torch.testing.assert_close(found.entropy, torch.special.entr(users["weight"]).sum(-1), **close)
    doubts = {name: values for name, values in model.uncertainties(users).items() if name != "sigma"}
    assert found.doubts.keys() == doubts.keys()
    for name, values in doubts.items():
        torch.testing.assert_close(found.doubts[name], values, **close)
    if model.loadings is None:
        assert found.loading is None
    else:
        torch.testing.assert_close(found.loading, users["loading"], **close)


@pytest.mark.parametrize("counts", [COUNTS, [9] * 7], ids=["different", "alike"])
@pytest.mark.parametrize("prompts", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_it_tells_what_adapting_does(name: str, prompts: bool, counts: list[int]) -> None:
    model, batch = make_model(name), make_batch(counts, prompts=prompts)
    check(adapted(model, batch), model, expected(model, batch))


@pytest.mark.parametrize("name", MODELS)
def test_what_later_pairs_move_on_is_kept(name: str) -> None:
    model, batch = make_model(name), make_batch(COUNTS)
    found, users = adapted(model, batch, state=True), expected(model, batch)
    check(found, model, users)
    kept = model.kept(users)
    assert list(found.kept) == list(kept) and not adapted(model, batch).kept
    for part, values in kept.items():
        torch.testing.assert_close(found.kept[part], values, rtol=1e-4, atol=1e-5)
    later = make_batch([2] * len(COUNTS), seed=5)
    with torch.no_grad():
        ours, theirs = (model.update(UserState(start), later) for start in (found.kept, kept))
    torch.testing.assert_close(ours["weight"], theirs["weight"], rtol=1e-4, atol=1e-5)


def test_each_user_is_told_what_they_would_be_told_alone() -> None:
    model, batch = make_model(), make_batch(COUNTS)
    together = adapted(model, batch)
    for user in range(len(COUNTS)):
        alone = adapted(model, without_users(batch, torch.tensor([user])))
        torch.testing.assert_close(alone.weight[0], together.weight[user], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.spread[0], together.spread[user], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["published", "default"])
@pytest.mark.parametrize("counts", [COUNTS, [9] * 7], ids=["different", "alike"])
def test_blocks_and_slices_change_nothing(name: str, counts: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = make_model(name), make_batch(counts)
    monkeypatch.setattr(latent, "PAIRS_PER_BLOCK", 7)
    monkeypatch.setattr(adapter, "USERS_AT_ONCE", 3)
    monkeypatch.setattr(weights, "USERS_PER_BLOCK", 3)
    monkeypatch.setattr(weights, "NUMBERS_AT_ONCE", 100)
    monkeypatch.setattr(weights, "MANY_PAIRS", 8)
    check(adapted(model, batch), model, expected(model, batch))


def test_pairs_that_many_users_share_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = make_model("published"), make_batch([9] * 50, prompts=True)
    encoded = []
    natural = latent.LatentSums._natural

    def counted(self: latent.LatentSums, table: torch.Tensor, sides: torch.Tensor) -> torch.Tensor:
        encoded.append(len(sides))
        return natural(self, table, sides)

    monkeypatch.setattr(latent.LatentSums, "_natural", counted)
    check(adapted(model, batch), model, expected(model, batch))
    assert sum(encoded) == 4 * 3
