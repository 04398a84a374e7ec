"""A user's pairs as tokens: the same that the engine reads, so that what is trained is what is scored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prefactor.backbones.layout import Tokeniser, Tokens
from prefactor.backbones.passes import pad
from prefactor.decoding.likelihoods import Texts
from prefactor.decoding.speaker import Speaker

SIDES = ("chosen", "rejected")


class Reader:
    """Tokens of some of a table's texts, by their rows."""

    def __init__(self, speaker: Speaker, texts: Texts, max_tokens: int | None) -> None:
        """``max_tokens`` of a text; None for as many as the speaker reads, and no more than that in any case."""
        self.texts = texts
        longest = min(max_tokens or speaker.max_tokens, speaker.max_tokens)
        self._tokenise = Tokeniser(speaker.tokenizer.backend_tokenizer, speaker.layout, longest)

    def __call__(self, rows: np.ndarray) -> Tokens:
        """Tokens of the texts in ``rows`` (N,)."""
        prompts, responses = self.texts.prompts, self.texts.responses
        return self._tokenise([prompts[row] for row in rows], [responses[row] for row in rows])


@dataclass(frozen=True, eq=False)
class Examples:
    """n pairs to train on, and batches of them as TRL's trainers read them.

    tokens     of the texts
    chosen     (n,) which of the texts is y+
    rejected   (n,) which is y-
    padding    a token id that no text ends with
    reference  (texts,) log pi_ref(y|x) in nats; None where no policy is trained
    """

    tokens: Tokens
    chosen: np.ndarray
    rejected: np.ndarray
    padding: int
    reference: np.ndarray | None = None

    def rows(self) -> dict[str, list[int]]:
        """The pairs' texts, by columns."""
        return {"chosen": self.chosen.tolist(), "rejected": self.rejected.tolist()}

    def batch(self, pairs: Sequence[dict[str, int]]) -> dict[str, Tensor]:
        """B pairs as one batch (2B, L), padded on the right: y+ of all first, then y-.

        With a reference also which tokens are the response's, (2B, L), and the reference's (B,) of both sides.
        """
        rows = np.array([pair[side] for side in SIDES for pair in pairs])
        ids, real = pad([self.tokens.ids[row] for row in rows], self.padding)
        found = {"input_ids": ids, "attention_mask": real.astype(np.int64)}
        if self.reference is not None:
            spans, place = self.tokens.responses[rows], np.arange(ids.shape[1])
            judged = (place >= spans.start[:, None]) & (place < spans.stop[:, None])  # (2B,L)
            chosen, rejected = self.reference[rows].astype(np.float32).reshape(2, -1)
            found |= {"completion_mask": judged.astype(np.int64)}
            found |= {"ref_chosen_logps": chosen, "ref_rejected_logps": rejected}
        return {name: torch.from_numpy(values) for name, values in found.items()}


def padding_for(tokens: Tokens, wanted: int | None) -> int:
    """A token id to pad with that ends no text: a reward is read off the last token that is not padding."""
    last = {int(ids[-1]) for ids in tokens.ids}
    if wanted is not None and wanted not in last:
        return wanted
    return next(number for number in range(len(last) + 1) if number not in last)
