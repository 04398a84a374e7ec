"""A backbone in training: states that gradients flow through, and states of many texts without."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from prefactor.backbones.encoding import Backbone
from prefactor.backbones.engine import is_shortage
from prefactor.backbones.forest import Forest
from prefactor.backbones.layout import Tokens
from prefactor.backbones.loading import DTYPES
from prefactor.errors import InputError
from prefactor.tuning.parameters import BackboneTuning
from prefactor.tuning.processes import Processes, portion
from prefactor.tuning.texts import Texts
from prefactor.tuning.weights import moving, text_state

logger = logging.getLogger(__name__)
TEXTS_AT_ONCE = 1024  # texts that are sorted into batches together when many are read


@dataclass(frozen=True)
class Chunk:
    """Texts that go through the backbone at once.

    ``rows`` (n,) of some tokenised texts, and how many first tokens each shares with the one before it.
    """

    rows: np.ndarray
    shared: np.ndarray


class LiveBackbone:
    """A backbone that training moves, spread over the processes, with its optimiser."""

    def __init__(
        self, backbone: Backbone, texts: Texts, tuning: BackboneTuning, weight_decay: float, processes: Processes
    ) -> None:
        """``weight_decay`` is the training's, for a tuning that names none."""
        self.backbone, self.texts, self.processes = backbone, texts, processes
        self.forward = backbone.engine.forward
        self.plain: nn.Module = self.forward.model
        self._dtype = DTYPES[tuning.compute_dtype]
        self._budget = tuning.tokens_per_chunk or backbone.engine.tokens_per_batch
        decay = weight_decay if tuning.weight_decay is None else tuning.weight_decay
        optimiser = torch.optim.AdamW(moving(self.plain).values(), lr=tuning.learning_rate, weight_decay=decay)
        self.model, self.optimiser = processes.prepare(self.plain, optimiser)
        self.forward.model = self.model
        self._peak = tuning.learning_rate

    def chunks(self, tokens: Tokens) -> list[Chunk]:
        """Tokenised texts in parts of about as many unique tokens as may be in memory."""
        return [Chunk(*part) for part in self.forward.batches(tokens.ids, self._budget)] if tokens.ids else []

    def states(self, tokens: Tokens, chunk: Chunk) -> Tensor:
        """(n, H) float32 states of a chunk's texts, in main memory; gradients flow unless they are switched off."""
        forest = Forest.of([tokens.ids[row] for row in chunk.rows], chunk.shared)
        with self._cast():
            return text_state(self.forward, forest, tokens.responses[chunk.rows], self.backbone.request).cpu()

    @torch.no_grad()
    def encode(self, rows: np.ndarray) -> Tensor:
        """(n, H) states of the texts in ``rows`` (n,), in all processes; each computes its part of them.

        Raises InputError for states that are not finite, and as ``fits`` does.
        """
        found = torch.zeros(len(rows), self.backbone.hidden)
        mine = np.arange(len(rows))[portion(len(rows), self.processes.rank, self.processes.count)]
        done = np.zeros(len(rows), bool)
        while not self.fits(lambda: self._fill(found, rows, mine[~done[mine]], done)):
            pass
        return self.processes.total(found)

    def _fill(self, found: Tensor, rows: np.ndarray, mine: np.ndarray, done: np.ndarray) -> None:
        """States of the texts ``rows[mine]`` in their places of ``found`` (n, H), which are ``done`` (n,) then."""
        parts = list(self._parts(rows, mine))
        for number in range(self.processes.most(len(parts))):  # a forward pass may need all processes
            tokens, chunk, place = parts[number] if number < len(parts) else self._stand_in()
            states = self.states(tokens, chunk)
            if number < len(parts):
                self.check(states, rows[place])
                found[place], done[place] = states, True

    def rate(self, share: float) -> None:
        """Set the learning rate to a share of its peak."""
        for group in self.optimiser.param_groups:
            group["lr"] = share * self._peak

    @contextmanager
    def in_memory(self) -> Iterator[None]:
        """Around what cannot be done in smaller parts: say what to do where the memory is too small for it."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_shortage(error):
                raise
            raise InputError(
                "the optimiser's means, twice the weights that move, do not fit into the memory: set tuning.mode to "
                "lora, or take a smaller backbone"
            ) from error

    def fits(self, work: Callable[[], None]) -> bool:
        """Do some work; False where the memory was too small for its chunks, which are then half as large.

        Raises InputError where they cannot be halved: one of several processes has others that wait for it.
        """
        try:
            work()
        except (MemoryError, RuntimeError) as error:
            if not is_shortage(error):
                raise
        else:
            return True
        self._halve()  # here, where the error no longer keeps the chunk in memory
        return False

    def too_large(self) -> InputError:
        """What to say where chunks do not fit into memory."""
        return InputError(
            f"chunks of {self._budget:,} tokens are too large for the memory: set tuning.tokens_per_chunk lower, "
            "or tuning.gradient_checkpointing"
        )

    def _halve(self) -> None:
        if self.processes.count > 1 or self._budget < 2:
            raise self.too_large()
        self._budget //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        logger.warning("not enough memory: going on with chunks of %s tokens", f"{self._budget:,}")

    def check(self, states: Tensor, rows: np.ndarray) -> None:
        """Raise InputError where states (n, H) of the texts in ``rows`` (n,) are not finite."""
        wrong = ~states.detach().isfinite().all(-1)
        if wrong.any():
            text = self.texts.name(int(rows[int(wrong.nonzero()[0])]))
            raise InputError(
                f"the backbone's states of {text} are not finite: lower tuning.learning_rate, or set "
                "tuning.compute_dtype to float32"
            )

    def _parts(self, rows: np.ndarray, mine: np.ndarray) -> Iterator[tuple[Tokens, Chunk, np.ndarray]]:
        """Chunks of the texts ``rows[mine]``, and which of ``rows`` each answers."""
        for start in range(0, len(mine), TEXTS_AT_ONCE):
            some = mine[start : start + TEXTS_AT_ONCE]
            tokens = self.texts.tokens(rows[some], self.backbone)
            for chunk in self.chunks(tokens):
                yield tokens, chunk, some[chunk.rows]

    def _stand_in(self) -> tuple[Tokens, Chunk, np.ndarray]:
        """A text for a process that has none left."""
        tokens = self.texts.tokens(np.zeros(1, np.int64), self.backbone)
        return tokens, self.chunks(tokens)[0], np.empty(0, np.int64)

    def _cast(self) -> AbstractContextManager[None]:
        return torch.autocast(self.forward.device.type, self._dtype, enabled=self._dtype != torch.float32)
