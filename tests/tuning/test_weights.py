"""What should move moves, and nothing else."""

from pathlib import Path

import pytest
import torch

from prefactor.backbones import BackboneParameters
from prefactor.errors import InputError
from prefactor.tuning.parameters import BackboneTuning
from prefactor.tuning.weights import load_trainable, moving
from tests.tuning.small import SMALL, Small, copied, make_live, new_model, tuned


@pytest.mark.parametrize("name", sorted(SMALL))
def test_every_weight_of_method_and_backbone_moves(small: Small, name: str, tmp_path: Path) -> None:
    tuning = BackboneTuning("full", learning_rate=1e-3)
    before, start = copied(make_live(small, tuning).plain), copied(new_model(small, name))
    model, live, _ = tuned(small, name, tuning, tmp_path)
    after = copied(live.plain)
    assert all(not torch.equal(after[key], before[key]) for key in moving(live.plain))
    assert set(moving(live.plain)) == set(before)  # a causal body has none that states do not depend on
    learnt = {key for key, parameter in model.named_parameters() if parameter.requires_grad}
    stuck = {key for key in learnt if torch.equal(model.state_dict()[key], start[key])}
    assert not stuck


def test_of_a_backbone_with_adapters_these_alone_move(small: Small, tmp_path: Path) -> None:
    tuning = BackboneTuning("lora", rank=2, alpha=4, learning_rate=1e-2)
    before = copied(make_live(small, tuning).plain)
    _, live, _ = tuned(small, "bt", tuning, tmp_path)
    after = copied(live.plain)
    changed = {key for key in before if not torch.equal(after[key], before[key])}
    assert changed == set(moving(live.plain)) == {key for key in before if "lora_" in key}
    assert len(changed) == 2 * 7 * 2  # two matrices beside each linear layer of both blocks


def test_adapters_start_at_the_frozen_states_and_by_the_seed(small: Small) -> None:
    states = small.cohorts["seen"].pairs.responses.views["states"]
    rows = torch.arange(len(states)).numpy()
    first, again, other = (make_live(small, BackboneTuning("lora"), seed) for seed in (0, 0, 1))
    assert torch.allclose(first.encode(rows), states, rtol=1e-4, atol=1e-5)
    name = next(key for key in copied(first.plain) if "lora_A" in key)
    same, new = (copied(live.plain)[name] for live in (again, other))
    assert torch.equal(copied(first.plain)[name], same) and not torch.equal(same, new)


def test_named_targets_are_those_that_have_adapters(small: Small) -> None:
    backbone = load_trainable(small.parameters, BackboneTuning("lora", targets=("q_proj", "v_proj")), 0)
    assert {name.split(".")[3] for name in moving(backbone.engine.forward.model)} == {"q_proj", "v_proj"}
    with pytest.raises(InputError, match="have no place in this backbone"):
        load_trainable(small.parameters, BackboneTuning("lora", targets=("nowhere",)), 0)


def test_a_frozen_backbone_has_nothing_that_moves(small: Small) -> None:
    assert not moving(load_trainable(small.parameters, BackboneTuning("frozen"), 0).engine.forward.model)


def test_weights_that_states_do_not_depend_on_rest() -> None:
    """The embedded sentence encoder has a pooler that its states do not pass through."""
    backbone = load_trainable(BackboneParameters(device="cpu"), BackboneTuning("full"), 0)
    model = backbone.engine.forward.model
    rest = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert rest and all(name.startswith("pooler.") for name in rest)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rank": 0}, "rank must be at least 1"),
        ({"targets": "q_proj"}, "targets must be 'all-linear' or a list"),
        ({"learning_rate": -1.0}, "learning_rate must not be negative"),
        ({"alpha": 0.0}, "alpha must be positive"),
    ],
)
def test_wrong_parameters_are_named(values: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        BackboneTuning(**values)  # type: ignore[arg-type]
