"""The states that a registered model reads: from a cache of its own backbone where there is one, else embedded now."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefactor import layout
from prefactor.backbones import open_states
from prefactor.errors import InputError
from prefactor.progress import progress
from prefactor.serving.package import Served

CACHED, EMBEDDED = "cached", "embedded"
TEXTS_PER_CALL = 512


@dataclass
class TextStates:
    """States by text id, as ``cohorts`` gathers them; ``source`` says afterwards where they were from."""

    root: Path
    dataset: str
    served: Served
    source: str = ""

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        """(N, H) float32 states of N texts. InputError if the dataset has no such text."""
        for cache in sorted((self.root / layout.states(self.dataset, "*").parent).glob("*")):
            if (found := self._from(cache, text_ids)) is not None:
                self.source = CACHED
                return found
        self.source = EMBEDDED
        return self._embedded(text_ids)

    def _from(self, cache: Path, text_ids: Sequence[str]) -> np.ndarray | None:
        """States of a cache that is this backbone's and has them all."""
        try:
            states = open_states(cache)
            return states.gather(text_ids) if states.identity == dict(self.served.identity) else None
        except InputError:  # of another kind, damaged, or made before there were these texts
            return None

    def _embedded(self, text_ids: Sequence[str]) -> np.ndarray:
        path = self.root / layout.prepared(self.dataset) / "texts.parquet"
        table = pq.read_table(path, columns=["text_id", "prompt", "response"])
        rows = pc.index_in(pa.array(text_ids, pa.string()), value_set=table["text_id"].combine_chunks())
        if rows.null_count:
            raise InputError(f"{path} lacks {rows.null_count} texts of the split: run `dvc repro`")
        texts = table.take(rows)
        found = []
        with progress("embed the evaluation set", len(texts), "texts") as shown:
            for start in range(0, len(texts), TEXTS_PER_CALL):
                part = texts.slice(start, TEXTS_PER_CALL)
                prompts, responses = (part[name].to_pylist() for name in ("prompt", "response"))
                found.append(self.served.ranker.backbone.encode(prompts, responses).states)
                shown.advance(len(part))
        return np.concatenate(found)
