"""For whom texts are written: some users of a split, what is known of them, and the texts that this is about."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from prefactor.cohorts import Cohort, StateView, load_cohorts, text_ids
from prefactor.decoding.likelihoods import Texts
from prefactor.errors import InputError
from prefactor.preferences import PairBatch, content_id


@dataclass(frozen=True)
class People:
    """Users of one role, each known by their first ``pairs`` pairs.

    ``texts`` are the split's, or of one user those that are their own, in the order of ``PairBatch.responses.text``.
    """

    cohort: Cohort
    texts: Texts
    pairs: int

    @classmethod
    def unseen(cls, prepared: Path, split: Path, views: Mapping[str, StateView], users: int, pairs: int) -> Self:
        """The first unseen users by the hash of their ids, with what reward models read of their pairs."""
        cohort = load_cohorts(split, views)["unseen"].first(users)
        return cls(cohort, Texts.read(prepared, text_ids(split)), pairs)

    @classmethod
    def one(cls, prepared: Path, split: Path, views: Mapping[str, StateView], user_id: str, pairs: int) -> Self:
        """One user of whatever role; of one who is in none nothing is known, as of an unseen one without pairs."""
        cohort = _only(load_cohorts(split, views), user_id)
        compact = cohort.pairs.compact()
        rows = compact.responses.text
        own = replace(compact, responses=replace(compact.responses, text=torch.arange(len(rows))))
        ids = text_ids(split)
        return cls(replace(cohort, pairs=own), Texts.read(prepared, [ids[row] for row in rows.tolist()]), pairs)

    @cached_property
    def known(self) -> PairBatch:
        """What is known of each user; perhaps nothing."""
        return self.cohort.known(self.pairs)

    @cached_property
    def prompt_of_text(self) -> np.ndarray:
        """(T,) number of each text's prompt."""
        return self.texts.numbered_prompts()

    @cached_property
    def prompts(self) -> list[str]:
        """The texts' prompts, by their numbers."""
        return list(dict.fromkeys(self.texts.prompts))

    @property
    def user_ids(self) -> tuple[str, ...]:
        """Ids, by the users' rows."""
        return self.cohort.user_ids


def _only(cohorts: Mapping[str, Cohort], user_id: str) -> Cohort:
    for cohort in cohorts.values():
        if user_id in cohort.user_ids:
            return cohort.only(cohort.user_ids.index(user_id))
    someone = cohorts["unseen"].only(0)
    none = torch.zeros(len(someone.pairs), dtype=torch.bool)
    pairs = replace(someone.pairs.select(none), users=torch.tensor([-1]))
    return Cohort("unseen", (user_id,), pairs, someone.part[none], someone.rank[none])


@dataclass(frozen=True)
class Asked:
    """A prompt that texts are written for, and its group in the data."""

    group_id: str
    prompt: str


def evaluation_prompts(prepared: Path, split: Path, count: int) -> list[Asked]:
    """Prompts of unseen users' evaluation pairs, the first by the hash of their groups, that no other part has.

    So nobody was trained or asked about them, whatever the split's rule. Raises InputError if there are fewer.
    """
    pairs = pq.read_table(split / "pairs.parquet", columns=["role", "part", "group_id", "chosen"])
    elsewhere = set(pairs.filter(pc.field("part") != "evaluation")["group_id"].to_pylist())
    wanted = (pc.field("role") == "unseen") & (pc.field("part") == "evaluation")
    rows = pairs.filter(wanted).select(["group_id", "chosen"]).to_pydict()
    text_of = {group: text for group, text in zip(*rows.values(), strict=True) if group not in elsewhere}
    if len(text_of) < count:
        raise InputError(
            f"{split} has {len(text_of)} prompts of unseen users' evaluation pairs that are in no other part: lower "
            "generation.prompts, or split with leakage global"
        )
    groups = sorted(text_of, key=content_id)[:count]
    texts = Texts.read(prepared, [text_of[group] for group in groups])
    return [Asked(group, prompt) for group, prompt in zip(groups, texts.prompts, strict=True)]
