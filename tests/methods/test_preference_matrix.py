"""The start of PReF's basis: against a dense decomposition, and the projection onto states."""

from dataclasses import replace

import pytest
import torch

from prefactor.methods.basis import Basis, BasisParameters
from prefactor.methods.preference_matrix import detected_rank, leading_directions, project_onto_states
from prefactor.preferences import PairBatch
from tests.worlds import WIDTH, make_pairs


def dense(known: PairBatch) -> torch.Tensor:
    """Y (U, T), pair by pair."""
    matrix = torch.zeros(known.n_users, len(known.responses))
    for user, plus, minus in zip(known.segment, known.chosen, known.rejected, strict=True):
        matrix[user, plus] += 1
        matrix[user, minus] -= 1
    return matrix


@pytest.mark.parametrize("common", [False, True])
def test_directions_are_those_of_the_dense_decomposition(common: bool) -> None:
    known = make_pairs(200, 30, seen=True)
    matrix = dense(known)
    average = matrix.mean(0)
    if common:
        matrix = matrix - average
    _, values, right = torch.linalg.svd(matrix, full_matrices=False)
    found = leading_directions(known, 4, common, torch.Generator().manual_seed(0))
    if common:
        torch.testing.assert_close(found[:, 4], average, atol=1e-6, rtol=1e-5)
    found = found[:, :4]
    # Orthogonal columns of length sqrt(sigma_k) that carry as much of Y as the true ones. The first two are the true
    # ones; later ones mix where singular values lie close.
    torch.testing.assert_close(found.T @ found, torch.diag(values[:4]), atol=0.02 * float(values[0]), rtol=0)
    carried = matrix @ torch.nn.functional.normalize(found, dim=0)
    torch.testing.assert_close(carried.norm(dim=0), values[:4], atol=0, rtol=0.01)
    alignment = torch.nn.functional.cosine_similarity(found[:, :2], right[:2].T, dim=0).abs()
    assert alignment.min() > 0.999


def test_more_directions_than_users_are_zero_beyond_the_rank() -> None:
    found = leading_directions(make_pairs(3, 9, seen=True), 5, False, torch.Generator().manual_seed(0))
    assert found.shape == (60, 5)
    assert found[:, 3:].abs().max() < 1e-2 < found[:, :3].abs().amax(0).min()


def test_the_same_generator_gives_the_same_directions() -> None:
    known = make_pairs(50, 9, seen=True)
    first, again = (leading_directions(known, 3, False, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, again)


def test_a_linear_target_is_found_by_a_linear_basis() -> None:
    """At little noise the ridge keeps directions and shrinks all of them alike."""
    states = torch.randn(2000, WIDTH, generator=torch.Generator().manual_seed(0))
    target = states @ torch.randn(WIDTH, 2, generator=torch.Generator().manual_seed(1))
    basis = Basis(BasisParameters("linear", 2), WIDTH, torch.Generator().manual_seed(2))
    project_onto_states(basis, states, target)
    found = basis(states).detach()
    for column in range(2):
        assert float(torch.corrcoef(torch.stack([found[:, column], target[:, column]]))[0, 1]) > 0.999
    assert float((found - found.mean(0)).square().mean()) == pytest.approx(1, abs=1e-4)


def test_a_curved_target_is_found_by_a_network() -> None:
    width = 40  # the network's hidden layer is a quarter
    states = torch.randn(2000, width, generator=torch.Generator().manual_seed(0))
    target = states[:, :1].abs()
    correlation = {}
    for form in ("linear", "mlp"):
        basis = Basis(BasisParameters(form, 1), width, torch.Generator().manual_seed(2))
        project_onto_states(basis, states, target)
        found = basis(states).detach().flatten()
        correlation[form] = float(torch.corrcoef(torch.stack([found, target.flatten()]))[0, 1])
    assert correlation["mlp"] > 0.8 > 0.3 > correlation["linear"]


def test_zero_directions_leave_finite_weights() -> None:
    basis = Basis(BasisParameters("linear", 2), WIDTH, torch.Generator().manual_seed(2))
    project_onto_states(basis, torch.randn(50, WIDTH), torch.zeros(50, 2))
    assert all(parameter.isfinite().all() for parameter in basis.parameters())


def planted(rank: int, users: int = 400, pairs: int = 40) -> PairBatch:
    """Users whose tastes over 60 shared responses differ in ``rank`` directions beside a common one."""
    generator = torch.Generator().manual_seed(5)
    known = make_pairs(users, pairs, seen=True)
    trait = torch.randn(60, rank + 1, generator=generator)
    weight = 2 * torch.randn(users, rank + 1, generator=generator)
    weight[:, -1] = 1.5
    left, right = known.chosen, known.rejected
    margin = (weight[known.segment] * (trait[left] - trait[right])).sum(-1)
    swap = torch.rand(len(known), generator=generator) > torch.sigmoid(margin)
    return replace(known, chosen=torch.where(swap, right, left), rejected=torch.where(swap, left, right))


@pytest.mark.parametrize("rank", [0, 1, 4])
def test_the_rank_of_tastes_is_found(rank: int) -> None:
    assert detected_rank(planted(rank), 12, torch.Generator().manual_seed(0)) == rank


@pytest.mark.parametrize("candidates", [2, 8])
def test_labels_by_chance_have_no_rank(candidates: int) -> None:
    """Pairs of candidates of one prompt: both entries of a choice come from one label."""
    generator = torch.Generator().manual_seed(6)
    users, pairs, prompts = 300, 40, 60
    known = make_pairs(users, pairs, seen=True)
    prompt = torch.randint(prompts, (users * pairs,), generator=generator)
    first = torch.randint(candidates, prompt.shape, generator=generator)
    second = (first + torch.randint(1, candidates, prompt.shape, generator=generator)) % candidates
    turn = torch.rand(len(prompt), generator=generator) < 0.5
    one, other = prompt * candidates + first, prompt * candidates + second
    rows = torch.zeros(prompts * candidates, dtype=torch.long)
    noise = replace(
        known,
        responses=known.responses[rows],
        chosen=torch.where(turn, one, other),
        rejected=torch.where(turn, other, one),
    )
    assert detected_rank(noise, 10, torch.Generator().manual_seed(0)) == 0


def test_texts_of_one_user_each_have_no_rank() -> None:
    known = make_pairs(6, 4, seen=True)
    texts = torch.arange(2 * len(known))
    alone = replace(
        known,
        responses=known.responses[torch.zeros(len(texts), dtype=torch.long)],
        chosen=texts[: len(known)],
        rejected=texts[len(known) :],
    )
    assert detected_rank(alone, 7, torch.Generator().manual_seed(0)) == 0
