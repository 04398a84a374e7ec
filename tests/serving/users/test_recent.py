"""States in memory: the latest, by what they were made of, and none of the forgotten."""

import torch

from prefactor.methods.base import UserState
from prefactor.serving.users.recent import Recent
from prefactor.serving.users.rows import Mark


def test_the_users_who_came_last_are_kept_as_long_as_nothing_changed():
    recent, states = Recent(2), [UserState({"count": torch.tensor([float(n)])}) for n in range(3)]
    for number, state in enumerate(states[:2]):
        recent.put(f"u{number}", Mark(7, number, False), state)
    assert recent.get("u0", Mark(7, 0, False)) is states[0]
    recent.put("u2", Mark(7, 2, False), states[2])
    assert recent.get("u1", Mark(7, 1, False)) is None and recent.get("u0", Mark(7, 0, False)) is states[0]
    assert recent.get("u2", Mark(7, 3, False)) is recent.get("u2", Mark(8, 2, False)) is None
    recent.drop("u2"), recent.drop("nobody")
    assert recent.get("u2", Mark(7, 2, False)) is None
