"""Parameters against users: what a real model has, how it grows, and what its first step fitted besides."""

import pytest
import torch

from prefactor.evaluation.size import parameters_by_users
from tests.methods.test_contract import SMALL, make_model
from tests.worlds import WIDTH

QUARTER = WIDTH // 4  # hidden width of phi's MLP
HALF = WIDTH // 2  # of the pair encoder
USERS = 1_000


def linear(inputs: int, outputs: int) -> int:
    """Weights and biases of a layer."""
    return inputs * outputs + outputs


def mlp(outputs: int) -> int:
    """Of phi: H -> H/4 -> outputs."""
    return linear(WIDTH, QUARTER) + linear(QUARTER, outputs)


def counts(name: str, first_step: bool) -> tuple[int, int]:
    row = parameters_by_users(make_model(name), first_step, [USERS]).iloc[0]
    return int(row.trained), int(row.kept)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_counts_of_one_step_are_those_of_a_real_model(name: str) -> None:
    model = make_model(name)
    row = parameters_by_users(model, False, [model.shape.seen_users]).iloc[0]
    assert row.trained == row.kept == sum(parameter.numel() for parameter in model.parameters())


def test_bt_lr_is_its_bt() -> None:
    """What it has of each user is fitted to their pairs, and no parameter."""
    assert counts("bt_lr", True) == (mlp(1), mlp(1))


def test_eb_has_phi_a_population_and_its_first_step_s_weights() -> None:
    """Five outputs and a common one; a mean and a covariance of five; five weights a seen user."""
    size = mlp(6) + 5 + 25 + 5 * USERS
    assert counts("eb", True) == (size, size)


def test_a_population_whose_mean_stays_zero_has_no_mean() -> None:
    still = make_model("eb", population={"mean_learnt": False})
    row = parameters_by_users(still, True, [USERS]).iloc[0]
    assert (row.trained, row.kept) == (mlp(6) + 25 + 5 * USERS,) * 2


def test_lore_has_a_basis_and_five_weights_a_user() -> None:
    assert counts("lore", False) == (linear(WIDTH, 5) + 5 * USERS,) * 2


def test_vrf_with_loadings_drops_the_weights_that_its_first_step_fits() -> None:
    """Three outputs and a common one; four bases: loading over three outputs, a share, a latent Gaussian; a covariance;
    the encoder reads two states. In the first step three weights a seen user; phi, which both fit, counts once."""
    bases = 4 * (3 + 1) + 9 + 4 * (6 + 6)
    encoder = sum(parameter.numel() for parameter in make_model("vrf/loadings").encoder.parameters())  # type: ignore[union-attr]
    assert encoder == linear(2 * WIDTH, HALF) + linear(HALF, 2 * 6)
    kept = mlp(4) + encoder + bases
    assert counts("vrf/loadings", True) == (kept + 3 * USERS, kept)
    assert counts("vrf/loadings", False) == (kept, kept)


def test_outputs_that_are_added_to_phi_are_counted_and_the_others_once() -> None:
    trained, kept = counts("vrf/filled", True)
    without = {"basis": {"form": "linear", "bases": 8}, "filled": None}
    row = parameters_by_users(make_model("vrf/filled", **without), True, [USERS]).iloc[0]
    assert kept == row.kept
    assert (trained - kept, row.trained - row.kept) == (3 * USERS, 8 * USERS)


def test_a_phi_that_the_last_step_leaves_alone_was_still_trained() -> None:
    frozen = make_model("vrf/loadings", phi_learning_rate=0.0)
    row = parameters_by_users(frozen, True, [USERS]).iloc[0]
    assert (row.trained, row.kept) == counts("vrf/loadings", True)


def test_free_weights_grow_with_users_and_shared_parts_do_not() -> None:
    grown = {}
    for name in ("bt", "lore", "vrf/loadings"):
        table = parameters_by_users(make_model(name), name.startswith("vrf"), (1_000, 100_000)).set_index("users")
        grown[name] = tuple(table.loc[100_000] - table.loc[1_000])
    assert grown == {"bt": (0, 0), "lore": (99_000 * 5,) * 2, "vrf/loadings": (99_000 * 3, 0)}


def test_nothing_is_built_for_so_many_users() -> None:
    """A hundred million users' weights would not fit."""
    assert parameters_by_users(make_model("lore"), False, [10**8]).trained[0] > 10**8
    assert all(parameter.device == torch.device("cpu") for parameter in make_model("lore").parameters())
