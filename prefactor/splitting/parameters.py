"""What a split can be asked for: shares of users, shares of each user's pairs, and the leakage rule.

A share is a whole number or a fraction, told apart by how it is written:

* ``45`` (an integer) is a count: exactly so many, no more;
* ``0.5`` (a float in (0, 1]) is a fraction of what the counts beside it leave over. So ``train: 100`` with
  ``evaluation: 1.0`` means a hundred pairs to train on and all others evaluated.

Pairs are handed out in whole units (pairs that the leakage rule must not separate). A count takes units until it is
reached and then drops the excess of the last one; a fraction takes every unit whose middle lies before its end, and at
least one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Share = int | float
Leakage = Literal["within-user", "global", "pairs", "items-within-user", "items-global"]
ONE_POOL = (("train", "validation", "evaluation"), ("reference", "of_unseen"))
# Parts whose fractions are of the same pairs.
SHARED: dict[Leakage, tuple[tuple[str, ...], ...]] = {
    "within-user": ONE_POOL,
    "pairs": ONE_POOL,
    "items-within-user": (("train", "validation"),),
    "items-global": (),
    "global": (),
}
ROUNDING = 1e-9


@dataclass(frozen=True)
class UserShares:
    """Users by role: counts of users, or fractions of the users who have enough pairs. Later stages need all three.

    seen         trained on, and evaluated on pairs kept back
    validation   never trained on: stand in for unseen users when a model is chosen
    unseen       never trained on: described by reference pairs, scored on evaluation pairs
    """

    seen: Share = 0.5
    validation: Share = 0.1
    unseen: Share = 0.4

    def __post_init__(self) -> None:
        for name in ("seen", "validation", "unseen"):
            _check_share(name, getattr(self, name), optional=False)


@dataclass(frozen=True)
class PairShares:
    """Pairs of one user by part: counts, or fractions of the user's pairs (under rules with pools, of those in one).

    train              of a seen user; needed in full
    validation         of a seen user: up to so many of what train and evaluation leave; 0 for none
    evaluation         of a seen or unseen user; needed in full. A validation user's validation part, which mirrors an
                       unseen user's evaluation part, takes this share too, but up to it
    reference          of a validation or unseen user; needed in full
    unseen_evaluation  in place of ``evaluation`` for unseen and validation users, where theirs differs; null: the same

    *In full*: a user with fewer pairs than a count, or with none for a fraction, is one with too few.
    """

    train: Share = 0.4
    validation: Share = 0.1
    evaluation: Share = 0.5
    reference: Share = 0.5
    unseen_evaluation: Share | None = None

    @property
    def of_unseen(self) -> Share:
        """What an unseen user is evaluated on."""
        return self.evaluation if self.unseen_evaluation is None else self.unseen_evaluation

    def __post_init__(self) -> None:
        for name in ("train", "evaluation", "reference", "of_unseen"):
            _check_share(name, getattr(self, name), optional=False)
        _check_share("validation", self.validation, optional=True)


@dataclass(frozen=True)
class Pools:
    """What may train, validate and evaluate: fractions of all pairs, by their prompts, or of the items (texts).

    ``global`` puts each unit (prompts and groups that hang together) into one pool for all users: train and reference
    pairs come from ``train``, validation pairs from ``validation``, evaluation pairs from ``evaluation``.
    ``items-global`` does so with items.

    ``items-within-user`` knows two pools, ``evaluation`` and the rest, ``train`` and ``validation`` together. One draw
    of items is for unseen and validation users: evaluation pairs of the former and the validation pairs of the latter,
    which stand in for them, come from its evaluation items, reference pairs from its other items. Every seen user has
    a draw of their own, so that all items are trained on: evaluation pairs come from its evaluation items, train and
    validation pairs from its other items. A seen user's validation pairs may share items with the train pairs.

    Pairs whose two items are in different pools are not used.
    """

    train: float = 0.6
    validation: float = 0.1
    evaluation: float = 0.3

    def __post_init__(self) -> None:
        shares = {"train": self.train, "validation": self.validation, "evaluation": self.evaluation}
        for name, share in shares.items():
            if not 0 < share < 1:
                raise ValueError(f"{name} must be a fraction between 0 and 1, is {share}")
        _check_sum(shares)


@dataclass(frozen=True)
class SplitParameters:
    """How to split; with the data, all that the result depends on.

    seed          of every pseudo-random order
    leakage       what is never separated: ``within-user``: a user's pairs that share a group or a prompt;
                  ``global``: any users' pairs that share a group or a prompt (no evaluation prompt anywhere in
                  training); ``items-within-user``: as within-user, and no item (text) of a user's evaluation pairs is
                  in the same user's other pairs; ``items-global``: as within-user, and no item of evaluation anywhere
                  in training; ``pairs``: nothing but the pair itself
    users, pairs  shares by role and by part
    pools         shares of prompts or items, for the rules ``global`` and ``items-...`` only
    reverse       users are drawn from the other end of the same order: with half of them unseen, two splits make every
                  user unseen once
    within        a column of the table ``users`` that is true or false: those with true are seen or unseen, those with
                  false stand in for unseen users while a model is chosen (validation), so that a benchmark's own users
                  stay as its authors had them
    too_few       users who could not fill every needed part of every role asked for: ``drop`` (and count) or ``error``
    memory_limit  of DuckDB, e.g. ``2GB``; what does not fit is spilled beside the output. Does not change the result
    """

    seed: int = 0
    leakage: Leakage = "within-user"
    users: UserShares = field(default_factory=UserShares)
    pairs: PairShares = field(default_factory=PairShares)
    pools: Pools = field(default_factory=Pools)
    reverse: bool = False
    within: str | None = None
    too_few: Literal["drop", "error"] = "drop"
    memory_limit: str = "2GB"

    def __post_init__(self) -> None:
        # Where users outside validate, each of the two queues of users is a whole of its own.
        wholes = [("seen", "validation", "unseen")] if self.within is None else [("seen", "unseen"), ("validation",)]
        for roles in wholes:
            _check_sum({f"users.{role}": getattr(self.users, role) for role in roles})
        for parts in SHARED[self.leakage]:
            _check_sum({f"pairs.{part}": getattr(self.pairs, part) for part in parts})
        if self.within is not None and not self.within.isidentifier():
            raise ValueError(f"within must be a column of the table users, is {self.within!r}")


def _check_share(name: str, share: Share, optional: bool) -> None:
    if optional and share == 0:
        return
    if isinstance(share, float) and not 0 < share <= 1:
        raise ValueError(f"{name} must be a count (written without a point) or a fraction in (0, 1], is {share}")
    if isinstance(share, int) and share < 1:
        raise ValueError(f"{name} must be at least 1{' or 0 for none' if optional else ''}, is {share}")


def _check_sum(shares: dict[str, Share]) -> None:
    total = sum(_fractions(shares.values()))
    if total > 1 + ROUNDING:
        listed = " + ".join(f"{name} {share}" for name, share in shares.items() if isinstance(share, float))
        raise ValueError(f"fractions of the same whole exceed 1: {listed} = {total:g}; lower one")


def _fractions(shares: Iterable[Share]) -> list[float]:
    return [share for share in shares if isinstance(share, float)]
