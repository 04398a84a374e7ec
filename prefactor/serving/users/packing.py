"""What is kept of one user's posterior as bytes: safetensors, never pickle."""

from collections.abc import Mapping

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor


def packed(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors of one row, (1, ...) each."""
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def unpacked(data: bytes) -> dict[str, Tensor] | None:
    """The tensors again; None for bytes that are damaged."""
    try:
        return load(data)
    except SafetensorError:
        return None
