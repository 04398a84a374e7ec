"""How open the next token is while a text is written, before and after personalisation (Drift, section 5)."""

import math

import numpy as np
import torch
from torch import Tensor

from prefactor.decoding.sampling import Steering, Stream
from prefactor.decoding.speaker import Speaker


class Meter:
    """Mean entropy of the next token's distribution over the tokens of each of N texts, in bits."""

    def __init__(self, texts: int) -> None:
        self._sums = torch.zeros(texts, 2, dtype=torch.float64)
        self._tokens = torch.zeros(texts, dtype=torch.float64)

    def add(self, rows: Tensor, before: Tensor, after: Tensor) -> None:
        """One more token of the texts in ``rows`` (b,), from logits (b, V) before and after."""
        both = torch.stack([entropy(before), entropy(after)], -1)  # (b,2)
        self._sums[rows] += both.double().cpu()
        self._tokens[rows] += 1

    def figures(self) -> list[dict[str, float]]:
        """``entropy_before`` and ``entropy_after`` of each text, bits a token; 0 of a text without tokens."""
        means = self._sums / self._tokens.clamp(min=1).unsqueeze(-1)
        return [{"entropy_before": before, "entropy_after": after} for before, after in means.tolist()]


def entropy(logits: Tensor) -> Tensor:
    """(B, V) logits to (B,) bits."""
    log_share = logits.float().log_softmax(-1)
    return torch.special.entr(log_share.exp()).sum(-1) / math.log(2)


class _Watched:
    """Which of the texts of a batch are still written: of a finished one no token counts."""

    def __init__(self, meter: Meter, ends: list[int]) -> None:
        self._meter, self._ends = meter, ends

    def begin(self, rows: np.ndarray) -> None:
        self._rows = torch.from_numpy(rows)
        self._writing = torch.ones(len(rows), dtype=torch.bool)

    def see(self, last: Tensor | None, before: Tensor, after: Tensor) -> None:
        if last is not None:
            self._writing &= ~torch.isin(last.cpu(), torch.tensor(self._ends))
        mine = self._writing.to(before.device)
        self._meter.add(self._rows[self._writing], before[mine], after[mine])

    def keep(self, places: Tensor) -> None:
        self._rows, self._writing = self._rows[places.cpu()], self._writing[places.cpu()]


class SteeringEntropy:
    """A steering, watched: before it, and after it."""

    def __init__(self, steering: Steering, meter: Meter, ends: list[int]) -> None:
        self._steering, self._watched = steering, _Watched(meter, ends)

    def begin(self, rows: np.ndarray) -> None:
        """See ``Steering``."""
        self._steering.begin(rows)
        self._watched.begin(rows)

    def logits(self, own: Tensor, last: Tensor | None) -> Tensor:
        """See ``Steering``."""
        steered = self._steering.logits(own, last)
        self._watched.see(last, own, steered)
        return steered

    def keep(self, places: Tensor) -> None:
        """See ``Steering``."""
        self._steering.keep(places)
        self._watched.keep(places)


class ContextEntropy:
    """The same text after another context: ``contexts`` are those of before, what is written from is after.

    It steers nothing.
    """

    def __init__(self, speaker: Speaker, contexts: list[np.ndarray], meter: Meter) -> None:
        self._speaker, self._contexts, self._watched = speaker, contexts, _Watched(meter, speaker.end_ids)

    def begin(self, rows: np.ndarray) -> None:
        """See ``Steering``."""
        self._stream = Stream(self._speaker, [self._contexts[row] for row in rows])
        self._watched.begin(rows)

    def logits(self, own: Tensor, last: Tensor | None) -> Tensor:
        """See ``Steering``."""
        self._watched.see(last, self._stream.logits(last), own)
        return own

    def keep(self, places: Tensor) -> None:
        """See ``Steering``."""
        self._stream.keep(places)
        self._watched.keep(places)
