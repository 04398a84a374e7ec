"""How a method grows with its users: trainable parameters against the number of seen users (LoRe, Figure 3)."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import torch

from prefactor.methods.base import RewardModel

SIZES = (10, 100, 1_000, 10_000, 100_000)


def parameters_by_users(model: RewardModel, users: Sequence[int] = SIZES) -> pd.DataFrame:
    """Columns ``users`` and ``parameters``: of the same method on the same states, had it been trained on so many.

    Counted on models built for that many users without memory for their numbers. They are the parameters that are kept:
    a first step may have fitted a free weight per seen user as well, which EB and VRF with loadings drop.
    """
    return pd.DataFrame({"users": users, "parameters": [_trainable(model, number) for number in users]})


def _trainable(model: RewardModel, users: int) -> int:
    with torch.device("meta"):
        empty = type(model)(model.settings, replace(model.shape, seen_users=users), torch.Generator())  # type: ignore[call-arg]
    return sum(parameter.numel() for parameter in empty.parameters() if parameter.requires_grad)
