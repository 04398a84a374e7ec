"""What a user asks for by weights of their own: attributes where a language model is told some, bases of a reward."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from prefactor.attributes import SEPARATOR
from prefactor.decoding.basis_weights import number_of_bases, with_weights
from prefactor.decoding.parameters import BY_REWARD, DRIFT, EXACT
from prefactor.decoding.rewards import PersonalRewards
from prefactor.decoding.user_weights import OPTION, attribute_weights, basis_weights
from prefactor.errors import InputError

BASIS = "basis:"
OF_ATTRIBUTES, OF_BASES = "concise=1,formal=-0.5", "basis:0=0.7,basis:3=0.3"


@dataclass(frozen=True)
class Wishes:
    """Weights that take the place of inferred ones: of attributes (A,), or of bases, as they were written; or none."""

    attributes: Tensor | None = None
    bases: str | None = None

    def line(self, names: Sequence[str], most: int) -> list[str]:
        """EXACT's line: the ``most`` largest of the attributes ``names`` that are wanted.

        Raises InputError if none is: a line can ask for an attribute, not against it.
        """
        assert self.attributes is not None
        order = self.attributes.argsort(descending=True, stable=True).tolist()
        wanted = [names[number] for number in order if self.attributes[number] > 0][:most]
        if not wanted:
            raise InputError(f"{OPTION}: EXACT names what is wanted, and all are negative: give one above 0")
        return wanted

    def weighed(self, rewards: PersonalRewards) -> PersonalRewards:
        """A reward with the bases weighed as asked; as it is where nothing was asked. InputError without bases."""
        if self.bases is None:
            return rewards
        weights = basis_weights(self.bases, number_of_bases(rewards.model, rewards.users))
        return PersonalRewards(rewards.model, rewards.backbone, with_weights(rewards.model, rewards.users, weights))


def read_wishes(text: str | None, method: str, names: Sequence[str]) -> Wishes:
    """From ``concise=1,formal=-0.5`` or ``basis:0=0.7,basis:3=0.3``; ``names`` are the library's attributes.

    Raises InputError for a mix of both, for what the method cannot follow, and as ``user_weights`` does.
    """
    if text is None:
        return Wishes()
    kinds = {part.strip().startswith(BASIS) for part in text.split(SEPARATOR)}
    if len(kinds) > 1:
        raise InputError(f"{OPTION}: attributes and bases are mixed: write either {OF_ATTRIBUTES} or {OF_BASES}")
    if kinds == {True}:
        _check(method, BY_REWARD, f"has no reward whose bases could be weighed: use {BY_REWARD[0]}vrf")
        return Wishes(bases=text)
    _check(method, (DRIFT, EXACT), f"is told no attributes: use {DRIFT} or {EXACT}")
    return Wishes(attributes=attribute_weights(text, names))


def _check(method: str, taking: Sequence[str], why: str) -> None:
    if not method.startswith(tuple(taking)):
        raise InputError(f"{OPTION}: {method} {why}, or leave {OPTION} out")
