"""What a method is judged on: the evaluation pairs of each role, from nested sets of known pairs, every seed apart."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from prefactor.cohorts import PARTS, Cohort
from prefactor.evaluation.fewshot import judge
from prefactor.evaluation.results import PER_USER
from prefactor.evaluation.uncertainty import OF_QUESTIONS
from prefactor.methods.base import Margin, RewardModel, Shape, UserState
from prefactor.preferences import PairBatch, Responses
from prefactor.segments import segment_sum
from tests.methods.test_contract import make_model
from tests.worlds import WIDTH, make_cohort, make_cohorts


class Confident(RewardModel):
    """Right about a user exactly if it knows ``needed`` of their pairs or more; counts how often it adapts."""

    name = "confident"

    def __init__(self, needed: int) -> None:
        super().__init__(None, Shape(WIDTH, 0))
        self.register_buffer("needed", torch.tensor(needed))
        self.calls = 0

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        raise NotImplementedError

    def adapt(self, reference: PairBatch) -> UserState:
        self.calls += 1
        known = segment_sum(torch.ones(len(reference)), reference.segment, reference.n_users)
        return UserState({"known": known})

    def compare(self, users: UserState, pairs: PairBatch) -> Margin:
        right = (users["known"][pairs.segment] >= self.needed).float()
        return Margin(2 * right - 1, torch.zeros(len(pairs)))

    def reward(self, users: UserState, responses: Responses, segment: Tensor) -> Tensor:
        raise NotImplementedError

    def against_mean(self, users: UserState, responses: Responses, segment: Tensor) -> Margin:
        raise NotImplementedError


@pytest.fixture
def cohorts() -> dict[str, Cohort]:
    return make_cohorts(12)


def test_accuracy_by_number_of_known_pairs(cohorts: dict[str, Cohort]) -> None:
    found = judge({"0": Confident(4)}, cohorts, (1, 3, 4, 9))
    by_condition = {(group.split, group.shots): group.figures["0"] for group in found}
    assert set(by_condition) == {("seen", None), ("unseen", None), *(("unseen", n) for n in (1, 3, 4, 9))}
    for (_, shots), figures in by_condition.items():
        assert (figures.accuracy == (shots is None or shots >= 4)).all()
        assert (figures.pairs == 6).all()  # evaluation pairs alone


def test_a_user_with_fewer_pairs_counts_with_those_they_have(cohorts: dict[str, Cohort]) -> None:
    short = make_cohort("unseen", 5, 7, known=3)
    found = judge({"0": Confident(4)}, {**cohorts, "unseen": short}, (20,))
    assert (found[-1].figures["0"].accuracy == 0).all() and found[-1].shots == 20


def test_seeds_are_judged_apart(cohorts: dict[str, Cohort]) -> None:
    found = judge({"a": Confident(2), "b": Confident(100)}, cohorts, (1, 3))
    means = [float(np.mean(group.figures[seed].accuracy)) for group in found for seed in ("a", "b")]
    assert means == [1, 0, 1, 0, 0, 0, 1, 0]
    assert all(set(group.forecasts) == {"a", "b"} for group in found)


@pytest.mark.parametrize(("needed", "share"), [(1, 1.0), (100, 0.0), (None, 0.5)])
def test_single_pairs_agree_with_accuracy(cohorts: dict[str, Cohort], needed: int | None, share: float) -> None:
    """A model that is silent, and so ties, is half right about each."""
    model = Confident(needed or 1)
    if needed is None:
        model.compare = lambda users, pairs: Margin(*torch.zeros(2, len(pairs)))  # type: ignore[method-assign]
    grouped = {role: replace(cohort, group=torch.arange(len(cohort.pairs))) for role, cohort in cohorts.items()}
    for group in judge({"0": model}, grouped, (3,)):
        assert (group.outcomes["accuracy"].value == share).all() and (group.figures["0"].accuracy == share).all()
        for metric, pairs in group.outcomes.items():
            by_user = np.bincount(pairs.user, pairs.value) / np.bincount(pairs.user)
            np.testing.assert_allclose(by_user, getattr(group.figures["0"], metric))
        assert set(group.outcomes) == set(PER_USER)


def test_constants_of_combinations_come_from_validation_users_alone(cohorts: dict[str, Cohort]) -> None:
    """Unseen users' labels on evaluation pairs decide nothing; validation users' do."""
    model = make_model("vrf").eval()

    def fitted(found: dict[str, Cohort]) -> np.ndarray:
        return next(group for group in judge({"0": model}, found, (3,), doubts=(3,)) if group.shots == 3).doubts["0"][
            "fitted"
        ]

    def turned(role: str, part: str) -> dict[str, Cohort]:
        cohort = cohorts[role]
        mask, pairs = cohort.part == PARTS.index(part), cohort.pairs
        sides = [torch.where(mask, a, b) for a, b in ((pairs.rejected, pairs.chosen), (pairs.chosen, pairs.rejected))]
        return {**cohorts, role: replace(cohort, pairs=replace(pairs, chosen=sides[0], rejected=sides[1]))}

    before = fitted(cohorts)
    np.testing.assert_allclose(fitted(turned("unseen", "evaluation")), before, atol=1e-6)
    assert np.abs(fitted(turned("validation", "validation")) - before).max() > 1e-3


def test_only_what_is_said_to_reads_the_pairs_to_predict(cohorts: dict[str, Cohort]) -> None:
    """Other evaluation pairs change ``low_confidence`` and ``fitted``; all else could be told before they were."""
    model, cohort = make_model("vrf").eval(), cohorts["unseen"]
    asked = torch.where(cohort.part == PARTS.index("evaluation"), cohort.pairs.chosen.roll(1), cohort.pairs.chosen)
    others = {**cohorts, "unseen": replace(cohort, pairs=replace(cohort.pairs, chosen=asked))}
    first, second = (judge({"0": model}, found, (3,), doubts=(3,))[-1].doubts["0"] for found in (cohorts, others))
    assert {"combined_flips", "fitted_before", *OF_QUESTIONS} <= set(first)
    for name, values in first.items():
        assert (np.abs(second[name] - values).max() > 1e-4) == (name in OF_QUESTIONS), name


def test_doubts_are_asked_for_where_it_is_said() -> None:
    """Of BT and a method that offers some all of them, of others the one that is free."""
    names = ("bt", "vrf", "lore")
    models, cohorts = {name: make_model(name).eval() for name in names}, make_cohorts(8)

    def asked(*doubts: int) -> dict[tuple[str, int | None], dict[str, set[str]]]:
        found = judge(models, cohorts, (1, 3), doubts=doubts)
        return {(group.split, group.shots): {name: set(own) for name, own in group.doubts.items()} for group in found}

    found = asked(3)
    assert found["seen", None] == found["unseen", 1] == {}
    for shots in (3, None):
        bt, vrf, lore = (found["unseen", shots][name] for name in names)
        assert lore == {"low_confidence"} and {"expected_error", "held_out_nll", "low_confidence"} <= bt < vrf
    assert not any(asked().values())


def test_seeds_with_the_same_model_are_judged_once(cohorts: dict[str, Cohort]) -> None:
    models = {"0": Confident(4), "1": Confident(2), "2": Confident(4)}
    found = judge(models, cohorts, (1, 3))
    assert models["2"].calls == 0 < models["0"].calls == models["1"].calls
    for group, alone in zip(found, judge({"2": Confident(4)}, cohorts, (1, 3)), strict=True):
        assert [*group.figures] == ["0", "1", "2"]
        assert (group.figures["2"].accuracy == alone.figures["2"].accuracy).all()


def test_conditions_with_the_same_pairs_are_judged_once(cohorts: dict[str, Cohort]) -> None:
    models = [Confident(1), Confident(1)]
    for model, shots in zip(models, ((1,), (1, 10, 20)), strict=True):  # ten are all there are
        judge({"0": model}, cohorts, shots)
    assert models[0].calls == models[1].calls
