"""The chart's table: the first users by number, every attribute, truth where it is known."""

import numpy as np
import torch

from prefactor.decoding.drift import Tastes
from prefactor.evaluation.generation.attribute_chart import attribute_chart
from prefactor.evaluation.generation.true_shares import TrueShares


def test_the_first_users_are_charted() -> None:
    weights = torch.tensor([[0.6, 0.8], [1.0, 0.0], [0.0, 1.0]])
    tastes = Tastes(weights, torch.ones(3, dtype=torch.bool), 2 * weights, torch.full((3,), 4))
    table = attribute_chart(tastes, ["formal", "concise"], None, users=2)
    assert table["user"].tolist() == [1, 1, 2, 2] and table["true"].isna().all()
    assert np.allclose(table["difference"], 2 * table["weight"])
    truth = TrueShares(np.array([[0.9, 0.05], [0.0, 1.0], [1.0, 0.0]]), 2)
    assert attribute_chart(tastes, ["formal", "concise"], truth, users=1)["true"].tolist() == [True, False]
