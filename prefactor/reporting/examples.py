"""A few pairs of a dataset, to read."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

EXAMPLES = 2
LONGEST_EXAMPLE = 900  # characters
CANDIDATES = 100  # pairs looked at for each example


@dataclass(frozen=True)
class Example:
    """One preference as it was given."""

    prompt: str
    chosen: str
    rejected: str


def examples_of(texts: pa.Table, pairs: pa.Table, count: int = EXAMPLES) -> tuple[Example, ...]:
    """The first pairs by id (a hash, so no particular ones) with texts short enough to read and different prompts.

    Where there are no prompts, the chosen texts differ.
    """
    rows = pairs.sort_by("pair_id").slice(0, CANDIDATES * count)
    wanted = pa.chunked_array([*rows["chosen"].chunks, *rows["rejected"].chunks], pa.string())
    known = {row["text_id"]: row for row in texts.filter(pc.is_in(texts["text_id"], wanted)).to_pylist()}
    found: dict[str, Example] = {}
    for pair in rows.select(["chosen", "rejected"]).to_pylist():
        chosen, rejected = known[pair["chosen"]], known[pair["rejected"]]
        example = Example(chosen["prompt"], chosen["response"], rejected["response"])
        if max(map(len, (example.prompt, example.chosen, example.rejected))) <= LONGEST_EXAMPLE:
            found.setdefault(example.prompt or example.chosen, example)
    return tuple(found.values())[:count]
