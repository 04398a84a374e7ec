"""What users' pairs need of texts, read once however many pairs hold them.

The encoder's first layer is linear in the two texts of a pair; of phi, and of what the filter makes of phi before it
knows anybody, a pair has the difference. So a text has two rows, one as y+ and one as y-, and a pair's is their sum.
"""

import threading
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from prefactor.errors import InputError
from prefactor.methods.vrf import VRF
from prefactor.preferences import Responses

TEXTS_AT_ONCE = 4_096


class Texts(Protocol):
    """A cache of states: its width, and the states (N, H) float32 of N texts by id."""

    hidden: int

    def gather(self, text_ids: Sequence[str]) -> np.ndarray: ...


class Shelf:
    """Rows of up to ``capacity`` texts, each read when it is first asked for. Several threads may share it.

    encoder  (2C + 2, hidden) first layer of the pair encoder; None without one
    filter   (2C + 2, R + K) of the R live outputs v of phi: v, and m_k.v + common reward; None without loadings
    spread   (2C + 2, R) likewise S v

    Texts' rows are 2t and 2t + 1 of t = 1, 2, ...; the first two are zeros, for pairs that are none.
    """

    def __init__(self, model: VRF, texts: Texts, capacity: int) -> None:
        if texts.hidden != model.shape.width:
            raise InputError(
                f"the states are of width {texts.hidden}, but the model reads width {model.shape.width}: "
                "name the states of the backbone that it was trained on"
            )
        if model.shape.tuned:
            raise InputError("the model reads a fine-tuned backbone of its own, which has no cache: name another model")
        self._model, self._texts, self._lock = model, texts, threading.Lock()
        self._row: dict[str, int] = {}
        size, loadings = 2 * capacity + 2, model.loadings
        self.encoder = self.filter = self.spread = None
        if model.matched:
            self.encoder = torch.empty(size, model.encoder.first.out_features)
            self.encoder[:2] = 0
        if loadings is not None:
            self.filter = torch.empty(size, loadings.live + len(loadings.log_share))
            self.spread = torch.empty(size, loadings.live)
            self.filter[:2] = self.spread[:2] = 0

    def rows(self, text_ids: Sequence[str]) -> np.ndarray:
        """(N,) int32 t of N texts. Raises InputError if the cache lacks any."""
        with self._lock:
            new = list(dict.fromkeys(text_id for text_id in text_ids if text_id not in self._row))
            for first in range(0, len(new), TEXTS_AT_ONCE):
                self._read(new[first : first + TEXTS_AT_ONCE])
        return np.array([self._row[text_id] for text_id in text_ids], dtype=np.int32)

    @torch.inference_mode()
    def _read(self, text_ids: Sequence[str]) -> None:
        model, first = self._model, len(self._row) + 1
        states = torch.from_numpy(self._texts.gather(text_ids))  # (T,H)
        scaled = model.scaled(Responses({model.view: states}, torch.arange(len(states))))
        last = first + len(text_ids)
        if self.encoder is not None:
            self._put(self.encoder, first, last, *model.encoder.halves(scaled))
        if self.filter is not None and self.spread is not None:
            for table, read in zip((self.filter, self.spread), filter_rows(model, model.phi(scaled)), strict=True):
                self._put(table, first, last, read, -read)
        self._row.update(zip(text_ids, range(first, last), strict=True))

    @staticmethod
    def _put(table: Tensor, first: int, last: int, plus: Tensor, minus: Tensor) -> None:
        sides = table[2 * first : 2 * last].view(last - first, 2, -1)
        sides[:, 0], sides[:, 1] = plus, minus


def filter_rows(model: VRF, phi: Tensor) -> tuple[Tensor, Tensor]:
    """(T, R + K) and (T, R) of phi (T, F) or (T, F + 1): differences of it are d and the margins d.m_k + o, and S d."""
    assert model.loadings is not None
    live, common = phi[:, : model.loadings.live], phi[:, model.features :].sum(-1, keepdim=True)  # (T,R), (T,1)
    prior = model.loadings.prior(1)
    return torch.cat([live, live @ prior.mean[0].T + common], -1), live @ prior.covariance[0]


def bytes_per_text(model: VRF) -> int:
    """How much a text takes on a shelf."""
    encoder = model.encoder.first.out_features if model.matched else 0
    loadings = 0 if model.loadings is None else 2 * model.loadings.live + len(model.loadings.log_share)
    return 2 * 4 * (encoder + loadings)
