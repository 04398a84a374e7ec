"""History injection writes: the user's pairs stand before the prompt (EXACT's Base)."""

from dataclasses import dataclass

from prefactor.decoding.conditions import PLAIN
from prefactor.decoding.history import Histories
from prefactor.decoding.sampling import SamplingParameters
from prefactor.decoding.speaker import Speaker
from prefactor.decoding.writers.plain import told
from prefactor.decoding.writers.requests import Answer, Requests


@dataclass(frozen=True)
class HistoryWriter:
    """Writes after as many of the user's pairs as fit."""

    speaker: Speaker
    sampling: SamplingParameters
    histories: Histories

    def __call__(self, requests: Requests) -> list[Answer]:
        """See ``Writer``; ``pairs`` is how many of the user's pairs the model read."""
        informed = self.histories.before(requests.users.tolist(), requests.prompts)
        prompts = [one.text for one in informed]
        written = told(self.speaker, self.sampling, requests, prompts, [PLAIN] * len(prompts))
        return [Answer(text, {"pairs": one.pairs}) for text, one in zip(written, informed, strict=True)]
