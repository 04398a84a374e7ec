"""What every method owes: invariances of rewards, users that do not see each other, files that come back."""

from dataclasses import replace

import pytest
import torch

from prefactor.errors import InputError
from prefactor.methods import METHODS
from prefactor.methods.base import RewardModel, Shape
from prefactor.methods.storage import load_model, load_users, save_model, save_users
from prefactor.parameters import build
from prefactor.preferences import Responses
from tests.worlds import WIDTH, make_pairs, without_users

SMALL = {
    "bt": {"basis": {"form": "mlp", "bases": 1}},
    "lore": {"basis": {"form": "linear", "bases": 5}, "adaptation": {"steps": 20, "shrinkage": 1.0}},
    "vrf": {"basis": {"form": "mlp", "bases": 5}, "latent": 6, "unit_prior": True},
}


def make_model(name: str, seed: int = 0, **changes: object) -> RewardModel:
    kind = METHODS[name]
    settings = build(kind.Parameters, {**SMALL[name], **changes}, "test")
    model = kind(settings, Shape(WIDTH, 8, texts=60), torch.Generator().manual_seed(seed))
    model.standardise(make_pairs(1, 1).responses)
    return model


@pytest.fixture(params=sorted(METHODS))
def model(request: pytest.FixtureRequest) -> RewardModel:
    return make_model(request.param).eval()


def test_every_method_has_small_parameters_here() -> None:
    assert set(SMALL) == set(METHODS)


def test_compare_is_the_difference_of_rewards(model: RewardModel) -> None:
    pairs = make_pairs(6, 4)
    users = model.adapt(pairs)
    plus = model.reward(users, pairs.responses[pairs.chosen], pairs.segment)
    minus = model.reward(users, pairs.responses[pairs.rejected], pairs.segment)
    torch.testing.assert_close(model.compare(users, pairs).mean, plus - minus, atol=1e-5, rtol=1e-5)


def test_swapping_the_pair_negates_the_margin_and_keeps_the_variance(model: RewardModel) -> None:
    pairs = make_pairs(6, 4)
    users = model.adapt(pairs)
    margin = model.compare(users, pairs)
    swapped = model.compare(users, replace(pairs, chosen=pairs.rejected, rejected=pairs.chosen))
    torch.testing.assert_close(swapped.mean, -margin.mean)
    torch.testing.assert_close(swapped.variance, margin.variance)


def test_a_user_does_not_depend_on_the_others_in_the_batch(model: RewardModel) -> None:
    pairs = make_pairs(7, 5)
    together = model.adapt(pairs)
    for user in range(7):
        alone = model.adapt(without_users(pairs, torch.tensor([user])))
        for name in together.tensors:
            torch.testing.assert_close(alone[name][0], together[name][user], atol=1e-4, rtol=1e-4)


def test_a_user_does_not_depend_on_the_order_of_pairs(model: RewardModel) -> None:
    pairs = make_pairs(4, 6)
    shuffled = pairs.select(torch.randperm(len(pairs), generator=torch.Generator().manual_seed(1)))
    before, after = model.adapt(pairs), model.adapt(shuffled)
    for name in before.tensors:
        torch.testing.assert_close(after[name], before[name], atol=1e-4, rtol=1e-4)


def test_a_user_without_pairs_gets_a_finite_answer(model: RewardModel) -> None:
    pairs = make_pairs(3, 4)
    nobody = pairs.select(torch.zeros(len(pairs), dtype=torch.bool))
    margin = model.compare(model.adapt(nobody), pairs)
    assert margin.mean.isfinite().all() and margin.variance.isfinite().all()


def test_adding_a_constant_to_a_basis_changes_no_output(model: RewardModel) -> None:
    pairs = make_pairs(4, 6)
    users = model.adapt(pairs)
    before = model.compare(users, pairs), model.against_mean(users, pairs.responses[:8], torch.arange(8) // 2)
    last = list(model.phi.layers.modules())[-1]
    with torch.no_grad():
        last.bias += torch.linspace(-3, 5, len(last.bias))
    after = model.compare(users, pairs), model.against_mean(users, pairs.responses[:8], torch.arange(8) // 2)
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(new.mean, old.mean, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(new.variance, old.variance, atol=1e-4, rtol=1e-4)


def test_rewards_against_the_mean_sum_to_zero_and_differ_like_margins(model: RewardModel) -> None:
    pairs = make_pairs(1, 5)
    users = model.adapt(pairs)
    candidates = pairs.responses[torch.arange(6)]
    centred = model.against_mean(users, candidates, torch.zeros(6, dtype=torch.long))
    plain = model.reward(users, candidates, torch.zeros(6, dtype=torch.long))
    torch.testing.assert_close(centred.mean.sum(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(centred.mean - centred.mean[0], plain - plain[0], atol=1e-5, rtol=1e-4)


def test_files_come_back_equal(model: RewardModel, tmp_path) -> None:
    pairs = make_pairs(8, 4, seen=True)
    model.finish(pairs)
    save_model(model, tmp_path / "model")
    users = model.adapt(pairs)
    save_users(tmp_path / "model", [f"u{number}" for number in range(8)], users)
    again = load_model(tmp_path / "model")
    user_ids, stored = load_users(tmp_path / "model")
    assert user_ids[3] == "u3"
    assert torch.equal(again.compare(stored, pairs).mean, model.compare(users, pairs).mean)
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".safetensors", ".json"}


def test_a_broken_model_file_says_what_to_do(model: RewardModel, tmp_path) -> None:
    save_model(model, tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(InputError, match="rerun stage train-encoder"):
        load_model(tmp_path / "model")


def test_every_parameter_learns(model: RewardModel) -> None:
    pairs = make_pairs(8, 6, seen=True)
    batch = replace(pairs, reference=torch.arange(len(pairs)) % 6 < 3)
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimiser = torch.optim.SGD(model.learnable(0.5), weight_decay=0.0)
    model.train()
    model.loss(batch, torch.Generator().manual_seed(0)).backward()
    optimiser.step()
    # A constant in phi changes no loss, so the last bias has no gradient; all else must move.
    unmoved = {name for name, value in model.named_parameters() if torch.allclose(value, before[name], atol=1e-9)}
    assert unmoved <= {"phi.layers.bias", "phi.layers.2.bias"}


def test_views_are_read_by_name(model: RewardModel) -> None:
    pairs = make_pairs(2, 3)
    renamed = replace(pairs, responses=Responses({"other": pairs.responses.views["states"]}, pairs.responses.text))
    users = model.adapt(pairs)
    with pytest.raises(KeyError, match="states"):
        model.compare(users, renamed)
