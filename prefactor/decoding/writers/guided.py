"""ARGS writes: a personal reward has its say at every token."""

from dataclasses import dataclass

import torch

from prefactor.decoding.args import ARGS, ARGSParameters
from prefactor.decoding.conditions import PLAIN
from prefactor.decoding.rewards import PersonalRewards
from prefactor.decoding.sampling import SamplingParameters, sample
from prefactor.decoding.speaker import Speaker
from prefactor.decoding.writers.requests import Answer, Requests
from prefactor.progress import progress


@dataclass(frozen=True)
class ArgsWriter:
    """Writes under log-probability + weight x reward among the most probable tokens."""

    speaker: Speaker
    rewards: PersonalRewards
    sampling: SamplingParameters
    parameters: ARGSParameters

    def __call__(self, requests: Requests) -> list[Answer]:
        """See ``Writer``."""
        users = torch.from_numpy(requests.users)
        ends = self.speaker.end_ids
        steering = ARGS(self.rewards, users, requests.prompts, self.speaker.spelt, ends, self.parameters)
        seeds = [requests.seed_of(row) for row in range(len(requests))]
        contexts = self.speaker.contexts(requests.prompts, [PLAIN] * len(requests))
        with progress("args", len(requests), "texts") as shown:
            written = sample(self.speaker, contexts, self.sampling, seeds, steering, shown)
        about = {"weight": self.parameters.weight, "tokens": self.parameters.tokens}
        return [Answer(text, about) for text in written]
