"""Drift decoding: a small model's answers under attributes push the large model's next token."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from prefactor.decoding.conditions import Condition
from prefactor.decoding.sampling import Stream, check_room
from prefactor.decoding.speaker import Speaker


class DriftSteering:
    """h = h_LLM + (1/b) sum_i p_i (h_i - h_base) at the logits, Drift Eq. (15).

    The m + 1 contexts of every row, the base prompt's and its m attributes', go through the small model as one batch
    with a cache of keys and values. Rows may have attributes of their own.
    """

    def __init__(
        self,
        large: Speaker,
        small: Speaker,
        prompts: Sequence[str],
        base: Condition,
        attributes: Sequence[Sequence[Condition]],
        weights: np.ndarray,
        strength: float = 0.5,
        max_new_tokens: int = 0,
    ) -> None:
        """``attributes`` are m conditions for each of N prompts, ``weights`` (N, m) their p_i, ``strength`` is b.

        Raises InputError unless both models have the same tokens. ``begin`` does where a context and
        ``max_new_tokens`` after it are more than the small model reads.
        """
        large.check_same_vocabulary(small)
        if strength <= 0:
            raise ValueError(f"strength must be positive, got {strength}: the smaller, the stronger the push")
        self.small, self._prompts, self._base, self._attributes = small, prompts, base, attributes
        self._new = max_new_tokens
        base_weight = -weights.sum(1, keepdims=True)  # all of h_base's places together
        share = np.concatenate([base_weight, weights], 1) / strength
        self._share = torch.from_numpy(share).to(large.device, torch.float32)  # (N,m+1)
        self._mine = self._share

    @property
    def contexts(self) -> int:
        """How many contexts of the small model a row has: m + 1."""
        return self._share.shape[1]

    def begin(self, rows: np.ndarray) -> None:
        """See ``Steering``."""
        told = [condition for row in rows for condition in (self._base, *self._attributes[row])]
        prompts = [self._prompts[row] for row in rows for _ in range(self.contexts)]
        contexts = self.small.contexts(prompts, told)
        check_room(self.small, np.array([len(context) for context in contexts]), self._new)
        self._stream = Stream(self.small, contexts)
        self._mine = self._share[torch.from_numpy(rows).to(self._share.device)]

    def logits(self, own: Tensor, last: Tensor | None) -> Tensor:
        """See ``Steering``."""
        tokens = None if last is None else last.repeat_interleave(self.contexts).to(self.small.device)
        pushed = self._stream.logits(tokens).unflatten(0, (-1, self.contexts)).to(own.device)  # (B,m+1,V)
        push = torch.einsum("bi,biv->bv", self._mine, pushed)  # (B,m+1),(B,m+1,V) -> (B,V)
        if push.shape == own.shape:
            return own + push
        shared = min(push.shape[1], own.shape[1])  # heads may be padded beyond the tokens that there are
        steered = torch.full_like(own, -torch.inf)
        steered[:, :shared] = own[:, :shared] + push[:, :shared]
        return steered

    def keep(self, places: Tensor) -> None:
        """See ``Steering``."""
        self._mine = self._mine[places]
        inside = torch.arange(self.contexts, device=places.device)
        self._stream.keep((places.unsqueeze(1) * self.contexts + inside).flatten().to(self.small.device))
