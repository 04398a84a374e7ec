"""The engine: token sequences in, and from one pass over each unique token what is asked about them."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from prefactor.backbones.forest import Forest
from prefactor.backbones.layout import Tokens
from prefactor.backbones.passes import LAST, Layers, Pass
from prefactor.backbones.reading import Head, Pooling, log_probabilities, pooled
from prefactor.errors import InputError
from prefactor.progress import Progress

# What PyTorch, its allocators and libraries say of a shortage.
NO_MEMORY = (
    "not enough memory",
    "can't allocate memory",
    "out of memory",
    "ALLOC_FAILED",
    "bad_alloc",
)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What is asked of texts.

    pooling            how token states become a text's: ``mean``, ``mean_response`` or ``last`` (``reading.pooled``)
    layers             whose states: 0 the embeddings, -1 the last, after its norm; several are set side by side
    states             False: none of them
    log_probabilities  of the responses; the model needs its head for them
    """

    pooling: Pooling = "mean"
    layers: Layers = LAST
    states: bool = True
    log_probabilities: bool = False


@dataclass(frozen=True)
class Found:
    """What was asked of N texts, in their order.

    states           (N, H x layers) float32; None if not asked for
    log_probability  (N,) float64 nats, the sum over the response's tokens; None if not asked for
    computed         tokens that went through the model: what texts share counts once
    """

    states: np.ndarray | None
    log_probability: np.ndarray | None
    computed: int


class Engine:
    """A model's forward pass over any number of texts, in batches of similar cost."""

    def __init__(self, forward: Pass, head: Head | None, tokens_per_batch: int) -> None:
        """``head`` turns states into logits; without one there are no log-probabilities."""
        self.forward = forward
        self.head = head
        self.tokens_per_batch = tokens_per_batch
        self._halved = False

    @torch.inference_mode()
    def __call__(self, tokens: Tokens, request: Request, progress: Progress | None = None) -> Found:
        """Raises InputError without a head for log-probabilities, or where half a batch is too large for the memory.

        ``progress`` counts texts. What is found of a text does not depend on the others.
        """
        if request.log_probabilities and self.head is None:
            raise InputError("log-probabilities need a causal language model with its head: this backbone has none")
        answers = _Answers(len(tokens.ids))
        waiting: _Launched | None = None
        for launched in chain(self._launched(tokens, request), [None]):
            if waiting is not None:  # read while the device works on the next
                answers.take(waiting)
                if progress is not None:
                    progress.advance(len(waiting.rows), tokens=waiting.computed)
            waiting = launched
        return answers.found

    def _launched(self, tokens: Tokens, request: Request) -> Iterator["_Launched"]:
        """Every batch, put to work; after a shortage of memory in batches of half the size, once."""
        left = np.arange(len(tokens.ids))
        while len(left):
            texts = [tokens.ids[row] for row in left]
            done = np.zeros(len(left), dtype=bool)
            try:
                for rows, shared in self.forward.batches(texts, self.tokens_per_batch):
                    yield self._launch(tokens, left[rows], shared, request)
                    done[rows] = True
            except (MemoryError, RuntimeError) as error:
                if not is_shortage(error):
                    raise
            left = left[~done]
            if len(left):  # here, where the error no longer keeps the batch in memory
                self._halve()

    def _launch(self, tokens: Tokens, rows: np.ndarray, shared: np.ndarray, request: Request) -> "_Launched":
        forest, spans = Forest.of([tokens.ids[row] for row in rows], shared), tokens.responses[rows]
        layers = request.layers if request.states else LAST
        with_last = layers if layers[-1] == -1 or not request.log_probabilities else (*layers, -1)
        hidden = self.forward(forest, with_last)
        states = log_probability = None
        if request.states:
            parts = [pooled(layer, forest, request.pooling, spans) for layer in hidden[: len(layers)]]
            states = _to_host(torch.cat(parts, -1))
        if request.log_probabilities:
            assert self.head is not None
            log_probability = _to_host(log_probabilities(hidden[-1], forest, spans, self.head))
        return _Launched(rows, states, log_probability, len(forest), _event(self.forward.device))

    def _halve(self) -> None:
        if self._halved or self.tokens_per_batch < 2:
            size = f"{self.tokens_per_batch:,}"
            raise InputError(
                f"batches of {size} tokens are too large for the memory: set tokens_per_batch lower, or max_tokens "
                "where single texts are longer"
            )
        self._halved, self.tokens_per_batch = True, self.tokens_per_batch // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        logger.warning("not enough memory: going on with batches of %s tokens", f"{self.tokens_per_batch:,}")


@dataclass(frozen=True)
class _Launched:
    """A batch's answers, which are there once ``ready`` is."""

    rows: np.ndarray
    states: Tensor | None
    log_probability: Tensor | None
    computed: int
    ready: "torch.cuda.Event | None"


class _Answers:
    """Answers of N texts, filled batch by batch."""

    def __init__(self, texts: int) -> None:
        self._texts = texts
        self.found = Found(None, None, 0)

    def take(self, batch: _Launched) -> None:
        if batch.ready is not None:
            batch.ready.synchronize()
        self.found = Found(
            self._filled(self.found.states, batch.rows, batch.states),
            self._filled(self.found.log_probability, batch.rows, batch.log_probability),
            self.found.computed + batch.computed,
        )

    def _filled(self, whole: np.ndarray | None, rows: np.ndarray, part: Tensor | None) -> np.ndarray | None:
        if part is None:
            return whole
        if whole is None:
            whole = np.empty((self._texts, *part.shape[1:]), dtype=part.numpy().dtype)
        whole[rows] = part.numpy()
        return whole


def _to_host(values: Tensor) -> Tensor:
    if not values.is_cuda:
        return values
    return torch.empty(values.shape, dtype=values.dtype, pin_memory=True).copy_(values, non_blocking=True)


def _event(device: torch.device) -> "torch.cuda.Event | None":
    if device.type != "cuda":
        return None
    event = torch.cuda.Event()
    event.record()
    return event


def is_shortage(error: BaseException) -> bool:
    """Whether an error of PyTorch is for want of memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(words in str(error) for words in NO_MEMORY)
