"""How a method grows with its users: parameters against the number of seen users (LoRe, Figure 3).

Counted twice, because a first step may fit a free weight per seen user that the second does without: what all steps
train, and what the saved model keeps.
"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import torch
from torch import nn

from prefactor.methods.base import RewardModel

SIZES = (10, 100, 1_000, 10_000, 100_000)
COUNTS = ("trained", "kept")


def parameters_by_users(model: RewardModel, first_step: bool, users: Sequence[int] = SIZES) -> pd.DataFrame:
    """Columns ``users``, ``trained`` and ``kept``: of the same method on the same states, with so many seen users.

    ``trained``: parameters that any of its steps fits, each once; ``first_step`` says whether one was run before the
    last. ``kept``: those of the model that is saved, whether the last step fitted them or not. Constants (the input's
    scale, calibration) are no parameters. Counted on models without memory for their numbers.
    """
    return pd.DataFrame([{"users": number, **_counts(model, first_step, number)} for number in users])


def _counts(model: RewardModel, first_step: bool, users: int) -> dict[str, int]:
    shape = replace(model.shape, seen_users=users)
    with torch.device("meta"):
        empty = type(model)(model.settings, shape, torch.Generator())  # type: ignore[call-arg]
        first = empty.first_step(torch.Generator()) if first_step else None
    parameters = dict(empty.named_parameters())
    fitted = {name: parameter for name, parameter in parameters.items() if parameter.requires_grad}
    before = [] if first is None else _further(first, fitted)
    return {"trained": _numbers([*fitted.values(), *before]), "kept": _numbers([*parameters.values()])}


def _further(first: RewardModel, fitted: dict[str, nn.Parameter]) -> list[nn.Parameter]:
    """What the first step fits and the last one does not fit again: a part of one name and shape is the same part."""
    own = ((name, parameter) for name, parameter in first.named_parameters() if parameter.requires_grad)
    return [one for name, one in own if name not in fitted or fitted[name].shape != one.shape]


def _numbers(parameters: Sequence[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)
