"""What is asked of a writer, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np

from prefactor.decoding.sampling import Written
from prefactor.seeds import mixed_seed


@dataclass(frozen=True)
class Requests:
    """N prompts of users, who are called by their rows.

    users    (N,)
    prompts  N texts
    samples  (N,) number of the answer: several answers to one request differ by it alone
    seed     of all draws
    """

    users: np.ndarray
    prompts: Sequence[str]
    samples: np.ndarray
    seed: int

    @classmethod
    def once(cls, users: np.ndarray, prompts: Sequence[str], seed: int) -> Self:
        """One answer to each."""
        return cls(users, prompts, np.zeros(len(users), dtype=np.int64), seed)

    def repeated(self, answers: int) -> Self:
        """Several answers to each, those of one request side by side."""
        prompts = [prompt for prompt in self.prompts for _ in range(answers)]
        samples = np.tile(np.arange(answers), len(self.users))
        return type(self)(self.users.repeat(answers), prompts, samples, self.seed)

    def rows(self, index: np.ndarray) -> Self:
        """Some of them, by their rows (M,)."""
        prompts = [self.prompts[row] for row in index]
        return type(self)(self.users[index], prompts, self.samples[index], self.seed)

    def __len__(self) -> int:
        return len(self.users)

    def seed_of(self, row: int) -> int:
        """Drawn by prompt and sample, not by user or method: the same noise for all makes comparisons tighter."""
        return mixed_seed(self.seed, "writing", self.prompts[row], int(self.samples[row]))


@dataclass(frozen=True)
class Answer:
    """A text, and what is behind it: attributes, weights, the pairs that were read."""

    written: Written
    about: Mapping[str, Any] = field(default_factory=dict)


class Writer(Protocol):
    """Whoever writes for users."""

    def __call__(self, requests: Requests) -> list[Answer]:
        """One answer to each request; it does not depend on the others."""
