"""A frozen backbone: texts in, one hidden state each out, whatever batch they came in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from prefactor.backbones.engine import Engine, Request
from prefactor.backbones.layout import Tokeniser, Tokens
from prefactor.errors import InputError
from prefactor.progress import Progress


@dataclass(frozen=True)
class Encoded:
    """Hidden states of N texts, in the order given.

    states           (N, H) float32
    truncated        (N,) bool: the text was shortened to the backbone's ``max_tokens``
    tokens           (N,) int32: tokens read, special tokens included
    log_probability  (N,) float64: of the response, the sum over its tokens in nats; None unless the backbone gives it
    response_tokens  (N,) int32: tokens of the response, those that end its turn included; the first token of a text,
                     before which there is nothing, does not count
    cut              (N,) bool: of the truncated ones, those whose response alone was too long
    computed         tokens that went through the model: what texts begin with alike counts once
    """

    states: np.ndarray
    truncated: np.ndarray
    tokens: np.ndarray
    log_probability: np.ndarray | None
    response_tokens: np.ndarray
    cut: np.ndarray
    computed: int


class NotFiniteError(InputError):
    """States or log-probabilities that are no numbers: ``rows`` (n,) of the texts that were given."""

    def __init__(self, rows: np.ndarray, texts: int, fix: str) -> None:
        some = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
        super().__init__(f"{len(rows)} of {texts} hidden states are not finite, in row(s) {some}: {fix}")
        self.rows = rows


class Backbone:
    """A language model, its tokenizer, and how a text's token states become one state."""

    def __init__(
        self,
        engine: Engine,
        tokeniser: Tokeniser,
        request: Request,
        *,
        hidden: int,
        identity: dict[str, str | int | None],
    ) -> None:
        """``request`` is what is asked of every text; ``hidden`` the width of a state."""
        self.engine = engine
        self.hidden = hidden
        self.request = request
        self._tokeniser = tokeniser
        self._identity = identity

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.engine.forward.device

    def identity(self) -> dict[str, str | int | None]:
        """Everything that decides what a state is, and nothing that does not: compared before states are reused."""
        return dict(self._identity)

    def with_identity(self, **more: str) -> "Backbone":
        """The same backbone after its weights were changed; ``more`` says to what."""
        identity = {**self._identity, **more}
        return Backbone(self.engine, self._tokeniser, self.request, hidden=self.hidden, identity=identity)

    def tokenise(self, prompts: Sequence[str], responses: Sequence[str]) -> Tokens:
        """The tokens that the model reads of every (prompt, response)."""
        return self._tokeniser(prompts, responses)

    def encode(self, prompts: Sequence[str], responses: Sequence[str], progress: Progress | None = None) -> Encoded:
        """The hidden state of every (prompt, response), in input order; ``progress`` counts texts.

        A text's state does not depend on the others. Give each text once: nothing is deduplicated here. Raises
        NotFiniteError, an InputError, for states that are no numbers.
        """
        tokens = self.tokenise(prompts, responses)
        found = self.engine(tokens, self.request, progress)
        states = np.empty((0, self.hidden), np.float32) if found.states is None else found.states
        self._check_finite(states, found.log_probability)
        return Encoded(
            states=states,
            truncated=tokens.truncated,
            tokens=np.array([len(ids) for ids in tokens.ids], dtype=np.int32),
            log_probability=found.log_probability,
            response_tokens=(tokens.responses.stop - np.maximum(tokens.responses.start, 1)).clip(0).astype(np.int32),
            cut=tokens.cut,
            computed=found.computed,
        )

    def _check_finite(self, states: np.ndarray, log_probability: np.ndarray | None) -> None:
        sound = np.isfinite(states).all(axis=1)
        if log_probability is not None:
            sound &= np.isfinite(log_probability)
        if not sound.all():
            exact = self._identity["compute_dtype"] == "float32"
            fix = "train its weights anew, or download them again" if exact else "use compute_dtype float32"
            raise NotFiniteError(np.flatnonzero(~sound), len(sound), fix)
