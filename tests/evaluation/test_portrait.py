"""The portrait of a VRF: shares that add up, projections that keep what they should, four different users."""

import math

import pandas as pd
import pytest
import torch

from prefactor.evaluation.portrait import (
    DRAWN,
    SCARCE,
    Plane,
    basis_rewards,
    best_basis,
    coverage,
    directions,
    entropy,
    margins,
    people,
    powers,
    space,
    units,
)
from prefactor.methods.base import Shape
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.parameters import build
from tests.worlds import WIDTH, make_cohort, make_pairs

LOADED = {"loadings": {"bases": 6}, "common": True, "unit_prior": True}


def make_vrf(**changes: object) -> VRF:
    settings = build(VRFParameters, {"basis": {"form": "linear", "bases": 4}, "latent": 5, **changes}, "test")
    model = VRF(settings, Shape(WIDTH, 8), torch.Generator().manual_seed(0))
    model.standardise(make_pairs(1, 1).responses)
    return model.eval().requires_grad_(False)


def test_coverage_adds_up_within_each_group() -> None:
    model, cohort = make_vrf(), make_cohort("unseen", 30, 1)
    table = coverage({("unseen", shots): model.adapt(cohort.known(shots)) for shots in (None, 9)})
    assert len(table) == 2 * 4
    for _, group in table.groupby("shots", dropna=False):
        assert group["share"].sum() == pytest.approx(1)
        assert group["largest"].sum() == 30 and set(group["n_users"]) == {30}
    assert table["shots"].isna().sum() == 4


def test_the_plane_keeps_what_two_components_hold() -> None:
    """Means that lie in a plane lose nothing: distances stay, and an isotropic posterior stays a circle."""
    generator = torch.Generator().manual_seed(0)
    flat = (torch.randn(40, 2, generator=generator) @ torch.randn(2, 7, generator=generator)).double()
    plane = Plane.through(flat)
    table = plane.table("seen", torch.zeros(40, dtype=torch.long), flat, torch.full((40, 7), 0.5).double())
    seen = torch.tensor(table[["x", "y"]].to_numpy())
    torch.testing.assert_close(torch.cdist(seen, seen), torch.cdist(flat, flat), atol=1e-6, rtol=1e-6)
    assert float(plane.explained.sum()) == pytest.approx(1)
    assert plane.explained[0] >= plane.explained[1]
    assert table["xx"].to_numpy() == pytest.approx(0.25) and table["yy"].to_numpy() == pytest.approx(0.25)
    assert table["xy"].to_numpy() == pytest.approx(0, abs=1e-6)


def test_a_space_of_one_dimension_has_a_flat_second_axis() -> None:
    plane = Plane.through(torch.randn(9, 1, generator=torch.Generator().manual_seed(0)))
    assert plane.axes.shape == (1, 2) and plane.explained.tolist() == pytest.approx([1, 0])


def test_the_projected_covariance_is_that_of_projected_draws() -> None:
    generator = torch.Generator().manual_seed(0)
    plane = Plane.through(torch.randn(30, 3, generator=generator))
    mean, std = torch.zeros(1, 3), torch.tensor([[0.3, 1.0, 2.0]])
    row = plane.table("seen", torch.zeros(1, dtype=torch.long), mean, std).iloc[0]
    draws = (torch.randn(200_000, 3, generator=generator) * std) @ plane.axes
    found = torch.cov(draws.T)
    expected = torch.tensor([[row["xx"], row["xy"]], [row["xy"], row["yy"]]], dtype=found.dtype)
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0.02)


def test_the_space_holds_all_bases_and_the_first_users_of_each_split() -> None:
    model = make_vrf(**LOADED)
    users = {"seen": model.adapt(make_pairs(DRAWN + 5, 4)), "unseen": model.adapt(make_pairs(12, 4, seed=1))}
    table, explained = space(model, users)
    assert table["kind"].value_counts().to_dict() == {"basis": 6, "seen": DRAWN, "unseen": 12}
    assert len(explained) == 2 and 0 < sum(explained) <= 1 + 1e-6
    mine = table[table["kind"] == "unseen"]["basis"].tolist()
    assert mine == users["unseen"]["weight"].argmax(1).tolist()


def test_without_an_encoder_there_is_no_space() -> None:
    model = make_vrf(loadings={"bases": 6, "matched": False})
    table, explained = space(model, {"seen": model.adapt(make_pairs(3, 4))})
    assert table.empty and explained == ()


def test_rewards_of_bases_are_those_of_users_who_are_nothing_else() -> None:
    """A user at one basis has its reward, up to the common one that every user shares."""
    model, pairs = make_vrf(**LOADED), make_pairs(1, 5)
    phi, rewards = model.basis(pairs.responses), basis_rewards(model, pairs.responses)
    assert model.loadings is not None
    for basis, loading in enumerate(model.loadings.mean):
        torch.testing.assert_close(rewards[:, basis] + phi[:, -1], phi @ torch.cat([loading, torch.ones(1)]))
    plain = make_vrf()
    torch.testing.assert_close(basis_rewards(plain, pairs.responses), plain.basis(pairs.responses))


def test_entropy_runs_from_one_basis_to_all_alike() -> None:
    found = entropy(torch.tensor([[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.8, 0.2, 0.0]]))
    assert found[0] == 0 and float(found[1]) == pytest.approx(math.log(3)) and found[0] < found[2] < found[1]


@pytest.mark.parametrize("changes", [{}, LOADED])
def test_four_people_by_scarcity_and_diversity(changes: dict[str, object]) -> None:
    model, cohort = make_vrf(**changes), make_cohort("unseen", 30, 1)
    four, states = people(model, cohort)
    found = pd.DataFrame(four)
    assert states["weight"].tolist() == found["weight"].tolist() and states["mean"].shape == (4, 5)
    assert list(zip(found["scarce"], found["diversity"], strict=True)) == [
        (True, "low"),
        (True, "high"),
        (False, "low"),
        (False, "high"),
    ]
    assert found["pairs"].tolist() == [SCARCE, SCARCE, 10, 10]
    for _, pair in found.groupby("scarce"):
        low, high = pair["entropy"]
        assert low < high
    for person in found.to_dict("records"):
        assert sum(person["weight"]) == pytest.approx(1)
        assert sum(person["explained"]) + person["none"] == person["pairs"] and min(person["explained"]) >= 0


def test_a_pair_goes_to_the_basis_that_explains_it_best() -> None:
    """With a basis whose reward is the users' own and one that says the opposite, all pairs are the first's."""
    model, cohort = make_vrf(basis={"form": "linear", "bases": 2}), make_cohort("unseen", 1, 1)
    pairs = cohort.known()
    states = model.scaled(pairs.responses)
    direction = (states[pairs.chosen] - states[pairs.rejected]).pinverse() @ torch.ones(len(pairs))  # (H,N)@(N,)
    last = model.phi.last
    last.weight.copy_(torch.stack([direction, -direction]))
    last.bias.zero_()
    assert people(model, cohort)[0][-1]["explained"] == [len(pairs), 0]


def test_a_pair_that_no_basis_tells_apart_is_nobody_s() -> None:
    found = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.5, -1.0], [0.5, 0.4, -1.0], [-0.2, -0.1, -0.3]])
    assert best_basis(found, torch.ones(3)).tolist() == [-1, -1, 0, 1]
    assert best_basis(torch.zeros(2, 1), torch.ones(1)).tolist() == [-1, -1]
    assert best_basis(torch.ones(2, 1), torch.ones(1)).tolist() == [0, 0]


def test_a_model_without_a_direction_of_taste_is_known_and_explains_nothing() -> None:
    """As where parallel analysis found none: all outputs of phi are zero but the common one's."""
    model, cohort = make_vrf(**LOADED), make_cohort("unseen", 12, 1)
    assert directions(model) == 4
    model.phi.last.weight[: model.features] = 0
    model.phi.last.bias[: model.features] = 0
    assert directions(model) == 0
    four, _ = people(model, cohort)
    assert all(person["none"] == person["pairs"] and not any(person["explained"]) for person in four)


def test_powers_are_those_that_held_out_users_chose() -> None:
    """None without loadings, without an encoder to weigh, and where they are fixed."""
    model = make_vrf(**LOADED)
    assert powers(model) == (1.0, 0.0) and model.loadings is not None
    model.loadings.power.copy_(torch.tensor((0.5, 0.25)))
    assert powers(model) == (0.5, 0.25)
    for fixed in ({"matched": False}, {"weighed": False}):
        assert powers(make_vrf(loadings={"bases": 6, **fixed})) is None
    assert powers(make_vrf()) is None


def test_the_longest_loading_does_not_explain_more_than_its_direction() -> None:
    """Two bases of different directions: making one ten times as long moves no pair to it."""
    model, cohort = make_vrf(loadings={"bases": 2}, common=True, unit_prior=True), make_cohort("unseen", 30, 1)
    assert model.loadings is not None
    pairs = cohort.known()

    def explained(scaled: float) -> list[int]:
        with torch.no_grad():
            model.loadings.mean[0] *= scaled  # type: ignore[union-attr]
        found = margins(model, pairs)
        return best_basis(found, units(model, found)).tolist()

    before, after = explained(1.0), explained(10.0)
    assert before == after and set(before) == {0, 1}
    raw = margins(model, pairs)
    assert best_basis(raw, torch.ones(2)).tolist() != after  # as it is, the longer one takes pairs of the other


def test_published_bases_are_compared_as_they_are() -> None:
    """Its bases are phi's outputs, in logits: the largest reward difference explains a pair best."""
    model, pairs = make_vrf(), make_cohort("unseen", 30, 1).known()
    phi = model.basis(pairs.responses)
    found = margins(model, pairs)
    wanted = (phi[pairs.chosen] - phi[pairs.rejected]).argmax(-1)
    assert best_basis(found, units(model, found)).tolist() == wanted.tolist()


def test_marked_users_lie_where_their_means_are() -> None:
    model, cohort = make_vrf(**LOADED), make_cohort("unseen", 30, 1)
    state = model.adapt(cohort.known())
    four, marked = people(model, cohort)
    table, explained = space(model, {"unseen": state}, marked)
    assert explained == space(model, {"unseen": state})[1]  # they shape no axis
    own = table[table["kind"] == "person"]
    assert own["basis"].tolist() == [max(range(6), key=person["weight"].__getitem__) for person in four]
    everyone = table[table["kind"] == "unseen"]
    for row in own.iloc[2:].itertuples():  # those known by all their pairs
        assert (abs(everyone["x"] - row.x) + abs(everyone["y"] - row.y)).min() < 1e-5
