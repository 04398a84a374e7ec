"""The surface of a response: twelve features of how it looks, read off the text by Arrow's string kernels.

They are a view of responses beside hidden states. Where people reward length and formatting, a model of these twelve is
the bar that every reward model has to clear.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefactor.atomic import atomic_folder
from prefactor.errors import InputError

TABLE = "surface.parquet"
LETTER = r"[\p{L}\p{N}]"
# What is counted in a response: regular expressions of RE2, counts of non-overlapping matches.
COUNTED = {
    "words": f"{LETTER}+",  # runs of letters and digits
    "sentences": r"[.!?…]+(?:\s|$)",
    "lines": r"[^\n]*\S[^\n]*",  # lines that hold anything
    "list_items": r"(?m)^[ \t]*(?:[-*•+]|\d+[.)])[ \t]",
    "markup": r"(?m)\*\*[^*\n]+\*\*|__[^_\n]+__|^#{1,6}[ \t]",  # bold spans and headings
    "code": r"```|`[^`\n]+`",
    "questions": r"\?",
    "exclamations": r"!",
    "second_person": r"(?i)\b(?:you|your|yours|yourself)\b",
}
# characters, words     log(1 + count)
# word_length           mean number of letters and digits in a word
# sentence_length       log(1 + words per sentence)
# lines .. exclamations log(1 + count)
# second_person         share of the words
# type_token            share of the words that are not repeats, upper and lower case alike
FEATURES = (
    "characters",
    "words",
    "word_length",
    "sentence_length",
    "lines",
    "list_items",
    "markup",
    "code",
    "questions",
    "exclamations",
    "second_person",
    "type_token",
)


def surface_features(responses: pa.ChunkedArray) -> np.ndarray:
    """T texts to (T, 12) float32, columns as in FEATURES; every number is finite, an empty text's are 0."""
    parts = [_features(chunk) for chunk in responses.chunks]
    return np.concatenate([np.empty((0, len(FEATURES)), np.float32), *parts])


def _features(responses: pa.Array) -> np.ndarray:
    counts = {name: _count(responses, pattern) for name, pattern in COUNTED.items()}
    words = np.maximum(counts["words"], 1)
    columns = {name: np.log1p(count) for name, count in counts.items()}
    columns["characters"] = np.log1p(_numbers(pc.utf8_length(responses)))
    columns["word_length"] = _count(responses, LETTER) / words
    columns["sentence_length"] = np.log1p(counts["words"] / np.maximum(counts["sentences"], 1))
    columns["second_person"] = counts["second_person"] / words
    columns["type_token"] = _distinct_words(responses) / words
    return np.stack([columns[name] for name in FEATURES], axis=1).astype(np.float32)


def write_surface(texts: Path, folder: Path) -> int:
    """Read a table of texts, write their ids and features to ``folder``; returns the number of texts."""
    table = pq.read_table(texts, columns=["text_id", "response"])
    features = surface_features(table["response"])
    columns = {name: pa.array(features[:, place]) for place, name in enumerate(FEATURES)}
    with atomic_folder(folder) as scratch:
        pq.write_table(pa.table({"text_id": table["text_id"], **columns}), scratch / TABLE, compression="zstd")
    return len(table)


class SurfaceView:
    """Surface features by text id. See :func:`open_surface`."""

    def __init__(self, folder: Path, table: pa.Table) -> None:
        self.folder = folder
        self._ids = table["text_id"].combine_chunks()
        self._rows = np.stack([table[name].to_numpy() for name in FEATURES], axis=1)  # (T,12)

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        """Features (N, 12) float32 of N texts, in the order given. Raises InputError if any is not there."""
        place = pc.index_in(pa.array(text_ids, pa.string()), value_set=self._ids)
        if place.null_count:
            example = text_ids[place.is_null().index(True).as_py()]
            raise InputError(
                f"{self.folder} lacks the surface of {place.null_count} of {len(text_ids)} texts, "
                f"e.g. text_id {example!r}: rerun stage surface"
            )
        return self._rows[place.to_numpy()]


def open_surface(folder: Path) -> SurfaceView:
    """Open what stage surface wrote. Raises InputError if it is missing or damaged, or of other features."""
    try:
        return SurfaceView(folder, pq.read_table(folder / TABLE, columns=["text_id", *FEATURES]))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{folder / TABLE} cannot be read ({error}): rerun stage surface") from error


def _numbers(counts: pa.Array) -> np.ndarray:
    return counts.to_numpy(zero_copy_only=False).astype(np.float64)


def _count(texts: pa.Array, pattern: str) -> np.ndarray:
    return _numbers(pc.count_substring_regex(texts, pattern=pattern))


def _distinct_words(texts: pa.Array) -> np.ndarray:
    """(T,) number of different words of each text."""
    spaced = pc.replace_substring_regex(pc.utf8_lower(texts), pattern=r"[^\p{L}\p{N}]+", replacement=" ")
    split = pc.split_pattern(pc.utf8_trim(spaced, " "), " ")  # an empty text has one empty word
    words = pc.list_flatten(split).dictionary_encode()
    parent, code = _numbers(pc.list_parent_indices(split)).astype(np.int64), words.indices.to_numpy().astype(np.int64)
    real = code != words.dictionary.index("").as_py()
    distinct = np.unique(parent[real] * len(words.dictionary) + code[real]) // max(len(words.dictionary), 1)
    return np.bincount(distinct, minlength=len(texts)).astype(np.float64)
