"""Weights that a user sets, ``concise=1,formal=-0.5``, beside those that are inferred from pairs (LoRe's steering)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from prefactor.attributes import SEPARATOR
from prefactor.errors import InputError
from prefactor.parameters import nearest

OPTION = "--weights"


def attribute_weights(text: str, names: Sequence[str]) -> Tensor:
    """(A,) weights of the attributes ``names``, of length 1 as Drift's p is; 0 for those that are not mentioned.

    Raises InputError unless ``text`` is a list of known names with finite numbers, each once and not all 0.
    """
    weights = _read(text, names, "attributes", "concise=1,formal=-0.5")
    return weights / weights.norm()


def basis_weights(text: str, bases: int) -> Tensor:
    """(K,) weights on the simplex for the ``bases`` of a factorised reward, from ``basis:0=0.7,basis:3=0.3``.

    Raises InputError as :func:`attribute_weights` does, and for a negative number.
    """
    weights = _read(text, [f"basis:{number}" for number in range(bases)], "bases", "basis:0=0.7,basis:3=0.3")
    if (weights < 0).any():
        number = int(weights.argmin())
        raise InputError(f"{OPTION}: basis:{number} is negative: weights of bases are shares, give 0 or more")
    return weights / weights.sum()


def _read(text: str, names: Sequence[str], what: str, example: str) -> Tensor:
    """(A,) the numbers given, the largest scaled to 1 so that no sum overflows; 0 for names that are not mentioned."""
    given: dict[str, float] = {}
    for part in text.split(SEPARATOR):
        name, number = _item(part, example)
        if name not in names:
            raise InputError(f"{OPTION}: {name!r} is not among the {what}{nearest(name, names, what)}")
        if name in given:
            raise InputError(f"{OPTION}: {name} is given twice: keep one")
        given[name] = number
    largest = max(abs(number) for number in given.values())
    if not largest:
        raise InputError(f"{OPTION}: all are 0, which asks for nothing: give one another number, e.g. {example}")
    return torch.tensor([given.get(name, 0.0) / largest for name in names], dtype=torch.float64)


def _item(part: str, example: str) -> tuple[str, float]:
    """One ``name=number``."""
    name, _, number = (piece.strip() for piece in part.rpartition("="))
    if not name or not number:
        raise InputError(f"{OPTION}: {part.strip()!r} is not NAME=NUMBER: write e.g. {example}")
    try:
        value = float(number)
    except ValueError:
        raise InputError(f"{OPTION}: {name} is {number!r}, which is no number: write e.g. {example}") from None
    if not math.isfinite(value):
        raise InputError(f"{OPTION}: {name} is {number}: give a finite number")
    return name, value
