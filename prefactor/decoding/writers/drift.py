"""Drift writes: a small model under the user's attributes steers the large one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prefactor.attributes import AttributeLibrary
from prefactor.decoding.conditions import PLAIN, Condition, contrastive
from prefactor.decoding.entropy import Meter, SteeringEntropy
from prefactor.decoding.sampling import SamplingParameters, sample
from prefactor.decoding.speaker import Speaker
from prefactor.decoding.steering import DriftSteering
from prefactor.decoding.writers.requests import Answer, Requests
from prefactor.progress import progress


@dataclass(frozen=True)
class DriftWriter:
    """Writes what the large model writes, pushed by each user's weights of a library's attributes.

    weights   (U, A); a user whose weights are all 0, of whom nothing is known, gets the large model's own text
    kept      so many of a user's weights steer, the largest in size
    strength  the push is 1 / strength (the paper's b)
    metered   the next token's entropy is measured before and after the push
    """

    large: Speaker
    small: Speaker
    library: AttributeLibrary
    weights: np.ndarray
    sampling: SamplingParameters
    kept: int = 7
    strength: float = 0.5
    metered: bool = False

    def __call__(self, requests: Requests) -> list[Answer]:
        """See ``Writer``; ``attributes`` are those that steered."""
        base, *asked = contrastive(self.library)
        chosen = np.argsort(-np.abs(self.weights), axis=1, kind="stable")[:, : self.kept][requests.users]  # (N,m)
        share = np.take_along_axis(self.weights[requests.users], chosen, 1)  # (N,m)
        told: list[list[Condition]] = [[asked[number] for number in row] for row in chosen]
        most = self.sampling.max_new_tokens
        push = DriftSteering(self.large, self.small, requests.prompts, base, told, share, self.strength, most)
        meter = Meter(len(requests)) if self.metered else None
        seeds = [requests.seed_of(row) for row in range(len(requests))]
        contexts = self.large.contexts(requests.prompts, [PLAIN] * len(requests))
        with progress("drift", len(requests), "texts") as shown:
            steering = SteeringEntropy(push, meter, self.large.end_ids) if meter else push
            written = sample(self.large, contexts, self.sampling, seeds, steering, shown)
        entropies = meter.figures() if meter else [{}] * len(written)
        return [
            Answer(text, {"attributes": self._named(*row), **entropy})
            for text, *row, entropy in zip(written, chosen, share, entropies, strict=True)
        ]

    def _named(self, chosen: np.ndarray, share: np.ndarray) -> Mapping[str, float]:
        return {self.library.names[number]: round(float(p), 4) for number, p in zip(chosen, share, strict=True) if p}
