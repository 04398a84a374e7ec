"""Attention of a packed row, as an attention that transformers' models can be set to use."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.backbones.packing import Block, Packing

NAME = "prefactor_packed"


def register() -> None:
    """Make the attention known to transformers under ``NAME``; registering it again changes nothing.

    No mask function goes with it: transformers then makes no mask, and the packing says who sees whom.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, packed_attention)


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    packing: Packing,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Queries (1, h, T, d), keys and values (1, g, T, d) of a packed row to what each token reads, (1, T, h, d).

    ``packing`` comes through the model's own keyword arguments, the others from the layer. Raises ValueError for
    a mask, which is one of the model's own making.
    """
    if attention_mask is not None:
        raise ValueError("the model masks by itself")
    rows = [states[0].transpose(0, 1) for states in (query, key, value)]  # (T,h,d), (T,g,d), (T,g,d)
    layer = _Layer(query.shape[-1] ** -0.5 if scaling is None else scaling, dropout, softcap)
    found = []
    for block, mask in zip(packing.blocks, packing.masks(query.dtype, sliding_window), strict=True):
        attended = layer.attend(*_gathered(block, *rows), mask)  # (n,h,m,d)
        found.append(attended.transpose(1, 2).flatten(0, 1))  # (n*m,h,d)
    return torch.cat(found).index_select(0, packing.place).unsqueeze(0), None


def _gathered(block: Block, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(n, h, m, d), (n, g, S, d), (n, g, S, d) of a block."""

    def rows(states: Tensor, index: Tensor) -> Tensor:
        return states.index_select(0, index.flatten()).unflatten(0, index.shape).transpose(1, 2)

    return rows(query, block.query), rows(key, block.key), rows(value, block.key)


@dataclass(frozen=True)
class _Layer:
    """What a layer does to logits: scale them, bound them by ``softcap`` (Gemma 2), drop some weights."""

    scale: float
    dropout: float
    softcap: float | None

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """(n, h, m, d), (n, g, S, d), (n, g, S, d) to (n, h, m, d); without a mask it is causal."""
        groups = query.shape[1] // key.shape[1]
        if groups > 1 and (self.softcap is not None or (query.is_cuda and mask is not None)):
            # There a GPU has no fast kernel that repeats the heads by itself.
            key, value = (states.repeat_interleave(groups, 1) for states in (key, value))
        if self.softcap is not None:
            return self._capped(query, key, value, mask, self.softcap)
        causal, repeats = mask is None, query.shape[1] != key.shape[1]
        return F.scaled_dot_product_attention(
            query, key, value, mask, self.dropout, causal, scale=self.scale, enable_gqa=repeats
        )

    def _capped(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, softcap: float) -> Tensor:
        """The same with bounded logits, which no kernel does."""
        logits = softcap * torch.tanh(query @ key.mT * (self.scale / softcap))  # (n,h,m,d)@(n,h,d,S)
        if mask is None:
            size = logits.shape[-1]
            mask = torch.full((size, size), -torch.inf, dtype=logits.dtype, device=logits.device).triu(1)
        weight = (logits + mask).softmax(-1, dtype=torch.float32).to(query.dtype)
        return F.dropout(weight, self.dropout) @ value
