"""What variants change, in words; what that is, and of which other one, ``evaluation.variants`` decides."""

from collections.abc import Mapping
from typing import Any

from prefactor.evaluation.variants import Change, Variation, variations
from prefactor.reporting.estimates import TO
from prefactor.reporting.tables import Contender
from prefactor.trainings import Training

MOST_NAMED = 2  # changes that are written out; of more only their number
ARROW = "\N{RIGHTWARDS ARROW}"


def variations_of(trainings: Mapping[Contender, Training]) -> dict[Contender, Variation]:
    """What each contender that is a variant of another changes of it."""
    found = variations({training: training.summary["parameters"] for training in trainings.values()})
    return {item: found[training] for item, training in trainings.items() if training in found}


def in_words(variation: Variation) -> str:
    """The changes, or how many they are."""
    if len(variation.changes) > MOST_NAMED:
        return f"{len(variation.changes)} parameters"
    return "; ".join(map(_change, variation.changes)) or "nothing"


def _change(change: Change) -> str:
    return f"{change.key}: {_text(change.before)} {ARROW} {_text(change.after)}"


def _text(value: Any) -> str:
    if value is None:
        return TO
    if isinstance(value, list):
        return f"{len(value)} of them" if value else "none"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
