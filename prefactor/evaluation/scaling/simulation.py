"""Scored candidates whose collapse, hacking and correlations are set: what a diagnosis has to find again."""

from dataclasses import dataclass

import numpy as np

from prefactor.evaluation.scaling.pool import Block, Pool


@dataclass(frozen=True)
class Simulation:
    """Users, their queries and candidates, and how a score relates to gold.

    collapse, hacking   alpha: share of users whose score is noise; beta: share of the others' queries that are hacked
    healthy, hacked     rho+, and the magnitude rho-: correlations within sets of so many candidates
    constant            share of the collapsed users whose score does not even differ between candidates
    freedom             of Student's t that utilities come from; None for the normal distribution
    dependence          how far a healthy query's spread of utilities goes with its health: s is (1 + dependence) there,
                        and 1 in hacked ones
    """

    users: int = 200
    queries: int = 20
    candidates: int = 32
    collapse: float = 0.2
    hacking: float = 0.2
    healthy: float = 0.6
    hacked: float = 0.3
    constant: float = 0.5
    freedom: float | None = None
    dependence: float = 0.0

    def pool(self, generator: np.random.Generator, model: str = "model", seeds: int = 1) -> Pool:
        """Every user has queries and candidates of their own; training seeds are drawn anew."""
        sets = self.users * self.queries
        user = np.repeat(np.arange(self.users), self.queries)
        utility = self._utilities(generator, sets)
        collapsed = generator.random(self.users) < self.collapse
        constant = (collapsed & (generator.random(self.users) < self.constant))[user]
        is_hacked = (generator.random(sets) < self.hacking) & ~collapsed[user]
        rho = np.where(is_hacked, -self.hacked, self.healthy) * ~collapsed[user]
        scores = np.stack([self._score(generator, utility, rho) * ~constant[:, None] for _ in range(seeds)])
        spread = np.where(is_hacked, 1.0, 1 + self.dependence)
        gold = spread[:, None] * utility
        candidate = np.arange(sets * self.candidates).reshape(sets, self.candidates)
        block = Block(user, np.arange(sets), candidate, gold, {model: scores})
        return Pool(_names("user", self.users), _names("query", sets), _names("text", candidate.size), (block,), {})

    def _utilities(self, generator: np.random.Generator, sets: int) -> np.ndarray:
        """(S, M) of variance 1."""
        if self.freedom is None:
            return generator.standard_normal((sets, self.candidates))
        drawn = generator.standard_t(self.freedom, (sets, self.candidates))
        return drawn * np.sqrt((self.freedom - 2) / self.freedom)

    def _score(self, generator: np.random.Generator, utility: np.ndarray, rho: np.ndarray) -> np.ndarray:
        noise = generator.standard_normal(utility.shape)
        return rho[:, None] * utility + np.sqrt(1 - rho**2)[:, None] * noise


def _names(kind: str, count: int) -> tuple[str, ...]:
    return tuple(f"{kind}-{number:0{len(str(count))}d}" for number in range(count))
