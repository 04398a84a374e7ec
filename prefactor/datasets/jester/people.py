"""Which people are drawn, and the tables that come of it."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prefactor.datasets.inputs import InputFile, combined_sha256
from prefactor.datasets.jester.pairs import draw_pairs
from prefactor.datasets.jester.parameters import JesterParameters
from prefactor.datasets.jester.ratings import Ratings, find_files, read_ratings
from prefactor.errors import InputError
from prefactor.preferences import Preferences

FINAL = 5  # one person in so many belongs to the final block

# Who is drawn depends on names and seed alone, on any machine and in any version: DuckDB's hash() may change.
LINE = f"""
SELECT row, ratings, md5_number_lower('final block' || chr(31) || user_id) % {FINAL} = 0 AS final
FROM people ORDER BY md5_number_lower(concat($seed, chr(31), 'users', chr(31), user_id)), user_id
"""


def load(parameters: JesterParameters, input: Path) -> Preferences:
    """Read ratings and jokes from the folder ``input``; draw people, and pairs of jokes that each rated apart.

    A pair's prompt is empty, its group is the pair of jokes, the same for everyone, and its margin the difference of
    the ratings. ``users`` keeps all ratings of a person, in the order of ``source["items"]``, the jokes' text_ids.
    """
    files = find_files(Path(input))
    everyone = read_ratings(*files)
    drawn, lost_people = _draw_people(everyone, parameters)
    pairs, lost_pairs = draw_pairs(drawn, parameters)
    counts = pc.value_counts(pairs["user_id"])
    judged = pc.is_in(drawn.user_ids, counts.field("values"))
    if not len(counts):
        raise InputError(f"{input}: nobody has two ratings that differ by more than {parameters.margin}: lower margin")
    dropped = {**lost_people, "users_without_pairs": len(judged) - len(counts), **lost_pairs}
    fewer = pc.sum(pc.less(counts.field("counts"), parameters.pairs_per_user)).as_py()
    source = _provenance(files, everyone, parameters) | {"dropped": dropped, "noted": {"users_with_fewer_pairs": fewer}}
    return Preferences(everyone.texts, pairs, drawn.users().filter(judged), None, source)


def _draw_people(everyone: Ratings, parameters: JesterParameters) -> tuple[Ratings, dict[str, int]]:
    """The people drawn, in the order of their draw: the first of a larger draw are those of a smaller one."""
    count = (~np.isnan(everyone.rating)).sum(axis=1)  # (U,)
    people = pa.table({"row": np.arange(len(count)), "user_id": everyone.user_ids, "ratings": count})
    with duckdb.connect() as connection:
        connection.register("people", people)
        line = connection.sql(LINE, params={"seed": parameters.seed}).to_arrow_table()
    block = line
    if parameters.block != "both":
        block = line.filter(pc.equal(line["final"], parameters.block == "final"))
    able = block.filter(pc.greater_equal(block["ratings"], parameters.minimum_ratings))
    wanted = len(able) if parameters.users is None else parameters.users
    if wanted > len(able) or not len(able):
        raise InputError(
            f"users asks for {parameters.users}, but only {len(able)} of {len(block)} people of the block "
            f"{parameters.block} have {parameters.minimum_ratings} ratings: lower one, or set users to null for all"
        )
    dropped = {
        "users_of_the_other_block": len(line) - len(block),
        "users_with_too_few_ratings": len(block) - len(able),
        "users_not_drawn": len(able) - wanted,
    }
    return everyone.of(able["row"].to_numpy()[:wanted]), dropped


def _provenance(files: tuple[InputFile, InputFile], everyone: Ratings, parameters: JesterParameters) -> dict[str, Any]:
    """The content of source.json but for what was dropped."""
    rated = int((~np.isnan(everyone.rating)).sum())
    rows = (rated, len(everyone.texts))
    parts = [
        {"file": file.path.name, "sha256": file.sha256, "rows": count} for file, count in zip(files, rows, strict=True)
    ]
    return {
        "name": "jester",
        "licence": "Jester dataset 1 (Goldberg et al. 2001), research use",
        "sha256": combined_sha256(files),
        "parts": parts,
        "people": len(everyone.rating),
        "block": parameters.block,
        "empty_prompts": True,
        "scorers": [],
        "truth": False,
        "items": everyone.texts["text_id"].to_pylist(),
    }
