"""What a cache lacks, in pieces that any process which shares the disk may encode: each becomes a shard."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch

from prefactor.backbones.encoding import Backbone
from prefactor.backbones.identity import check_identity
from prefactor.backbones.loading import BackboneParameters, load_backbone
from prefactor.backbones.parts import encode_part, read_parts, write_part
from prefactor.backbones.turns import writing
from prefactor.progress import Progress


@dataclass(frozen=True)
class Missing:
    """The rows of the table ``texts`` that the cache in ``folder`` lacks; new shards' numbers begin at ``first``.

    ``identity`` is that of the backbone which made the cache, ``token`` lets a process write into it.
    """

    texts: Path
    rows: np.ndarray
    folder: Path
    first: int
    parameters: BackboneParameters
    identity: Mapping[str, Any]
    token: str

    def pieces(self, size: int) -> "list[Piece]":
        """In the table's order, of at most ``size`` texts, cut where prompts change (``parts.read_parts``)."""
        found, start = [], 0
        for number, part in enumerate(read_parts(self.texts, self.rows, size, self.first), self.first):
            rows = self.rows[start : start + len(part.texts)]
            found.append(Piece(replace(self, rows=rows, first=number)))
            start += len(rows)
        return found


@dataclass(frozen=True)
class Piece:
    """So few missing texts that they become one shard."""

    missing: Missing

    def __len__(self) -> int:
        return len(self.missing.rows)

    @property
    def name(self) -> str:
        """The shard's."""
        return f"{self.missing.first:05d}"

    def encode(self, shown: Progress) -> int:
        """Write the shard; how many tokens were computed. InputError where this process has another backbone.

        One piece at a time in a process: the backbone, loaded once for all of them, uses all its threads or its GPU.
        """
        missing, dtype = self.missing, np.dtype(self.missing.parameters.states_dtype)
        with _ALONE, writing(missing.folder, missing.token):
            backbone = _backbone(missing.parameters)
            check_identity(backbone.identity(), missing.identity, "install the same versions on every machine")
            (part,) = read_parts(missing.texts, missing.rows, len(missing.rows), missing.first)
            encoded = encode_part(part, backbone, dtype, shown)
            write_part(missing.folder, part, encoded, dtype)
        return encoded.computed


_ALONE = Lock()
_LOADED: dict[tuple[BackboneParameters, int], Backbone] = {}  # the last one of this process, by its GPU


def _backbone(parameters: BackboneParameters) -> Backbone:
    key = parameters, torch.cuda.current_device() if torch.cuda.is_available() else -1
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = load_backbone(parameters)
    return _LOADED[key]
