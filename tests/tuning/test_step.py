"""However a batch is taken through the backbone, its gradient is the plain one."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch

from prefactor.episodes import EpisodeParameters, episodes
from prefactor.methods.base import RewardModel
from prefactor.tuning.live_backbone import LiveBackbone
from prefactor.tuning.parameters import BackboneTuning
from prefactor.tuning.step import add_gradients, placed, rewarded_rows, with_tuned
from prefactor.tuning.weights import moving
from tests.tuning.small import SMALL, Small, make_live, new_model

WHOLE = BackboneTuning("full", tokens_per_chunk=100_000)
CHUNKED = replace(WHOLE, tokens_per_chunk=120)


def one_batch(small: Small, users: int = 4, number: int = 1):  # type: ignore[no-untyped-def]
    known = small.cohorts["seen"].known()
    drawn = episodes(known, EpisodeParameters(users, 3), torch.Generator().manual_seed(3))
    return list(islice(drawn, number))


def gradients(model: RewardModel, live: LiveBackbone) -> dict[str, torch.Tensor]:
    """All of them, as they are now."""
    both = [("method", model.named_parameters()), ("backbone", live.plain.named_parameters())]
    return {f"{part} {name}": p.grad.clone() for part, named in both for name, p in named if p.grad is not None}


def gradients_of(small: Small, name: str, tuning: BackboneTuning) -> tuple[float, dict[str, torch.Tensor]]:
    model, live = new_model(small, name, **({"dropout": 0.0} if name == "vpl" else {})), make_live(small, tuning)
    loss = add_gradients(model.train(), live, one_batch(small)[0], 1.0, torch.Generator().manual_seed(0), last=True)
    return loss, gradients(model, live)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_in_chunks_it_is_the_plain_gradient(small: Small, name: str) -> None:
    plain, expected = gradients_of(small, name, WHOLE)
    loss, found = gradients_of(small, name, CHUNKED)
    assert loss == pytest.approx(plain, rel=1e-5) and found.keys() == expected.keys()
    for key, gradient in expected.items():
        assert torch.allclose(found[key], gradient, rtol=1e-3, atol=1e-6 + 1e-4 * float(gradient.abs().max())), key


def test_it_is_the_gradient_without_anything_shared(small: Small) -> None:
    """Each text alone through the backbone, one graph for all: what this room must not differ from."""
    model, live = new_model(small, "vrf"), make_live(small, WHOLE)
    batch = one_batch(small)[0]
    rows = rewarded_rows(model, batch)
    alone = []
    for row in batch.responses.text[rows].tolist():
        tokens = live.texts.tokens(torch.tensor([row]).numpy(), live.backbone)
        alone.append(live.states(tokens, live.chunks(tokens)[0]))
    states = placed(len(batch.responses), rows, torch.cat(alone))
    model.loss(with_tuned(batch, states), torch.Generator().manual_seed(0)).backward()
    expected = gradients(model, live)
    _, found = gradients_of(small, "vrf", CHUNKED)
    assert all(torch.allclose(found[key], expected[key], rtol=1e-3, atol=1e-5) for key in expected)


def test_only_texts_whose_reward_is_asked_go_through_the_backbone(small: Small) -> None:
    batch = one_batch(small)[0]
    targets = batch.targets()
    assert not new_model(small, "vrf").rewards_known
    rows = rewarded_rows(new_model(small, "vrf"), batch)
    assert set(rows.tolist()) == set(targets.chosen.tolist()) | set(targets.rejected.tolist())
    assert len(rewarded_rows(new_model(small, "bt"), batch)) == len(batch.responses) > len(rows)


def test_two_batches_of_half_the_users_are_one(small: Small) -> None:
    """Where users have equally many pairs; each batch weighs as many pairs as it has."""
    model, live = new_model(small, "bt"), make_live(small, WHOLE)
    whole = one_batch(small, 8)[0]
    noise = torch.Generator()
    expected_loss = add_gradients(model, live, whole, 1.0, noise, last=True)
    expected = gradients(model, live)
    model.zero_grad(), live.plain.zero_grad()
    halves = [whole.users_between(0, 4).compact(), whole.users_between(4, 8).compact()]
    loss = sum(add_gradients(model, live, half, 0.5, noise, last=half is halves[1]) for half in halves)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    found = gradients(model, live)
    assert all(torch.allclose(found[key], expected[key], rtol=1e-3, atol=1e-6) for key in expected)


@pytest.mark.parametrize("mode", ["full", "lora"])
def test_checkpointing_changes_no_gradient(small: Small, mode: str) -> None:
    usual = replace(WHOLE, mode=mode)  # type: ignore[arg-type]
    found, passes = [], []
    for tuning in (usual, replace(usual, gradient_checkpointing=True)):
        model, live = new_model(small, "bt"), make_live(small, tuning)
        counted: list[int] = []
        live.plain.layers[0].mlp.register_forward_pre_hook(lambda *_, counted=counted: counted.append(1))  # type: ignore[index, union-attr]
        add_gradients(model.train(), live, one_batch(small)[0], 1.0, torch.Generator(), last=True)
        found.append(gradients(model, live))
        passes.append(len(counted))
    assert passes == [1, 2]  # computed anew in the backward pass
    assert all(torch.equal(found[1][key], gradient) for key, gradient in found[0].items())


@pytest.mark.parametrize("mode", ["full", "lora"])
def test_in_bfloat16_gradients_are_near_and_weights_stay_in_float32(small: Small, mode: str) -> None:
    tuning = replace(WHOLE, mode=mode)  # type: ignore[arg-type]
    exact, expected = gradients_of(small, "bt", tuning)
    loss, found = gradients_of(small, "bt", replace(tuning, compute_dtype="bfloat16"))
    assert loss == pytest.approx(exact, rel=0.1) and loss != exact
    assert found.keys() == expected.keys() and all(gradient.dtype == torch.float32 for gradient in found.values())
    head = "method phi.layers.0.weight"
    assert torch.nn.functional.cosine_similarity(found[head].flatten(), expected[head].flatten(), dim=0) > 0.9
    live = make_live(small, replace(tuning, compute_dtype="bfloat16"))
    assert all(parameter.dtype == torch.float32 for parameter in moving(live.plain).values())


def test_many_texts_are_encoded_as_the_engine_does(small: Small, tmp_path: Path) -> None:
    live = make_live(small, CHUNKED)
    rows = torch.arange(len(small.texts)).flip(0)
    states = small.cohorts["seen"].pairs.responses.views["states"]
    assert torch.allclose(live.encode(rows.numpy()), states[rows], rtol=1e-4, atol=1e-5)
