"""ARGS: a personal reward steers a language model token by token (Khanov, Burapacheep and Li 2024)."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prefactor.decoding.rewards import PersonalRewards


@dataclass(frozen=True)
class ARGSParameters:
    """How a next token is scored.

    weight  w, of the reward: nats of log-probability that a logit is worth
    tokens  k, the model's most probable tokens, among which the reward chooses
    """

    weight: float = 1.0
    tokens: int = 10

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ValueError(f"weight must not be negative, got {self.weight}: 0 turns the reward off")
        if self.tokens < 1:
            raise ValueError(f"tokens must be at least 1, got {self.tokens}")


class ARGS:
    """score(v) = log P(v | prompt, prefix) + w r_u(prompt, prefix v) for the k most probable tokens v.

    The greatest is ARGS-greedy, a draw from the scores' softmax ARGS-stochastic: that is the sampler's affair, as its
    other filters are. A ``Steering``. The reward reads each prefix as if it were the whole answer, and an answer with
    the token that ends it as the one without it.

    A step asks for the rewards of B x k prefixes, in one batch. They differ in their last tokens: a causal backbone
    reads a row's prompt and prefix once and then k ends, an encoder reads all k texts whole. Nothing is kept from step
    to step, so that an answer of T tokens costs some T^2 / 2 tokens of a causal backbone, and k times that of an
    encoder.
    """

    def __init__(
        self,
        rewards: PersonalRewards,
        users: Tensor,
        prompts: Sequence[str],
        spelt: Callable[[Sequence[int]], str],
        ends: Collection[int],
        parameters: ARGSParameters,
    ) -> None:
        """For N texts that are to be written: ``users`` (N,), rows of ``rewards``, and N ``prompts``.

        ``spelt`` gives the text of token ids; ``ends`` are the ids that end an answer.
        """
        if len(users) != len(prompts):
            raise ValueError(f"{len(users)} users for {len(prompts)} prompts")
        self._rewards, self._users, self._prompts = rewards, users, prompts
        self._spelt, self._ends, self.parameters = spelt, frozenset(ends), parameters
        self.begin(np.empty(0, np.int64))

    def begin(self, rows: np.ndarray) -> None:
        """Write the texts ``rows`` (B,), from their beginnings."""
        self._rows: list[int] = rows.tolist()
        self._prefixes: list[list[int]] = [[] for _ in self._rows]
        self._done = [False] * len(self._rows)

    def keep(self, places: Tensor) -> None:
        """Go on with the rows in these ``places`` (b,) alone."""
        kept = places.tolist()
        self._rows = [self._rows[place] for place in kept]
        self._prefixes = [self._prefixes[place] for place in kept]
        self._done = [self._done[place] for place in kept]

    def logits(self, own: Tensor, last: Tensor | None) -> Tensor:
        """(B, V) scores in nats from the model's own logits (B, V), -inf for all but the k tokens of each row.

        ``last`` (B,) are the tokens that were drawn before, None at first. Rows that have ended are not rewarded.
        """
        for place, token in enumerate([] if last is None else last.tolist()):
            self._done[place] |= token in self._ends
            self._prefixes[place].append(token)
        probable, tokens = own.float().log_softmax(-1).topk(min(self.parameters.tokens, own.shape[-1]))  # (B,k)
        score = probable + self.parameters.weight * self._rewarded(tokens)
        return torch.full_like(own, -torch.inf, dtype=score.dtype).scatter(-1, tokens, score)

    def _rewarded(self, tokens: Tensor) -> Tensor:
        """(B, k) rewards in logits of the prefixes with each of these tokens (B, k); 0 in rows that have ended."""
        found = torch.zeros(tokens.shape, device=tokens.device)
        places = [place for place, done in enumerate(self._done) if not done]
        if not places:
            return found
        next_tokens = tokens[places].tolist()
        texts = [self._text(place, token) for place, line in zip(places, next_tokens, strict=True) for token in line]
        rows = [self._rows[place] for place in places for _ in next_tokens[0]]
        reward = self._rewards.plain(self._users[rows], [self._prompts[row] for row in rows], texts)
        found[places] = reward.to(found).view(len(places), -1)  # (bk,) -> (b,k)
        return found

    def _text(self, place: int, token: int) -> str:
        return self._spelt(self._prefixes[place] + ([] if token in self._ends else [token]))
