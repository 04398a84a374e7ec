"""Choices: changes to a method's ``model`` section, of which held-out data choose one for every seed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

CHOICES = "choices"


def choices_of(model: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A section ``model`` without its ``choices``, and these.

    Raises ValueError for choices that are no list of changes.
    """
    choices = model.get(CHOICES, [])
    if not isinstance(choices, list) or not all(isinstance(change, dict) for change in choices):
        raise ValueError(f"{CHOICES} must be a list of changes to model, {{}} for none, got {choices!r}")
    return {key: value for key, value in model.items() if key != CHOICES}, choices


def best(log_losses: Sequence[float | None]) -> int:
    """The number of the choice with the least log loss, the first of equals; what is no number, or none, is no good."""
    return min(range(len(log_losses)), key=lambda number: _worst_if_none(log_losses[number]))


def _worst_if_none(log_loss: float | None) -> float:
    return math.inf if log_loss is None or math.isnan(log_loss) else log_loss
