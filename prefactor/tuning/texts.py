"""The texts of a split, by row, to be tokenised whenever a step needs some of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from prefactor.backbones.encoding import Backbone
from prefactor.backbones.layout import Tokens
from prefactor.errors import InputError


@dataclass(frozen=True)
class Texts:
    """N texts; row n is the text that ``Responses.text`` calls n. Without ``ids`` a text is named by its row."""

    prompts: pa.Array
    responses: pa.Array
    ids: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.prompts)

    def name(self, row: int) -> str:
        """How a message calls a text."""
        return f"text {self.ids[row]}" if self.ids else f"the text in row {row}"

    def tokens(self, rows: np.ndarray, backbone: Backbone) -> Tokens:
        """What the backbone reads of the texts in ``rows`` (n,)."""
        return backbone.tokenise(self.prompts.take(rows).to_pylist(), self.responses.take(rows).to_pylist())


def read_texts(path: Path, text_ids: list[str]) -> Texts:
    """The texts of these ids, in their order, from a table of texts. Raises InputError if it lacks any."""
    wanted = pa.array(text_ids)
    table = ds.dataset(path).to_table(filter=pc.field("text_id").isin(wanted)).combine_chunks()
    place = pc.index_in(wanted, table["text_id"].combine_chunks())
    if place.null_count:
        missing = text_ids[place.is_null().index(True).as_py()]
        raise InputError(f"{path} lacks {place.null_count} text(s) of the split, e.g. {missing}: rerun stage split")
    prompts, responses = (table[name].combine_chunks().take(place) for name in ("prompt", "response"))
    return Texts(prompts, responses, text_ids)
