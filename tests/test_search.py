"""Configurations of a search: different ones, drawn from their space, the same for the same seed; scores of a model."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefactor.cohorts import PARTS
from prefactor.errors import InputError
from prefactor.evaluation.accuracy import predict
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.bt import BT, BTParameters
from prefactor.parameters import build
from prefactor.search import SearchParameters, configurations, score
from tests.worlds import WIDTH, make_cohorts

SPACE = {
    "model": {"basis": {"bases": [4, 8], "form": ["linear", "mlp"]}},
    "training": {"learning_rate": [0.1, 0.2, 0.3]},
}


@given(st.integers(1, 40), st.integers(0, 99))
def test_configurations_differ_and_come_from_their_space(number: int, seed: int) -> None:
    drawn = configurations(SPACE, number, seed, "bt")
    assert len(drawn) == min(number, 13) and drawn[0] == {}  # the space has 12
    assert all(drawn[at] not in drawn[:at] for at in range(len(drawn)))
    for changes in drawn[1:]:
        assert changes["model"]["basis"]["bases"] in (4, 8) and changes["model"]["basis"]["form"] in ("linear", "mlp")
        assert changes["training"] in [{"learning_rate": rate} for rate in (0.1, 0.2, 0.3)]
    assert drawn == configurations(SPACE, number, seed, "bt")


def test_a_longer_search_begins_with_a_shorter_one_and_methods_differ() -> None:
    assert configurations(SPACE, 9, 0, "bt")[:5] == configurations(SPACE, 5, 0, "bt")
    assert configurations(SPACE, 9, 0, "bt") != configurations(SPACE, 9, 0, "vrf")


@pytest.mark.parametrize("wrong", [3, [], [1, 1], "ab"])
def test_what_is_no_choice_is_named(wrong: object) -> None:
    with pytest.raises(InputError, match=r"search\.spaces\.bt\.model\.bases must be a list"):
        configurations({"model": {"bases": wrong}}, 3, 0, "bt")


def test_a_method_without_a_space_is_named() -> None:
    with pytest.raises(InputError, match="spaces lacks bt"):
        build(SearchParameters, {"methods": ["bt"]}, "search")


def test_the_score_is_the_mean_accuracy_on_validation_pairs() -> None:
    cohorts = make_cohorts()
    model = BT(BTParameters(BasisParameters("linear", 1)), Shape(WIDTH, 40), torch.Generator().manual_seed(0)).eval()
    found = score(model, cohorts["seen"], cohorts["validation"], (1, 3))
    few = predict(model, cohorts["validation"], "validation", 3).accuracy.mean()
    assert found["3"] == pytest.approx(few) and list(found) == ["seen", "1", "3", "mean"]
    assert found["mean"] == pytest.approx((found["seen"] + found["1"] + found["3"]) / 3)


def test_where_seen_users_have_no_validation_pairs_held_out_users_alone_are_averaged() -> None:
    cohorts = make_cohorts()
    whole = cohorts["seen"]
    kept = whole.part != PARTS.index("validation")
    seen = replace(whole, pairs=whole.pairs.select(kept), part=whole.part[kept], rank=whole.rank[kept])
    model = BT(BTParameters(BasisParameters("linear", 1)), Shape(WIDTH, 40), torch.Generator().manual_seed(0)).eval()
    found = score(model, seen, cohorts["validation"], (1, 3))
    assert list(found) == ["1", "3", "mean"] and found["mean"] == pytest.approx((found["1"] + found["3"]) / 2)
