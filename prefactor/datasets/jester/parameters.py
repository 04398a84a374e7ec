"""Parameters of the jester source."""

from dataclasses import dataclass
from typing import Literal

from prefactor.datasets.jester.ratings import LEAST, MOST
from prefactor.errors import InputError


@dataclass(frozen=True)
class JesterParameters:
    """Which people, and which of their pairs of jokes.

    margin           the two ratings of a pair differ by more than this, on the scale from -10 to 10
    users            people drawn at random; null for all there are
    minimum_ratings  of each person: 100 for those who rated every joke, 36 for everyone
    pairs_per_user   pairs drawn at random of each person; one who has fewer keeps them all. Rules that keep jokes
                     apart leave few of them: both jokes of 100 are among 30 in 9 % of pairs
    block            ``development``: four fifths of the people; ``final``: the other fifth, for the last measurement
                     of a piece of work; ``both`` is everyone, and spends the final block. Who belongs to which depends
                     on no parameter
    seed             of both draws
    """

    margin: float = 2.0
    users: int | None = 5000
    minimum_ratings: int = 100
    pairs_per_user: int = 800
    block: Literal["development", "final", "both"] = "development"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.margin < MOST - LEAST:
            raise InputError(f"jester: margin is {self.margin!r}, but must be from 0 to less than {MOST - LEAST:g}")
        for name in ("users", "minimum_ratings", "pairs_per_user"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"jester: {name} is {value!r}, but must be 1 or more")
