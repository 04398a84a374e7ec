"""EXACT as a scorer of pairs: learn subsets from what is known of users, recall one for each pair to predict."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prefactor.decoding.exact.cosine import directions
from prefactor.decoding.exact.greedy import select_each, select_together
from prefactor.decoding.exact.memory import ANY_PROMPT, Memory
from prefactor.decoding.exact.objective import Objective, SubsetLikelihood
from prefactor.decoding.exact.parameters import ExactParameters
from prefactor.decoding.exact.retrieval import OneForAll, PromptIndex, Recall, Retrieved
from prefactor.errors import InputError
from prefactor.methods.base import Margin
from prefactor.preferences import PairBatch


@dataclass(frozen=True)
class Prediction:
    """Margins (N,) of pairs in nats, without variance, and what was recalled for them."""

    margin: Margin
    retrieved: Retrieved


class ExactScorer:
    """Pairs predicted by log pi(y+ | x, A) - log pi(y- | x, A), A recalled from the user's own pairs.

    likelihood      log-probabilities of texts under subsets of the library
    attributes      size of the library
    prompt_of_text  (texts,) number of each text's prompt, by row of the split's text table
    embeddings      (P, E) of the prompts, by any encoder; their device is the one prompts are compared on
    """

    def __init__(
        self,
        likelihood: SubsetLikelihood,
        attributes: int,
        prompt_of_text: np.ndarray,
        embeddings: Tensor,
        parameters: ExactParameters,
    ) -> None:
        """InputError if k is more than the library has, or if prompts and embeddings do not fit each other."""
        self.objective = Objective(likelihood, attributes)
        self.objective.check_size(parameters.k)
        self.parameters = parameters
        self._prompt_of_text = _checked(prompt_of_text, len(embeddings))
        self._directions = directions(embeddings)

    def __call__(self, known: PairBatch, pairs: PairBatch) -> Margin:
        """Margins (N,) of ``pairs`` in nats, from what is ``known`` of the same users."""
        return self.predict(self.adapt(known), pairs).margin

    def adapt(self, known: PairBatch) -> Recall:
        """What is remembered of all users of ``known``; a user may have no pairs."""
        if self.parameters.retrieval == "global":
            return OneForAll(self._together(known))
        return PromptIndex(self._each(known), self._directions, self.parameters.library_index_from)

    def append(self, recall: Recall, feedback: PairBatch) -> None:
        """Learn from new pairs alone; ``recall`` then equals what adapting to all pairs gives.

        InputError where one subset holds for all prompts: it is the best of all pairs together.
        """
        if not isinstance(recall, PromptIndex):
            raise InputError("one subset for all prompts cannot be appended to: adapt again, to all of a user's pairs")
        recall.append(self._each(feedback))

    def predict(self, recall: Recall, pairs: PairBatch) -> Prediction:
        """Margins (N,) of pairs whose ``segment`` indexes the users of ``recall``, with what was recalled."""
        texts = _texts(pairs)
        prompts = torch.from_numpy(self._prompts(texts)).to(self._directions.device)
        retrieved = recall.find(pairs.segment.cpu().numpy(), self._directions[prompts])
        mean = torch.from_numpy(self._differences(texts, retrieved.subsets)).to(pairs.segment.device)
        return Prediction(Margin(mean, torch.zeros_like(mean)), retrieved)

    def _differences(self, texts: np.ndarray, subsets: np.ndarray) -> np.ndarray:
        """(N,) nats: raw, Eq. (11), or less the same without attributes, Eq. (12)."""
        raw = self.objective(texts, subsets)
        return raw - self.objective.without_attributes(texts) if self.parameters.anchored else raw

    def _each(self, known: PairBatch) -> Memory:
        """A subset per pair, then per prompt."""
        texts = _texts(known)
        prompts = self._prompts(texts)
        found = select_each(self.objective, texts, self.parameters.k, self.parameters.positive)
        segment = known.segment.cpu().numpy()
        return Memory.of(known.n_users, segment, prompts, found.subsets, found.final(), found.gain())

    def _together(self, known: PairBatch) -> Memory:
        """One subset per user with pairs."""
        segment = known.segment.cpu().numpy()
        users, k = known.n_users, self.parameters.k
        found = select_together(self.objective, _texts(known), segment, users, k, self.parameters.positive)
        having = np.unique(segment)
        mine, prompt = found.rows(having), np.full(len(having), ANY_PROMPT)
        return Memory.of(users, having, prompt, mine.subsets, mine.final(), mine.gain())

    def _prompts(self, texts: np.ndarray) -> np.ndarray:
        """(N,) the number of each pair's prompt, for text rows (N, 2)."""
        size = len(self._prompt_of_text)
        for row in texts[(texts < 0) | (texts >= size)][:1]:
            raise InputError(f"text row {row} has no prompt: prompts are given for the {size} texts of the split")
        both = self._prompt_of_text[texts]  # (N,2)
        for pair in np.flatnonzero(both[:, 0] != both[:, 1])[:1]:
            raise InputError(
                f"text rows {texts[pair, 0]} and {texts[pair, 1]} are a pair but answer different prompts: "
                "EXACT compares two responses to one prompt"
            )
        return both[:, 0]


def _texts(batch: PairBatch) -> np.ndarray:
    """(N, 2) rows of y+ and y- in the split's text table."""
    return batch.responses.text[torch.stack([batch.chosen, batch.rejected], 1)].cpu().numpy()


def _checked(prompt_of_text: np.ndarray, prompts: int) -> np.ndarray:
    for row in np.flatnonzero((prompt_of_text < 0) | (prompt_of_text >= prompts))[:1]:
        raise InputError(
            f"text row {row} has prompt {prompt_of_text[row]}, but there are embeddings of {prompts} prompts: embed all"
        )
    return prompt_of_text
