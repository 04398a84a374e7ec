"""What a language model may read: responses to training prompts, and held-out ones to judge it by."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefactor.backbones.stylelm.attributes import check_known
from prefactor.errors import InputError


@dataclass(frozen=True)
class Answers:
    """N responses to prompts, and how they are written.

    prompts, responses   N texts each
    groups               (N,) number of the prompt, from 0
    scores               (N, A) standardised score in each attribute
    """

    prompts: list[str]
    responses: list[str]
    groups: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.responses)

    def first(self, groups: int | None) -> "Answers":
        """The responses to the first prompts; all for None."""
        return self.select(np.flatnonzero(self.groups < (len(self) if groups is None else groups)))

    def select(self, rows: np.ndarray) -> "Answers":
        """The responses of some rows."""
        prompts, responses = ([column[row] for row in rows] for column in (self.prompts, self.responses))
        return Answers(prompts, responses, self.groups[rows], self.scores[rows])

    def having(self, attributes: list[str], threshold: float) -> list[list[str]]:
        """The attributes of each response: those whose score is above ``threshold``."""
        return [[name for name, has in zip(attributes, row, strict=True) if has] for row in self.scores > threshold]


@dataclass(frozen=True)
class Corpus:
    """Responses to train on and held-out ones, with the names of their A attributes."""

    attributes: list[str]
    train: Answers
    held_out: Answers


def read_corpus(prepared: Path, split: Path) -> Corpus:
    """The responses to training prompts, and those to prompts that seen users' validation pairs are about.

    A training prompt has training pairs of seen users, and no pair of anyone in the parts ``validation`` or
    ``evaluation``; a held-out one has validation pairs and none in ``evaluation``. Of a prompt, every scored candidate
    counts. Raises InputError where candidates, their scorers or such prompts are missing.
    """
    attributes = _attributes(prepared)
    pairs = _read(split / "pairs.parquet", ["role", "part", "group_id"], "split")
    of_part = {part: _groups(pairs, pc.field("part") == part) for part in ("validation", "evaluation")}
    trained = _groups(pairs, (pc.field("role") == "seen") & (pc.field("part") == "train"))
    train = trained - of_part["validation"] - of_part["evaluation"]
    held_out = of_part["validation"] - of_part["evaluation"] - trained
    if not train or not held_out:
        kind, part = ("training", "train") if not train else ("validation", "validation")
        raise InputError(
            f"{split}: no prompt is for {kind} alone: give datasets.*.split.pools a share for {part}, with leakage "
            "global, and rerun stage split"
        )
    table = _candidates(prepared, attributes)
    return Corpus(
        attributes, _answers(table, train, attributes, prepared), _answers(table, held_out, attributes, prepared)
    )


def _attributes(prepared: Path) -> list[str]:
    path = prepared / "source.json"
    try:
        source: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: run stage prepare") from error
    names = list(source.get("scorers") or [])
    if not names or not (prepared / "candidates.parquet").is_file():
        raise InputError(f"{prepared} has no scored candidates: name a dataset whose responses are scored by attribute")
    check_known(names, str(path))
    return names


def _read(path: Path, columns: list[str], stage: str) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as a table of {', '.join(columns)}: rerun stage {stage}") from error


def _groups(pairs: pa.Table, condition: pc.Expression) -> set[str]:
    return set(pairs.filter(condition)["group_id"].unique().to_pylist())


def _candidates(prepared: Path, attributes: list[str]) -> pa.Table:
    """Candidates with their texts, by group and text: no order of files or rows decides what is learnt."""
    candidates = _read(prepared / "candidates.parquet", ["group_id", "text_id", *attributes], "prepare")
    texts = _read(prepared / "texts.parquet", ["text_id", "prompt", "response"], "prepare")
    joined = candidates.join(texts, "text_id", join_type="inner")
    return joined.sort_by([("group_id", "ascending"), ("text_id", "ascending")])


def _answers(table: pa.Table, groups: set[str], attributes: list[str], prepared: Path) -> Answers:
    chosen = table.filter(pc.field("group_id").isin(sorted(groups)))
    if not len(chosen):
        raise InputError(
            f"{prepared / 'candidates.parquet'} has no candidate of the {len(groups)} prompts that are needed"
        )
    scores = np.column_stack([chosen[name].to_numpy() for name in attributes])
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])
        raise InputError(f"candidates of {prepared}: text_id {chosen['text_id'][row]} has a score that is no number")
    numbers = np.unique(np.array(chosen["group_id"].to_pylist()), return_inverse=True)[1]
    return Answers(chosen["prompt"].to_pylist(), chosen["response"].to_pylist(), numbers, scores)
