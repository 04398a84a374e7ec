"""The loop: at a learning rate of 0 it is the frozen backbone's, and it keeps the best validation of both."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prefactor.cohorts import Cohort
from prefactor.episodes import episodes
from prefactor.errors import InputError
from prefactor.training import Plan, accuracy_of, finished, train, validate
from prefactor.tuning.checkpoint import Parts
from prefactor.tuning.live_backbone import LiveBackbone
from prefactor.tuning.parameters import BackboneTuning
from prefactor.tuning.step import with_tuned
from prefactor.tuning.tuning import take_step, with_live_states
from tests.tuning.small import SMALL, TRAINING, Small, copied, make_live, new_model, rows, tuned

AT_REST = BackboneTuning("full", learning_rate=0.0)


def with_cache(small: Small, role: str, states: torch.Tensor) -> Cohort:
    cohort = small.cohorts[role]
    return replace(cohort, pairs=with_tuned(cohort.pairs, states))


@pytest.mark.parametrize("name", sorted(set(SMALL) - {"vpl"}))  # whose two inputs have dropout of their own
def test_at_a_learning_rate_of_0_it_is_the_frozen_training(small: Small, name: str, tmp_path: Path) -> None:
    frozen = new_model(small, name, tuned=False)
    expected = train(frozen, small.cohorts["seen"], small.cohorts["validation"], TRAINING, 0, "test")
    model, live, course = tuned(small, name, AT_REST, tmp_path)
    states = live.encode(torch.arange(len(small.texts)).numpy())
    seen, held_out = with_cache(small, "seen", states), with_cache(small, "validation", states)
    assert course.best is not None
    found = finished(model, seen, held_out, TRAINING, 0, course.history, course.best)
    assert found.best_step == expected.best_step and len(found.history) == len(expected.history)
    for row, other in zip(found.history, expected.history, strict=True):
        assert row == pytest.approx(other, rel=1e-3, nan_ok=True)
    for key, tensor in frozen.state_dict().items():
        assert torch.allclose(model.state_dict()[key], tensor, rtol=1e-2, atol=1e-3), key


def test_the_best_validation_of_both_is_kept(small: Small, tmp_path: Path) -> None:
    training = replace(TRAINING, epochs=4, validations=4)
    model, live, course = tuned(small, "vrf", BackboneTuning("full", learning_rate=3e-3), tmp_path, training)
    assert course.best is not None and len(course.history) == 4
    assert accuracy_of(course.best) == max(map(accuracy_of, course.history))
    seen, held_out = small.cohorts["seen"].first(training.validation_users), small.cohorts["validation"]
    left = validate(model, *with_live_states(model, live, seen, held_out))
    assert {name: course.best[name] for name in left} == pytest.approx(left, rel=1e-5)


def test_every_step_is_reported_once(small: Small, tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    _, _, course = tuned(small, "bt", AT_REST, tmp_path, report=lambda step, row: told.append((step, row["loss"])))
    assert [step for step, _ in told] == [1, 2, 3, 4] and all(math.isfinite(loss) for _, loss in told)
    assert course.step == 4


def test_accumulated_batches_make_fewer_steps(small: Small, tmp_path: Path) -> None:
    _, _, course = tuned(small, "bt", replace(AT_REST, accumulation=2), tmp_path)
    assert course.step == TRAINING.epochs  # eight users, two batches of four
    plan = Plan.of(8, TRAINING, 3)
    assert (plan.batches, plan.steps, plan.ends) == (4, 2, {1, 2})  # 3 and the one that is left, not 3 and 3
    _, _, course = tuned(small, "bt", replace(AT_REST, accumulation=3), tmp_path / "thrice")
    assert course.step == 2


def test_texts_that_no_reward_is_asked_of_are_not_encoded(small: Small) -> None:
    seen, held_out = small.cohorts["seen"], small.cohorts["validation"]
    for name in ("vrf", "bt", "lore", "pref"):
        model, live = new_model(small, name), make_live(small, AT_REST)
        first, _ = with_live_states(model, live, seen.first(1), held_out.first(1))
        asked = [cohort.first(1).to_predict("validation") for cohort in (seen, held_out)]
        read = {"lore": (held_out,), "pref": (seen, held_out)}  # in adapting
        asked += [cohort.first(1).known() for cohort in read.get(name, ())]
        texts = {row for pairs in asked for side in (pairs.chosen, pairs.rejected) for row in side.tolist()}
        there = first.pairs.responses.views["tuned"].isfinite().all(-1)
        assert set(torch.nonzero(there).flatten().tolist()) == texts and len(texts) < len(small.texts)


def test_methods_without_a_gradient_are_refused(small: Small, tmp_path: Path) -> None:
    from prefactor.methods import METHODS
    from prefactor.methods.base import Shape
    from prefactor.tuning.tuning import check_tunable

    for name in ("lr", "longer_text", "surface"):
        model = METHODS[name](METHODS[name].Parameters(), Shape(12, 4, 60, tuned=True), torch.Generator())  # type: ignore[call-arg]
        with pytest.raises(InputError, match="set its tuning to null"):
            check_tunable(model)
    with pytest.raises(InputError, match="reads the frozen backbone alone"):
        check_tunable(new_model(small, "bt", tuned=False))


def test_a_tuned_method_without_its_view_says_so(small: Small) -> None:
    pairs = small.cohorts["seen"].known()
    for name in SMALL:
        model = new_model(small, name)
        with pytest.raises(InputError, match="give it its view 'tuned'"), torch.no_grad():
            model.compare(model.adapt(pairs), pairs)


def test_a_loss_that_is_none_stops_the_training(small: Small, tmp_path: Path) -> None:
    fast = replace(TRAINING, warmup=0.0, learning_rate=1e38)
    with pytest.raises(InputError, match="the loss is not finite: lower the learning rates"):
        tuned(small, "bt", AT_REST, tmp_path, fast)


def test_states_that_are_none_are_named_by_their_text(small: Small, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"states of the text in row \d+ are not finite: lower tuning.learning_rate"):
        tuned(small, "lore", BackboneTuning("full", learning_rate=1e20), tmp_path, replace(TRAINING, warmup=0.0))
    live = make_live(small, AT_REST)
    live.texts = replace(live.texts, ids=[f"text-{row}" for row in range(len(small.texts))])
    live.plain.norm.weight.data.fill_(torch.nan)  # type: ignore[union-attr, operator]
    with pytest.raises(InputError, match="states of text text-7 are not finite"):
        live.encode(rows(7))


def short_of_memory(live: LiveBackbone, most: int) -> list[int]:
    """From now on more than so many tokens at once are too many; sizes of what was tried."""
    tried: list[int] = []

    def weigh(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        tried.append(inputs[0].shape[:-1].numel())
        if tried[-1] > most:
            raise torch.OutOfMemoryError

    live.plain.layers[0].mlp.register_forward_pre_hook(weigh)  # type: ignore[index, union-attr]
    return tried


def one_step(small: Small, most: int) -> tuple[float, dict[str, torch.Tensor], list[int]]:
    model, live = new_model(small, "vpl"), make_live(small, BackboneTuning("full", tokens_per_chunk=200))
    parts = Parts(model, torch.optim.AdamW(model.parameters()), live, torch.Generator().manual_seed(0))
    batch = next(episodes(small.cohorts["seen"].known(), TRAINING.episodes, torch.Generator().manual_seed(0)))
    tried = short_of_memory(live, most)
    return take_step(parts, [batch], 1.0), copied(model), tried


def test_a_step_that_memory_falls_short_of_is_taken_in_smaller_chunks(
    small: Small, caplog: pytest.LogCaptureFixture
) -> None:
    loss, after, whole = one_step(small, 10_000)
    other, same, tried = one_step(small, 150)
    assert max(whole) > 150 and min(tried[1:]) <= 100
    assert other == pytest.approx(loss, rel=1e-5) and same.keys() == after.keys()
    assert all(torch.allclose(same[key], tensor, rtol=1e-3, atol=1e-5) for key, tensor in after.items())
    assert torch.equal(same["steps"], after["steps"])
    assert caplog.messages == ["not enough memory: going on with chunks of 100 tokens"]
    with pytest.raises(InputError, match="tokens are too large for the memory: set tuning"):
        one_step(small, 10)


def test_states_that_memory_falls_short_of_are_computed_in_smaller_chunks(small: Small) -> None:
    live = make_live(small, replace(AT_REST, tokens_per_chunk=200))
    expected = live.encode(rows(*range(40)))
    short_of_memory(live, 90)
    assert torch.allclose(live.encode(rows(*range(40))), expected, rtol=1e-4, atol=1e-5)


def test_what_is_no_shortage_is_raised_as_it_is(small: Small) -> None:
    live = make_live(small, AT_REST)
    with pytest.raises(InputError, match="the optimiser's means"), live.in_memory():
        raise torch.OutOfMemoryError
    with pytest.raises(RuntimeError, match="something else"), live.in_memory():
        raise RuntimeError("something else")
