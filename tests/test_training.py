"""The training loop learns, keeps its best validation, repeats itself, and never sees evaluation pairs."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prefactor.cohorts import PARTS, Cohort
from prefactor.episodes import EpisodeParameters
from prefactor.errors import InputError
from prefactor.evaluation.accuracy import predict
from prefactor.methods import METHODS
from prefactor.methods.base import RewardModel, Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.parameters import build
from prefactor.training import Trained, TrainingParameters, train, validate, write_history
from tests.methods.test_contract import SMALL
from tests.worlds import WIDTH, make_cohorts

PARAMETERS = TrainingParameters(
    epochs=120, learning_rate=0.02, validations=4, episodes=EpisodeParameters(20, "log-uniform")
)


def new_model(seed: int = 0) -> RewardModel:
    settings = VRFParameters(basis=BasisParameters("linear", 6, 0.1), latent=8, unit_prior=True)
    return VRF(settings, Shape(WIDTH, 40), torch.Generator().manual_seed(seed))


def train_one(cohorts: dict[str, Cohort], seed: int = 0, epochs: int = 10) -> tuple[RewardModel, Trained]:
    model = new_model()
    parameters = replace(PARAMETERS, epochs=epochs)
    return model, train(model, cohorts["seen"], cohorts["validation"], parameters, seed, "test")


@pytest.fixture(scope="module")
def cohorts() -> dict[str, Cohort]:
    return make_cohorts()


def test_it_learns_to_personalise(cohorts: dict[str, Cohort]) -> None:
    untrained = validate(new_model(), cohorts["seen"], cohorts["validation"])
    model, _ = train_one(cohorts, epochs=PARAMETERS.epochs)
    trained = validate(model, cohorts["seen"], cohorts["validation"])
    for name in ("validation_seen_accuracy", "validation_users_accuracy"):
        assert trained[name] > untrained[name] + 0.15
    assert predict(model, cohorts["unseen"], "evaluation").accuracy.mean() > 0.75


def test_the_same_seed_gives_the_same_numbers(cohorts: dict[str, Cohort]) -> None:
    first, again, other = (train_one(cohorts, seed)[0].state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_the_best_validation_is_kept(cohorts: dict[str, Cohort]) -> None:
    model, result = train_one(cohorts)
    kept = validate(model, cohorts["seen"].first(PARAMETERS.validation_users), cohorts["validation"])
    validated = [row for row in result.history if not math.isnan(row["validation_seen_accuracy"])]
    best = max(row["validation_seen_accuracy"] + row["validation_users_accuracy"] for row in validated)
    assert kept["validation_seen_accuracy"] + kept["validation_users_accuracy"] == pytest.approx(best)
    assert len(validated) == PARAMETERS.validations


def test_the_log_loss_is_that_of_the_calibrated_model(cohorts: dict[str, Cohort]) -> None:
    """Models are chosen between by it: before its calibration one may be better and not know how sure to be."""
    settings = build(VRFParameters, {**SMALL["vrf"], "calibrated": True, "lapses": True}, "test")
    model = VRF(settings, Shape(WIDTH, 40), torch.Generator().manual_seed(0))
    parameters = replace(PARAMETERS, epochs=3, validations=1)
    result = train(model, cohorts["seen"], cohorts["validation"], parameters, 0, "test")
    left = validate(model, cohorts["seen"].first(parameters.validation_users), cohorts["validation"])
    assert result.validation_log_loss == pytest.approx(mean_log_loss(left))
    assert abs(result.validation_log_loss - mean_log_loss(result.history[-1])) > 1e-4


def mean_log_loss(row: Mapping[str, float]) -> float:
    return (row["validation_seen_log_loss"] + row["validation_users_log_loss"]) / 2


def test_the_history_has_the_loss_of_every_epoch(cohorts: dict[str, Cohort], tmp_path: Path) -> None:
    _, result = train_one(cohorts)
    epochs = [row["step"] for row in result.history if row["step"] % 2 == 0]  # forty users, twenty a step
    assert epochs == list(range(2, 21, 2))
    assert all(math.isfinite(row["loss"]) for row in result.history)
    write_history(tmp_path / "history.csv", result.history)
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert len(lines) == len(result.history) + 1
    assert sum(line.endswith(",,,,") for line in lines) == len(result.history) - PARAMETERS.validations


def test_a_user_without_validation_pairs_does_not_hide_the_others(cohorts: dict[str, Cohort]) -> None:
    seen = cohorts["seen"]
    hidden = (seen.pairs.segment == 0) & (seen.part == PARTS.index("validation"))
    kept = replace(seen, pairs=seen.pairs.select(~hidden), part=seen.part[~hidden], rank=seen.rank[~hidden])
    scores = validate(new_model(), kept, cohorts["validation"])
    assert all(math.isfinite(score) for score in scores.values())
    nobody = seen.part != PARTS.index("validation")
    none = replace(seen, pairs=seen.pairs.select(nobody), part=seen.part[nobody], rank=seen.rank[nobody])
    alone = validate(new_model(), none, cohorts["validation"])
    assert math.isnan(alone["validation_seen_accuracy"])
    assert alone["validation_users_accuracy"] == scores["validation_users_accuracy"]
    held_out = cohorts["validation"]
    nobody = held_out.part != PARTS.index("validation")
    nothing = replace(
        held_out, pairs=held_out.pairs.select(nobody), part=held_out.part[nobody], rank=held_out.rank[nobody]
    )
    with pytest.raises(InputError, match="no validation user has a pair"):
        validate(new_model(), seen, nothing)


def test_without_validation_pairs_of_seen_users_held_out_users_choose(cohorts: dict[str, Cohort]) -> None:
    seen = cohorts["seen"]
    kept = seen.part != PARTS.index("validation")
    bare = replace(seen, pairs=seen.pairs.select(kept), part=seen.part[kept], rank=seen.rank[kept])
    model = new_model()
    trained = train(model, bare, cohorts["validation"], PARAMETERS, 0, "test")
    best = max((row for row in trained.history if not math.isnan(row["validation_users_accuracy"])), key=_by_users)
    assert trained.best_step == best["step"] and trained.validation_accuracy == best["validation_users_accuracy"]
    assert math.isfinite(trained.validation_log_loss)


def _by_users(row: dict[str, float]) -> float:
    return row["validation_users_accuracy"]


def with_turned_labels(cohorts: dict[str, Cohort], part: str) -> dict[str, Cohort]:
    """The same cohorts, but in one part of every user's pairs the other response was chosen."""

    def turn(cohort: Cohort) -> Cohort:
        hidden = cohort.part == PARTS.index(part)
        pairs = replace(
            cohort.pairs,
            chosen=torch.where(hidden, cohort.pairs.rejected, cohort.pairs.chosen),
            rejected=torch.where(hidden, cohort.pairs.chosen, cohort.pairs.rejected),
        )
        return replace(cohort, pairs=pairs)

    return {role: turn(cohort) for role, cohort in cohorts.items()}


CALIBRATED = {"vrf/loadings", "vrf/filled"}


def in_both_steps(name: str, cohorts: dict[str, Cohort]) -> dict[str, torch.Tensor]:
    """What a method keeps after its first step, if it has one, and its second. One validation: nothing to choose."""
    kind, changes = METHODS[name.partition("/")[0]], {"calibrated": True, "lapses": True} if name in CALIBRATED else {}
    settings = build(kind.Parameters, {**SMALL[name], **changes}, "test")
    model = kind(settings, Shape(WIDTH, 40, texts=60), torch.Generator().manual_seed(0))  # type: ignore[call-arg]
    model.standardise(cohorts["seen"].known().responses)
    parameters = replace(PARAMETERS, epochs=3, validations=1)
    first = model.first_step(torch.Generator().manual_seed(1))
    if first is not None:
        first.standardise(cohorts["seen"].known().responses)
        train(first, cohorts["seen"], cohorts["validation"], parameters, 0, "first")
        model.start_from(first.eval())
    train(model, cohorts["seen"], cohorts["validation"], parameters, 0, "second")
    return model.state_dict()


# By held-out users: scale, powers, strength.
ADJUSTS = CALIBRATED | {"vrf/network", "lore", "lr", "pref/network", "prob", "prob/scores"}
# And the mean of users' shares, which follows from their powers; and what scores are in logits.
SET_SO = {"loadings.power", "mean_weight", "strength", "logits_per_unit", "variance_share"}


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("part", ["evaluation", "validation", "train"])
def test_a_method_learns_from_training_pairs_alone(cohorts: dict[str, Cohort], name: str, part: str) -> None:
    """Labels of evaluation pairs change nothing at all, those of validation pairs only what is set by them."""
    before = in_both_steps(name, cohorts)
    after = in_both_steps(name, with_turned_labels(cohorts, part))
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    adjusted = {key for key in before if key.startswith("calibration.") or key in SET_SO}
    if part == "train":
        assert bool(changed - adjusted) == (name != "lr")  # which shares nothing between users
    else:
        assert changed <= (adjusted if part == "validation" else set())
        assert bool(changed) == (name in ADJUSTS and part == "validation")


def test_evaluation_pairs_choose_no_step(cohorts: dict[str, Cohort]) -> None:
    poisoned = with_turned_labels(cohorts, "evaluation")
    (model, result), (other, again) = train_one(cohorts), train_one(poisoned)
    first, second = model.state_dict(), other.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (result.best_step, result.history[-1]) == (again.best_step, again.history[-1])


def test_held_out_users_are_scored_by_few_pairs_up_to_all(cohorts: dict[str, Cohort]) -> None:
    model, held_out = train_one(cohorts)[0], cohorts["validation"]
    most = int(held_out.known().pairs_per_user().max())
    sizes = sorted({size for size in (1, 3, 9, 20) if size < most} | {most})
    apart = [predict(model, held_out, "validation", size).accuracy.mean() for size in sizes]
    found = validate(model, cohorts["seen"], held_out)
    assert found["validation_users_accuracy"] == pytest.approx(sum(apart) / len(apart)) and len({*apart}) > 1


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(ValueError, match="learning_rate must be positive, got 0"):
        TrainingParameters(learning_rate=0)
