"""Parameters against users: what a real model has, and how it grows."""

import pytest

from prefactor.evaluation.size import parameters_by_users
from prefactor.training import trainable
from tests.methods.test_contract import SMALL, make_model


@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_count_is_that_of_a_real_model(name: str) -> None:
    model = make_model(name)
    assert parameters_by_users(model, [model.shape.seen_users]).parameters[0] == trainable(model)


def test_free_weights_grow_with_users_and_shared_parts_do_not() -> None:
    users = (10, 1_000, 100_000)
    counts = {name: list(parameters_by_users(make_model(name), users).parameters) for name in ("bt", "lore", "vrf")}
    bases = SMALL["lore"]["basis"]["bases"]  # type: ignore[index]
    assert counts["lore"][2] - counts["lore"][1] == 99_000 * bases
    assert len(set(counts["bt"])) == len(set(counts["vrf"])) == 1
