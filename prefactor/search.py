"""Search for a method's parameters: configurations drawn from its space, scored on validation pairs alone.

A space is a nest of lists: each list holds the values that one parameter may take, by its key as in params.yaml. Every
configuration takes one value of each at random, on top of the method's ``default``; the first one is ``default`` as it
stands. All methods get as many, and as many of their best go on, with ``default``, to a second round on other worlds.
The best by the mean of all worlds is chosen, so that luck in the first round counts for less.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefactor.errors import InputError

if TYPE_CHECKING:
    from prefactor.cohorts import Cohort
    from prefactor.evaluation.accuracy import UserFigures
    from prefactor.methods.base import RewardModel

Space = Mapping[str, Any]
BASIS, MODEL = "basis", "model"  # the steps of a training, as they are told of


@dataclass(frozen=True)
class SearchParameters:
    """What is searched.

    methods         whose parameters are searched
    number          configurations of each, ``default`` among them
    finalists       how many of them, the best, go on to the second round, beside ``default``
    final_datasets  those of run.datasets that only the second round is about; none for one round
    tie             of configurations within so much of the best score the one with the fewest epochs is chosen
    shots           numbers of reference pairs at which held-out users are judged
    seed            of the draws, and of training
    spaces          the space of each method, below ``model``, ``basis_training`` and ``training``
    """

    methods: tuple[str, ...] = ()
    number: int = 25
    finalists: int = 4
    final_datasets: tuple[str, ...] = ()
    tie: float = 0.001
    shots: tuple[int, ...] = (1, 3, 9, 20)
    seed: int = 0
    spaces: Mapping[str, Space] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if min(self.number, self.finalists) < 1 or not self.shots:
            raise ValueError(
                "number and finalists must be at least 1 and shots not empty, "
                f"got {self.number}, {self.finalists} and {[*self.shots]}"
            )
        missing = [method for method in self.methods if method not in self.spaces]
        if missing:
            raise ValueError(f"spaces lacks {', '.join(missing)}: say what is searched, or leave it out of methods")


def configurations(space: Space, number: int, seed: int, method: str) -> list[dict[str, Any]]:
    """``number`` different changes to a method's parameters, of which the first changes nothing.

    Fewer where the space has no more. Raises InputError for what is not a nest of lists.
    """
    from prefactor.seeds import mixed_seed  # torch: whoever only reads a space does without

    drawn: list[dict[str, Any]] = [{}]
    dice = random.Random(mixed_seed(seed, "search", method))
    for _ in range(min(number, _size(space, method) + 1) - 1):
        while (changes := _draw(space, dice)) in drawn:
            pass
        drawn.append(changes)
    return drawn


def score(model: "RewardModel", seen: "Cohort", held_out: "Cohort", shots: Sequence[int]) -> dict[str, float]:
    """Mean accuracy on validation pairs of ``seen`` users, and of held-out users by shots; ``mean`` of them all.

    Where a split leaves seen users no validation pairs, they are left out, and held-out users alone are averaged.
    """
    return mean_scores(validated(model, seen, held_out, shots))


def validated(
    model: "RewardModel", seen: "Cohort", held_out: "Cohort", shots: Sequence[int]
) -> dict[str, "UserFigures"]:
    """Figures per user on validation pairs: of ``seen`` users, and of held-out users by shots."""
    from prefactor.evaluation.accuracy import predict

    found = {"seen": predict(model, seen, "validation")}
    return found | {str(size): predict(model, held_out, "validation", size) for size in shots}


def mean_scores(figures: Mapping[str, "UserFigures"]) -> dict[str, float]:
    """The mean accuracy of each of :func:`validated`'s figures, of users with pairs; ``mean`` of them all."""
    known = {name: found.accuracy[found.pairs > 0] for name, found in figures.items()}
    scores = {name: float(accuracy.mean()) for name, accuracy in known.items() if len(accuracy)}
    return {**scores, "mean": sum(scores.values()) / len(scores)}


Keys = tuple[str, ...]  # of a parameter, from the method's section down


def leaves(space: Any, is_end: Callable[[Any], bool] | None = None, above: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """What a nest of mappings holds where it ends, in order; a mapping that ``is_end`` says so of is an end, too."""
    if not isinstance(space, Mapping) or (is_end is not None and is_end(space)):
        yield above, space
        return
    for key, below in space.items():
        yield from leaves(below, is_end, (*above, str(key)))


def nested(values: Mapping[Keys, Any]) -> dict[str, Any]:
    """Values by their keys as a nest of dictionaries."""
    found: dict[str, Any] = {}
    for keys, value in values.items():
        inside = found
        for key in keys[:-1]:
            inside = inside.setdefault(key, {})
        inside[keys[-1]] = value
    return found


def different(values: Any, where: str) -> list[Any]:
    """``values`` if they are a list to choose from; else InputError."""
    if not isinstance(values, list) or not values or len({repr(value) for value in values}) < len(values):
        raise InputError(f"{where} must be a list of different values to choose from, but is {values!r}")
    return values


def _draw(space: Space, dice: random.Random) -> dict[str, Any]:
    return nested({keys: dice.choice(values) for keys, values in leaves(space)})


def _size(space: Space, method: str) -> int:
    """How many configurations there are."""
    ends = leaves(space)
    return math.prod(len(different(values, ".".join(("search.spaces", method, *keys)))) for keys, values in ends)
