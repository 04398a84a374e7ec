"""The table of precision at k: both methods, every k, every user."""

import numpy as np
import torch

from prefactor.decoding.exact.memory import ANY_PROMPT, Memory
from prefactor.evaluation.generation.recovery import recovered

TRUTH = np.array([[0.7, 0.3, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])


def test_what_was_selected_is_held_against_the_truth() -> None:
    weights = torch.tensor([[0.9, 0.1, 0.0, 0.0], [0.9, 0.1, 0.0, 0.0]])
    nothing = np.full(2, np.nan)
    memory = Memory.of(2, np.arange(2), np.full(2, ANY_PROMPT), np.array([[1, 0], [3, 2]]), nothing, nothing)
    found = recovered(weights, memory, TRUTH, ["a", "b"], sizes=(1, 2)).set_index(["method", "k"]).sort_index()
    assert len(found) == 8 and found["chance"].between(0, 1).all()
    assert found.loc[("drift", 1), "precision"].tolist() == [1, 0]
    assert found.loc[("exact", 2), "precision"].tolist() == [1, 0.5]
