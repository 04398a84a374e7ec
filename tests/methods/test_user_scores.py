"""Directions of taste from the space of states: found where users share no text, and none where there is no taste."""

from dataclasses import replace

import pytest
import torch

from prefactor.cohorts import PARTS, Cohort
from prefactor.episodes import EpisodeParameters
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.parallel_analysis import standing_out
from prefactor.methods.pref import PReF, PReFParameters
from prefactor.methods.user_scores import UserScores, distinct_directions
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.parameters import build
from prefactor.preferences import PairBatch, Responses
from prefactor.training import TrainingParameters, train

WIDTH = 16


def own_texts(
    rank: int, users: int = 300, pairs: int = 20, answers: int = 1, seed: int = 3
) -> tuple[PairBatch, torch.Tensor]:
    """Users who judge texts nobody else has met, and the (H, rank) directions in which their tastes differ.

    A choice is judged ``answers`` times, each time between the same kept text and another, so that pairs hang together.
    """
    world, generator = torch.Generator().manual_seed(3), torch.Generator().manual_seed(seed)
    number = users * pairs
    kept = torch.arange(number).repeat_interleave(answers)
    other = number + torch.arange(number * answers)
    scale = torch.linspace(0.3, 3.0, WIDTH)
    states = scale * torch.randn(number * (1 + answers), WIDTH, generator=generator)
    common = torch.randn(WIDTH, generator=world) / scale / 2
    direction = torch.randn(WIDTH, rank, generator=world) / scale.unsqueeze(-1) / 2
    segment = torch.arange(users).repeat_interleave(pairs * answers)
    weight = common + torch.randn(users, rank, generator=generator) @ direction.T  # (U,r)@(r,H)
    odd = 2.0 * torch.randn(number, generator=generator)[kept] if answers > 1 else 0.0  # liked for no reason
    margin = ((states[kept] - states[other]) * weight[segment]).sum(-1) + odd
    first = torch.rand(len(segment), generator=generator) < torch.sigmoid(margin)
    return PairBatch(
        responses=Responses({"states": states}, torch.arange(len(states))),
        chosen=torch.where(first, kept, other),
        rejected=torch.where(first, other, kept),
        segment=segment,
        users=torch.arange(users),
    ), direction


def found(pairs: PairBatch, most: int = 8) -> tuple[torch.Tensor, int]:
    states = pairs.responses.views["states"]
    return distinct_directions(pairs, states / states.std(0), most, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("rank", [1, 3])
def test_tastes_are_found_without_a_shared_text(rank: int) -> None:
    pairs, direction = own_texts(rank)
    directions, number = found(pairs)
    assert number == rank
    assert (directions[:, rank:-1] == 0).all()
    traits = pairs.responses.views["states"] @ direction  # (T,H)@(H,r)
    explained = traits @ torch.linalg.lstsq(traits, directions[:, :rank]).solution
    share = explained.var(0) / directions[:, :rank].var(0)
    assert share.min() > 0.8, share


@pytest.mark.parametrize("answers", [1, 4])
def test_one_taste_for_all_has_no_direction(answers: int) -> None:
    """Also where an odd text decides several of a user's pairs at once."""
    assert found(own_texts(0, answers=answers)[0])[1] == 0


def test_pairs_that_turn_one_by_one_would_take_odd_texts_for_taste() -> None:
    """What units are for: against signs drawn pair by pair, one odd text in several pairs stands out."""
    pairs, _ = own_texts(0, answers=4)
    states = pairs.responses.views["states"]
    scores = UserScores.of(pairs, states / states.std(0))
    signs = 2.0 * torch.randint(2, (20, len(pairs)), generator=torch.Generator().manual_seed(0)) - 1
    values, _ = scores.decomposed()
    assert standing_out(values, (float(scores.decomposed(sign)[0][0]) for sign in signs)) > 0


def test_scores_are_the_gradients_of_the_users_log_likelihoods() -> None:
    pairs, _ = own_texts(2, users=5, pairs=7)
    scores = UserScores.of(pairs, pairs.responses.views["states"])
    weight = torch.linalg.lstsq(scores.states, scores.common).solution
    each = weight.expand(5, -1).clone().requires_grad_()
    difference = scores.states[pairs.chosen] - scores.states[pairs.rejected]
    torch.nn.functional.logsigmoid((each[pairs.segment] * difference).sum(-1)).sum().backward()
    assert each.grad is not None
    expected = torch.linalg.svdvals(each.grad)
    torch.testing.assert_close(scores.decomposed()[0][: len(expected)], expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("common", [False, True])
@pytest.mark.parametrize("rank", [0, 2])
def test_phi_has_as_many_live_outputs_as_there_are_tastes(common: bool, rank: int) -> None:
    """Where no text is shared, the preference matrix sees nothing; of one taste only the common part is left."""
    pairs, _ = own_texts(rank)
    model = PReF(
        PReFParameters(BasisParameters("linear", 6), detected=True, common=common),
        Shape(WIDTH, pairs.n_users),
        torch.Generator().manual_seed(0),
    )
    model.standardise(pairs.responses)
    model.prepare(pairs, torch.Generator().manual_seed(1))
    live = model.phi.last.weight.abs().amax(-1) > 0
    assert int(live[:6].sum()) == rank + (not common)
    right = (model.compare(model.adapt(pairs), pairs).mean > 0).double().mean()
    assert right > 0.6


def cohort(role: str, rank: int, seed: int) -> Cohort:
    """Of own_texts: the last five pairs of every user are for validation."""
    pairs, _ = own_texts(rank, users=120, seed=seed)
    if role != "seen":
        pairs = replace(pairs, users=torch.full_like(pairs.users, -1))
    known = "train" if role == "seen" else "reference"
    part = torch.tensor([PARTS.index(known)] * 15 + [PARTS.index("validation")] * 5).repeat(120)
    names = tuple(f"{role}-{number}" for number in range(120))
    return Cohort(role, names, pairs, part, torch.arange(20).repeat(120))


@pytest.mark.parametrize("filled", [None, {"iterations": 4}])
@pytest.mark.parametrize("rank", [0, 2])
def test_a_trained_vrf_is_personal_where_tastes_differ_and_common_where_they_do_not(
    rank: int, filled: dict[str, int] | None
) -> None:
    """Both training steps: of one taste, users with contrary pairs get one and the same answer."""
    seen, held_out = cohort("seen", rank, 3), cohort("validation", rank, 4)
    model = {"basis": {"form": "linear", "bases": 6}, "latent": 4, "loadings": {"bases": 3}, "common": True}
    settings = build(VRFParameters, {**model, "calibrated": True, "unit_prior": True, "filled": filled}, "test")
    shape, known = Shape(WIDTH, len(seen)), seen.known()
    vrf = VRF(settings, shape, torch.Generator().manual_seed(0))
    basis = vrf.first_step(torch.Generator().manual_seed(1))
    assert basis is not None
    for step in (basis, vrf):
        step.standardise(known.compact().responses)
    steps = TrainingParameters(epochs=4, learning_rate=0.01, episodes=EpisodeParameters(users_per_step=20))
    train(basis, seen, held_out, steps, 0, "test")
    vrf.start_from(basis)
    train(vrf, seen, held_out, steps, 0, "test")
    assert vrf.phi.used(vrf.features) == (rank if filled is None or rank == 0 else WIDTH)
    asked, users = held_out.to_predict("validation"), vrf.adapt(held_out.known())
    common = vrf.compare(vrf.adapt(held_out.known(0)), asked).mean * users["scale"][asked.segment]
    common = common / vrf.prior_state(1)["scale"]
    personal = (vrf.compare(users, asked).mean - common).abs().max()
    assert (personal < 1e-4) if rank == 0 else (personal > 0.5), personal
