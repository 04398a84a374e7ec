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
ROUNDING = 1e-9


@dataclass(frozen=True)
class UserShares:
    """Users by role: counts of users, or fractions of the users who have enough pairs.

    seen         trained on, and evaluated on pairs kept back
    validation   never trained on: stand in for unseen users when a model is chosen; 0 for none
    unseen       never trained on: described by reference pairs, scored on evaluation pairs; 0 for none
    """

    seen: Share = 0.5
    validation: Share = 0.1
    unseen: Share = 0.4

    def __post_init__(self) -> None:
        _check_share("seen", self.seen, optional=False)
        _check_share("validation", self.validation, optional=True)
        _check_share("unseen", self.unseen, optional=True)
        _check_sum({"seen": self.seen, "validation": self.validation, "unseen": self.unseen})


@dataclass(frozen=True)
class PairShares:
    """Pairs of one user by part: counts, or fractions of the user's pairs (under ``global``: of those in the pool).

    train        of a seen user; needed in full
    validation   of a seen user: up to so many of what train and evaluation leave; 0 for none
    evaluation   of a seen or unseen user; needed in full. A validation user's validation part, which mirrors an
                 unseen user's evaluation part, takes this share too, but up to it
    reference    of a validation or unseen user; needed in full

    *In full*: a user with fewer pairs than a count, or with none for a fraction, is one with too few.
    """

    train: Share = 0.4
    validation: Share = 0.1
    evaluation: Share = 0.5
    reference: Share = 0.5

    def __post_init__(self) -> None:
        for name in ("train", "evaluation", "reference"):
            _check_share(name, getattr(self, name), optional=False)
        _check_share("validation", self.validation, optional=True)


@dataclass(frozen=True)
class PromptPools:
    """Fractions of all pairs whose prompts train, validate and evaluate under the ``global`` rule.

    Each unit (prompts and groups that hang together) belongs to one pool for all users: train and reference pairs come
    from ``train``, validation pairs from ``validation``, evaluation pairs from ``evaluation``.
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
                  training); ``pairs``: nothing but the pair itself
    users, pairs  shares by role and by part
    pools         shares of prompts, for the rule ``global`` only
    too_few       users who could not fill every needed part of every role asked for: ``drop`` (and count) or ``error``
    memory_limit  of DuckDB, e.g. ``2GB``; what does not fit is spilled beside the output. Does not change the result
    """

    seed: int = 0
    leakage: Leakage = "within-user"
    users: UserShares = field(default_factory=UserShares)
    pairs: PairShares = field(default_factory=PairShares)
    pools: PromptPools = field(default_factory=PromptPools)
    too_few: Literal["drop", "error"] = "drop"
    memory_limit: str = "2GB"

    def __post_init__(self) -> None:
        if self.leakage == "global":  # every part has a pool of its own
            return
        for parts in (("train", "validation", "evaluation"), ("reference", "evaluation")):
            _check_sum({f"pairs.{part}": getattr(self.pairs, part) for part in parts})


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
