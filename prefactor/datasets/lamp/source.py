"""From candidates to preferences: what is nearest to a person's own words is preferred to what is farthest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from prefactor.datasets.inputs import combined_sha256
from prefactor.datasets.lamp.candidates import QUESTION, CandidateFile, read_candidates
from prefactor.datasets.lamp.parameters import LampParameters
from prefactor.datasets.lamp.published import Published, find_published
from prefactor.datasets.pairing import Normalized, from_scores
from prefactor.datasets.published import described_parts, is_sample
from prefactor.errors import InputError
from prefactor.parameters import nearest
from prefactor.preferences import Preferences, content_id

GOLD, TIMES, KIND = "gold", "times", "kind"  # columns of the table of candidates


def load(parameters: LampParameters, input: Path) -> Preferences:
    """Read the published files and the candidates in the folder ``input``.

    A group is a query of a person: their question, or an item of their profile that was asked about. Its best text
    against its worst is a pair. ``candidates`` has every different text of such groups: its worth (``gold``), how often
    it was written (``times``), and the query's ``kind``. Blank texts, and groups whose texts are worth the same, are
    left out and counted. ``rows`` of ``source`` has how many questions there were and how many of them are left: of the
    others every choice gains 0, which means over questions lack. (Nothing but a pair says whose a group is, so that its
    texts can be deleted with the person.) Raises InputError.
    """
    candidates = read_candidates(input / parameters.candidates, parameters.utility)
    published = find_published(input, parameters.split or candidates.made.get("split"))
    _check_origin(candidates, published)
    rows = _of_policy(candidates, parameters.policy)
    sizes, people = _profile_sizes(published, rows, candidates)
    written = rows[rows["response"].str.strip() != ""]
    done = from_scores(_scored(written), parameters.minimum_margin, candidates=True)
    if not len(done.pairs):
        lost = ", ".join(f"{name}: {count}" for name, count in done.dropped.items() if count)
        raise InputError(
            f"{candidates.file.path}: no pair is left of {len(written)} texts ({lost}): write more texts for each query"
        )
    users = done.users.append_column(
        "profile_items", pa.array([sizes[name] for name in done.users["user_id"].to_pylist()], pa.int64())
    )
    source = _provenance(published, people, candidates, rows, parameters)
    source["rows"] = _counted(rows, done)
    source |= {"dropped": {"blank_responses": len(rows) - len(written), **done.dropped}, "noted": dict(done.noted)}
    return Preferences(done.texts, done.pairs, users, _sets(done, written), source)


def _check_origin(candidates: CandidateFile, published: Published) -> None:
    """Refuse candidates that say they were made from other files."""
    made = candidates.made.get("questions_sha256")
    if made is not None and made != published.sha256:
        raise InputError(
            f"{candidates.file.path} was written for other files than those of split {published.split!r} in "
            f"{published.folder}: name the split that it was written for, or write it again"
        )


def _of_policy(candidates: CandidateFile, policy: str | None) -> pd.DataFrame:
    """The rows of one policy, each with its group."""
    rows, path = candidates.rows, candidates.file.path
    there = list(dict.fromkeys(rows["policy"]))
    if policy is None and len(there) != 1:
        raise InputError(f"{path} has texts of the policies {', '.join(there)}: name one as policy")
    chosen = there[0] if policy is None else policy
    if chosen not in there:
        raise InputError(f"{path} has no text of the policy {chosen!r}{nearest(chosen, there, 'policies')}")
    mine = rows[rows["policy"] == chosen].reset_index(drop=True)
    group = [content_id(*names) for names in zip(mine["user_id"], mine["query_id"], strict=True)]
    return mine.assign(group_id=group)


def _profile_sizes(published: Published, rows: pd.DataFrame, candidates: CandidateFile) -> tuple[dict[str, int], int]:
    """How many items each person's profile has, and how many people there are, with those nobody wrote for.

    InputError for a person whom the published files do not have.
    """
    wanted, sizes, people = set(rows["user_id"]), {}, 0
    for person in published.people():
        people += 1
        if person.id in wanted:
            sizes[person.id] = len(person.items)
    if unknown := len(wanted - set(sizes)):
        row = int(np.flatnonzero(~rows["user_id"].isin(sizes))[0])
        raise InputError(
            f"{candidates.file.path}: {unknown} people are not in the files of split {published.split!r} in "
            f"{published.folder}, the first in text {row + 1} of its policy: name the split that they are from"
        )
    return sizes, people


def _scored(written: pd.DataFrame) -> pa.Table:
    columns = {"user_id": "user_id", "group_id": "group_id", "prompt": "prompt", "response": "response"}
    table = {name: pa.array(written[column], pa.string()) for name, column in columns.items()}
    return pa.table({**table, "score": pa.array(written["worth"], pa.float64())})


def _counted(rows: pd.DataFrame, done: Normalized) -> dict[str, int]:
    """Texts and queries of the policy, and its questions: all, and those with a pair."""
    questions = set(rows.loc[rows["kind"] == QUESTION, "group_id"])
    left = questions.intersection(done.pairs["group_id"].to_pylist())
    counts = {"candidates": len(rows), "queries": int(rows["group_id"].nunique())}
    return counts | {"questions": len(questions), "questions_with_pairs": len(left)}


def _sets(done: Normalized, written: pd.DataFrame) -> pa.Table:
    """The table ``candidates``: group_id, text_id, gold, times, kind."""
    assert done.candidates is not None
    ids = [content_id(*texts) for texts in zip(written["prompt"], written["response"], strict=True)]
    times = written.assign(text_id=ids).groupby(["group_id", "text_id"]).size().rename(TIMES)
    kinds = written.groupby("group_id")["kind"].first().rename(KIND)
    sets = done.candidates.select(["group_id", "text_id", "score"]).to_pandas().rename(columns={"score": GOLD})
    sets = sets.join(times, on=["group_id", "text_id"]).join(kinds, on="group_id")
    return pa.Table.from_pandas(sets, preserve_index=False)


def _provenance(
    published: Published, people: int, candidates: CandidateFile, rows: pd.DataFrame, parameters: LampParameters
) -> dict[str, Any]:
    files = (*published.files, candidates.file)
    made: Mapping[str, Any] = candidates.made
    return {
        "name": "lamp",
        "task": published.task.name,
        "split": published.split,
        "policy": rows["policy"].iloc[0],
        "model": made.get("model", {}).get("model"),
        "utility": parameters.utility,
        "sha256": combined_sha256(files),
        "parts": described_parts(files, [*published.rows(people), len(candidates.rows)], published.folder),
        "empty_prompts": False,
        "scorers": [GOLD],
        "gold": GOLD,
        "truth": False,
        "sample": is_sample(published.folder),
    }
