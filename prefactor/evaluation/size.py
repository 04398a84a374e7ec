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

    ``trained``: parameters that any of its steps fits, by gradient or in closed form, each once; ``first_step`` says
    whether one was run before the last; choices that were not kept are left out. ``kept``: those of the model that is
    saved. Constants (the input's scale, calibration) are no parameters. Counted on models without memory for their
    numbers.
    """
    return pd.DataFrame([{"users": number, **_counts(model, first_step, number)} for number in users])


def _counts(model: RewardModel, first_step: bool, users: int) -> dict[str, int]:
    shape = replace(model.shape, seen_users=users)
    with torch.device("meta"):
        empty = type(model)(model.settings, shape, torch.Generator())  # type: ignore[call-arg]
        first = empty.first_step(torch.Generator()) if first_step else None
    kept = _sizes(empty)
    further = 0 if first is None else sum(max(size - _own(kept, name), 0) for name, size in _sizes(first).items())
    return {"trained": sum(kept.values()) + further, "kept": sum(kept.values())}


def _own(kept: dict[str, int], name: str) -> int:
    """How large a part of the first step is in the last one, 0 if it is not there: it may have got further outputs.

    A part of one name is the same part, also where the first step's model is kept as a whole, within the other.
    """
    return next((size for own, size in kept.items() if f".{own}".endswith(f".{name}")), 0)


def _sizes(model: nn.Module) -> dict[str, int]:
    return {name: parameter.numel() for name, parameter in model.named_parameters()}
