"""Style recipes: how strongly a response is to show each style. Scorers never see them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

STYLES = (
    "concise",
    "formal",
    "empathetic",
    "structured",
    "direct",
    "illustrative",
    "narrative",
    "inquiring",
    "technical",
    "enthusiastic",
)
NUISANCES = ("humorous",)  # varies between responses, but nobody in this world has a taste for it


@dataclass(frozen=True)
class Recipe:
    """A level in (0, 1) for each style; ``direct`` near 0 is hedging, ``formal`` near 0 is casual."""

    levels: Mapping[str, float]

    def __getitem__(self, style: str) -> float:
        return self.levels[style]


def draw_recipes(count: int, rng: np.random.Generator) -> list[Recipe]:
    """``count`` recipes whose levels are spread evenly over (0, 1) in each style, in independent random orders.

    Even spreading makes the pool of every prompt differ in every style, so that a user of any taste has
    something to choose; independent orders keep the styles uncorrelated.
    """
    names = (*STYLES, *NUISANCES)
    ranks = np.stack([rng.permutation(count) for _ in names], axis=1)  # (count, styles)
    levels = (ranks + rng.random(ranks.shape)) / count
    return [Recipe(dict(zip(names, row.tolist(), strict=True))) for row in levels]
