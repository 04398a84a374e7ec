"""States of texts for a service: from memory, from caches on disk, else read by the backbone."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prefactor.backbones import Backbone, States
from prefactor.preferences import content_id
from prefactor.serving.model import Read

MEMORY, DISK, EMBEDDED = "memory", "disk", "embedded"  # where a text's state was found


@dataclass(frozen=True)
class Recalled:
    """What is known of T texts without reading them.

    ``ids`` (T,) text ids; ``states`` (T, H) float32 and ``truncated`` (T,) bool, of which the rows ``missing`` are yet
    to be filled.
    """

    ids: list[str]
    states: np.ndarray
    truncated: np.ndarray
    missing: list[int]

    def fill(self, rows: Sequence[int], read: Read) -> None:
        """Take the states of some rows."""
        self.states[rows], self.truncated[rows] = read.states, read.truncated


class TextStates:
    """A reader of texts that remembers the ``size`` texts used last. Threads may share it.

    ``caches`` must be of this backbone, which ``open_states`` checks. A state from a cache is as exact as the cache.
    """

    def __init__(
        self,
        backbone: Backbone,
        caches: Sequence[States],
        size: int,
        counted: Callable[[str, int], object] = lambda where, texts: None,
    ) -> None:
        """``counted`` is told how many texts were found where."""
        self.backbone = backbone
        self._caches = caches
        self._counted = counted
        self._states = np.empty((size, backbone.hidden), np.float32)  # takes memory as it is filled
        self._truncated = np.zeros(size, bool)
        self._row: OrderedDict[str, int] = OrderedDict()  # by text id, the one used last at the end
        self._lock = threading.Lock()

    @property
    def caches(self) -> list[Path]:
        """The folders of its caches."""
        return [cache.folder for cache in self._caches]

    def encode(self, prompts: Sequence[str], responses: Sequence[str]) -> Recalled:
        """The states of T texts, those that are missing read by the backbone."""
        found = self.recall(prompts, responses)
        if rows := found.missing:
            read = self.read([prompts[row] for row in rows], [responses[row] for row in rows])
            found.fill(rows, read)
        return found

    def recall(self, prompts: Sequence[str], responses: Sequence[str]) -> Recalled:
        """What memory and disk hold of T texts."""
        ids = [content_id(*text) for text in zip(prompts, responses, strict=True)]
        states = np.empty((len(ids), self.backbone.hidden), np.float32)
        found = Recalled(ids, states, np.zeros(len(ids), bool), [])
        rest = self._from_memory(found)
        for cache in self._caches:
            rest = self._from_disk(cache, found, rest) if rest else rest
        found.missing.extend(rest)
        return found

    def read(self, prompts: Sequence[str], responses: Sequence[str]) -> Read:
        """Let the backbone read texts, and remember them."""
        read = self.backbone.encode(prompts, responses)
        self._counted(EMBEDDED, len(prompts))
        self._remember([content_id(*text) for text in zip(prompts, responses, strict=True)], read)
        return read

    def _from_memory(self, found: Recalled) -> list[int]:
        """Fill the rows that memory holds; the others."""
        with self._lock:
            places = [self._row.get(text_id, -1) for text_id in found.ids]
            here = [row for row, place in enumerate(places) if place >= 0]
            taken = [places[row] for row in here]
            found.states[here], found.truncated[here] = self._states[taken], self._truncated[taken]
            for row in here:
                self._row.move_to_end(found.ids[row])
        self._counted(MEMORY, len(here))
        return [row for row, place in enumerate(places) if place < 0]

    def _from_disk(self, cache: States, found: Recalled, rows: list[int]) -> list[int]:
        """Fill those rows that a cache holds, and remember them; the others."""
        held, truncated = cache.find([found.ids[row] for row in rows])
        here = [row for row, whether in zip(rows, held, strict=True) if whether]
        if here:
            found.states[here] = cache.gather([found.ids[row] for row in here])
            found.truncated[here] = truncated[held]
            self._counted(DISK, len(here))
            ids = [found.ids[row] for row in here]
            self._remember(ids, Recalled(ids, found.states[here], found.truncated[here], []))
        return [row for row, whether in zip(rows, held, strict=True) if not whether]

    def _remember(self, ids: Sequence[str], read: Read) -> None:
        size = len(self._states)
        with self._lock:
            for text_id, state, truncated in zip(ids, read.states, read.truncated, strict=True):
                if text_id not in self._row:
                    place = len(self._row) if len(self._row) < size else self._row.popitem(last=False)[1]
                    self._row[text_id] = place
                    self._states[place], self._truncated[place] = state, truncated
