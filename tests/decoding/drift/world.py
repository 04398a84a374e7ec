"""A language of words without order, in which what an attribute's prompt makes likelier is known exactly."""

from dataclasses import dataclass

import numpy as np
import torch

from prefactor.decoding.drift import ZeroShot
from prefactor.preferences import PairBatch, Responses

ATTRIBUTES, WORDS, LENGTH = 6, 48, 12


@dataclass(frozen=True)
class Language:
    """T texts of 0 .. LENGTH words, as counts (T, WORDS), and log pi(word) under the base and each attribute."""

    counts: np.ndarray
    log_chance: np.ndarray

    @classmethod
    def of(cls, texts: int, seed: int = 0) -> "Language":
        """Each attribute makes words of its own likelier; each text is written under one of the prompts."""
        random = np.random.default_rng(seed)
        logits = np.tile(random.normal(size=WORDS), (ATTRIBUTES + 1, 1))
        for number in range(ATTRIBUTES):
            logits[number + 1, number::ATTRIBUTES] += 1.5
        log_chance = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        told = random.integers(ATTRIBUTES + 1, size=texts)
        length = random.integers(LENGTH // 2, LENGTH + 1, size=texts)
        counts = np.stack([random.multinomial(n, np.exp(log_chance[row])) for n, row in zip(length, told, strict=True)])
        return cls(counts, log_chance)

    def table(self, texts: np.ndarray, conditions: list[int]) -> np.ndarray:
        """(n, C) log-probabilities of the texts."""
        return self.counts[texts] @ self.log_chance[list(conditions)].T

    def tokens(self, texts: np.ndarray) -> np.ndarray:
        """(n,) lengths."""
        return self.counts[texts].sum(1)

    def rewards(self, per: str = "response") -> ZeroShot:
        """r_i of all attributes."""
        return ZeroShot(self.table, range(ATTRIBUTES + 1), per, self.tokens)

    def choices(self, truth: np.ndarray, pairs: int, seed: int) -> PairBatch:
        """``pairs`` choices of each user between random texts, without noise, by the weights ``truth`` (U, A)."""
        random = np.random.default_rng(seed)
        users, texts = len(truth), len(self.counts)
        segment = np.repeat(np.arange(users), pairs)
        first = random.integers(texts, size=len(segment))
        second = (first + random.integers(1, texts, size=len(segment))) % texts
        reward = self.rewards()(np.arange(texts))
        better = ((reward[first] - reward[second]) * truth[segment]).sum(1) > 0
        return PairBatch(
            Responses({}, torch.arange(texts)),
            torch.from_numpy(np.where(better, first, second)),
            torch.from_numpy(np.where(better, second, first)),
            torch.from_numpy(segment),
            torch.full((users,), -1),
        )
