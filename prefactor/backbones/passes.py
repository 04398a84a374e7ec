"""A forward pass of a language model over some texts: packed, each unique token once, or padded, where it must be."""

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from prefactor.backbones import attention
from prefactor.backbones.forest import FEWEST_SHARED, Forest, Ids, packed_batches
from prefactor.backbones.packing import Packing
from prefactor.backbones.transfer import to_device

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LAST = (-1,)
AGREEMENT = {torch.float32: 1e-3, torch.bfloat16: 5e-2}  # relative; a pass that mixes texts up is off by tenths
logger = logging.getLogger(__name__)

Layers = tuple[int, ...]


class Pass(Protocol):
    """A way to take texts through a model.

    ``model`` has no head.
    """

    model: Any
    device: torch.device

    def batches(self, texts: Ids, tokens_per_batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows (n,) of some texts, and what each of them shares with the one before it."""

    def __call__(self, forest: Forest, layers: Layers = LAST) -> list[Tensor]:
        """Hidden states (T, H) of a forest's tokens, by layer; gradients flow unless they are switched off.

        ``layers`` counts as transformers does: 0 is the embeddings, -1 the last layer, after its norm.
        """


class PackedPass:
    """All texts of a batch end to end in one row without padding, which only attention takes apart.

    ``usual`` is the attention that the model was made with, by transformers' name.
    """

    def __init__(self, model: Any, device: torch.device, usual: str = "sdpa") -> None:
        """``model`` is one of transformers', set to use ``attention.NAME``."""
        self.model, self.device, self.usual = model, device, usual

    def batches(self, texts: Ids, tokens_per_batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return packed_batches(texts, tokens_per_batch)

    def __call__(self, forest: Forest, layers: Layers = LAST) -> list[Tensor]:
        return self.through(forest, Packing.of(forest).to(self.device), layers)

    def through(self, forest: Forest, packing: Packing, layers: Layers = LAST) -> list[Tensor]:
        """The same with the forest's packing made before, which then knows what the layers asked of it."""
        output = self.model(
            input_ids=to_device(forest.ids, self.device).unsqueeze(0),
            position_ids=to_device(forest.position, self.device).unsqueeze(0),
            packing=packing,
            output_hidden_states=layers != LAST,
        )
        return [states[0] for states in _chosen(output, layers)]


class PaddedPass:
    """A batch of rows padded on the right: default positions are then right for every architecture.

    A causal model's real tokens cannot see the padding; of others it is masked.
    """

    def __init__(self, model: Any, device: torch.device, padding: int) -> None:
        self.model, self.device, self._padding = model, device, padding

    def batches(self, texts: Ids, tokens_per_batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for rows in batches_by_length(np.array([len(text) for text in texts], dtype=np.int64), tokens_per_batch):
            yield rows, np.zeros(len(rows), dtype=np.int64)

    def __call__(self, forest: Forest, layers: Layers = LAST) -> list[Tensor]:
        assert not forest.shared.any(), "a padded pass shares nothing"
        ids, real = pad([forest.ids[path] for path in forest.paths], self._padding)
        rows = to_device(np.flatnonzero(real), self.device)  # (T,): known here, so that a GPU is not waited for
        output = self.model(
            input_ids=to_device(ids, self.device),
            attention_mask=to_device(real.astype(np.int64), self.device),
            output_hidden_states=layers != LAST,
        )
        return [states.flatten(0, 1).index_select(0, rows) for states in _chosen(output, layers)]  # (B,L,H) -> (T,H)


@torch.no_grad()
def best_pass(model: "PreTrainedModel", device: torch.device, padding: int, causal: bool) -> Pass:
    """A packed pass where the model can take one, which is tried; otherwise a padded one.

    That a causal model cannot, the log says. Whether an architecture's attention can be replaced is not declared
    reliably: one with recurrent layers or another kind of window is known by what its layers ask for, which shows with
    small weights, too, and one with attention biases of its own or another kind of mask by its answers. ``model`` is in
    evaluation mode: with dropout no two passes agree.
    """
    padded = PaddedPass(model, device, padding)
    if not causal:
        return padded
    packed = _packed(model, padded)
    if isinstance(packed, PackedPass):
        return packed
    logger.warning("%s %s: texts are padded, and what they begin with alike is computed anew", _kind(model), packed)
    return padded


def _packed(model: "PreTrainedModel", padded: PaddedPass) -> PackedPass | str:
    """A packed pass that gives what the padded one gives, or why there is none."""
    usual = model.config._attn_implementation
    texts = _probe(model)
    expected = torch.cat([padded(Forest.plain([text]))[0] for text in texts])
    attention.register()
    try:
        model.set_attn_implementation(attention.NAME)
        packed = PackedPass(model, padded.device, usual)
        forest = Forest.of(texts, np.array([0, FEWEST_SHARED]))
        packing = Packing.of(forest).to(padded.device)
        found = packed.through(forest, packing)[0][np.concatenate(forest.paths)]
        error = float((found - expected).norm() / expected.norm())
        reason = "" if error < AGREEMENT[expected.dtype] else "gives other states when packed"
        if packing.windows != _windows(model):
            reason = "has layers that cannot be packed"
    except (AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as trouble:
        reason = f"cannot be packed ({type(trouble).__name__})"
    if not reason:
        return packed
    model.set_attn_implementation(usual)
    return reason


def _windows(model: "PreTrainedModel") -> list[int | str | None]:
    """How far back each layer's attention should see: a number of tokens, None for all, or a name for what is neither.

    The probe's texts are shorter than most windows, so that a layer that forgot its own would give the same answers.
    """
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        return [window] * config.num_hidden_layers
    known = {"full_attention": None, "sliding_attention": window}
    return [known.get(kind, kind) for kind in kinds]


def _probe(model: "PreTrainedModel") -> list[np.ndarray]:
    """Two texts that begin alike."""
    vocabulary = model.config.get_text_config().vocab_size
    drawn = np.random.default_rng(0).integers(vocabulary, size=(2, FEWEST_SHARED + 8))
    drawn[1, :FEWEST_SHARED] = drawn[0, :FEWEST_SHARED]
    drawn[1, FEWEST_SHARED] = (drawn[0, FEWEST_SHARED] + 1) % vocabulary
    return list(drawn)


def _kind(model: "PreTrainedModel") -> str:
    return str(model.config.model_type)


def _chosen(output: Any, layers: Layers) -> list[Tensor]:
    if layers == LAST:
        return [output.last_hidden_state]
    return [output.hidden_states[layer] for layer in layers]


def batches_by_length(lengths: np.ndarray, tokens_per_batch: int) -> Iterator[np.ndarray]:
    """Rows of texts of similar length, longest first: texts x longest <= ``tokens_per_batch``, but at least one.

    Longest first, so that a batch too large for the memory fails at once and not after hours.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        count = max(1, tokens_per_batch // int(lengths[order[start]]))
        yield order[start : start + count]
        start += count


def pad(texts: Sequence[Sequence[int] | np.ndarray], padding: int) -> tuple[np.ndarray, np.ndarray]:
    """Token ids (B, L) int64, padded on the right, and the mask (B, L) bool that holds on real tokens."""
    lengths = np.array([len(text) for text in texts])
    real = np.arange(lengths.max()) < lengths[:, None]  # (B,L)
    ids = np.full(real.shape, padding, dtype=np.int64)
    ids[real] = np.concatenate([np.asarray(text, dtype=np.int64) for text in texts])
    return ids, real
