"""Parameters of the stylebench source."""

from dataclasses import dataclass

from prefactor.datasets.stylebench.prompts import MOST_PROMPTS
from prefactor.errors import InputError

MOST_RESPONSES = 64


@dataclass(frozen=True)
class StylebenchParameters:
    """How large the generated world is, and how its people differ.

    prompts          distinct prompts
    responses        responses in the pool of each prompt: 8 for pairs, 32 for best-of-N
    users            people
    pairs_per_user   pairs of each, on prompts drawn without replacement
    alpha            concentration of the Dirichlet that users' preference vectors come from; small: one taste each
    seed             everything is a function of the parameters and this number
    quality          strength of a factor that all users share, in units of its standard deviation
    topic_shift      share of a user's preference that is drawn anew for each context (group of topics), in [0, 1]
    flip_rate        probability that a noisy user's label is reversed, in [0, 0.5]
    noisy            share of users who are noisy, in [0, 1]
    mixed            share of users with two tastes, one of which is drawn for each pair, in [0, 1]
    """

    prompts: int = 800
    responses: int = 8
    users: int = 2200
    pairs_per_user: int = 240
    alpha: float = 0.001
    seed: int = 0
    quality: float = 0.0
    topic_shift: float = 0.0
    flip_rate: float = 0.0
    noisy: float = 1.0
    mixed: float = 0.0

    def __post_init__(self) -> None:
        _within("prompts", self.prompts, 1, MOST_PROMPTS, "the grammar has no more distinct prompts")
        _within("responses", self.responses, 2, MOST_RESPONSES, "a pair needs two, and a larger pool repeats itself")
        _within("users", self.users, 1, float("inf"), "a world needs people")
        _within("pairs_per_user", self.pairs_per_user, 1, self.prompts, "each pair of a user has a prompt of its own")
        _within("alpha", self.alpha, 1e-6, 1e6, "below, the draw underflows; above, all users are alike")
        _within("quality", self.quality, 0, float("inf"), "a negative factor would prefer bad responses")
        for name in ("topic_shift", "noisy", "mixed"):
            _within(name, getattr(self, name), 0, 1, "it is a share")
        _within("flip_rate", self.flip_rate, 0, 0.5, "above one half, labels mean their opposite")


def _within(name: str, value: float, low: float, high: float, why: str) -> None:
    """InputError unless ``low <= value <= high`` (which NaN is not)."""
    if not low <= value <= high or value == float("inf"):
        bound = f"from {low:,} to {high:,}" if high != float("inf") else f"{low:,} or more, and finite"
        raise InputError(f"stylebench: {name} is {value!r}, but must be {bound}: {why}")
