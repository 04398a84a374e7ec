"""EXACT writes: attributes that the user's nearest prompt recalls stand in a line below the prompt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prefactor.attributes import AttributeLibrary
from prefactor.decoding.conditions import PLAIN, Condition, named
from prefactor.decoding.entropy import ContextEntropy, Meter
from prefactor.decoding.exact.objective import NONE
from prefactor.decoding.exact.retrieval import Recall, Retrieved
from prefactor.decoding.sampling import SamplingParameters, Written, sample
from prefactor.decoding.speaker import Speaker
from prefactor.decoding.writers.plain import once
from prefactor.decoding.writers.requests import Answer, Requests
from prefactor.progress import progress


@dataclass(frozen=True)
class ExactWriter:
    """Writes under a line of attributes.

    recall   what is remembered of the users
    embed    prompts to (N, E) embeddings, by the encoder that the memory's prompts were embedded by
    metered  the next token's entropy is measured without the line, too: that takes the model a second context
    """

    speaker: Speaker
    library: AttributeLibrary
    recall: Recall
    embed: Callable[[Sequence[str]], Tensor]
    sampling: SamplingParameters
    metered: bool = False

    def __call__(self, requests: Requests) -> list[Answer]:
        """See ``Writer``; ``attributes`` are the line's, ``similarity`` that of the prompt that recalled them."""
        found = self.retrieve(requests)
        subsets = [tuple(sorted(row[row != NONE].tolist())) for row in found.subsets]
        conditions = [named(self.library, subset) if subset else PLAIN for subset in subsets]
        keys = [(requests.seed_of(row), requests.prompts[row], told) for row, told in enumerate(conditions)]
        written = once(keys, lambda rows: self._write(requests, conditions, rows))  # users of one taste have one text
        return [
            Answer(text, {**about(self.library, subset, found, row), **entropy})
            for row, ((text, entropy), subset) in enumerate(zip(written, subsets, strict=True))
        ]

    def retrieve(self, requests: Requests) -> Retrieved:
        """What the prompts recall; each different prompt is embedded once."""
        number: dict[str, int] = {}
        rows = [number.setdefault(prompt, len(number)) for prompt in requests.prompts]
        return self.recall.find(requests.users, self.embed(list(number))[torch.tensor(rows, dtype=torch.int64)])

    def _plain(self, prompts: Sequence[str]) -> list[np.ndarray]:
        """The contexts without the line."""
        return self.speaker.contexts(prompts, [PLAIN] * len(prompts))

    def _write(
        self, requests: Requests, conditions: Sequence[Condition], rows: list[int]
    ) -> list[tuple[Written, dict[str, float]]]:
        """Texts of some requests, with the entropy of the next token before and after the line."""
        prompts, told = [requests.prompts[row] for row in rows], [conditions[row] for row in rows]
        contexts, seeds = self.speaker.contexts(prompts, told), [requests.seed_of(row) for row in rows]
        meter = Meter(len(rows)) if self.metered else None
        watch = ContextEntropy(self.speaker, self._plain(prompts), meter) if meter else None
        with progress("exact", len(rows), "texts") as shown:
            texts = sample(self.speaker, contexts, self.sampling, seeds, watch, shown)
        return list(zip(texts, meter.figures() if meter else [{}] * len(rows), strict=True))


def about(library: AttributeLibrary, subset: Sequence[int], found: Retrieved, row: int) -> dict[str, object]:
    """What is behind an answer: attributes, and how near the prompt was that recalled them, where there was one."""
    near = float(found.cosine[row])
    similarity = {} if np.isnan(near) else {"similarity": round(near, 4)}
    return {"attributes": [library.names[number] for number in subset], **similarity}
