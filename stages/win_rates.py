"""Stage win-rates: whose texts are better for a user than the base model's, and what choosing among more gains."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from prefactor import layout
from prefactor.atomic import atomic_folder
from prefactor.decoding.people import People
from prefactor.decoding.rewards import PersonalRewards
from prefactor.decoding.workshop import Workshop
from prefactor.evaluation.generation.against_bt import against_bt_rows
from prefactor.evaluation.generation.best_of_n import best_of_n_rows
from prefactor.evaluation.generation.defects import defect_rows
from prefactor.evaluation.generation.entropy import entropies_of, entropy_rows
from prefactor.evaluation.generation.tables import write_about, write_table
from prefactor.evaluation.generation.verdicts import BASE, verdicts_by_judge, verdicts_by_utility
from prefactor.evaluation.generation.win_rates import win_rate_differences, win_rate_rows
from prefactor.evaluation.results import in_schema
from prefactor.judging.endpoint import Judge
from prefactor.judging.gold import GoldUtility
from prefactor.judging.inquiry import Inquiry
from prefactor.judging.pairwise import compare
from prefactor.judging.question import Contest, Example
from prefactor.parameters import load_parameters, section
from prefactor.progress import progress
from stages.running import run
from stages.workshops import generation_parameters, identity_of, open_workshop

REFERENCE = "drift"  # what paired differences of win rates are taken from, where it wrote
KNOWN = (1, 3, 9, 40)  # |C| of VRF's Figure 3c
TEXTS = "texts.parquet"


def win_rates(model: str) -> None:
    """Judge every method's texts by the true tastes, and by a model behind an endpoint where one is named."""
    workshop = open_workshop(model)
    texts = _texts(model)
    judged = Judged(workshop, texts, GoldUtility.find(layout.prepared(workshop.dataset)))
    with atomic_folder(layout.generation(model) / "judged") as scratch:
        write_table(scratch, "results", in_schema(pd.concat([*judged.rows()], ignore_index=True)))
        write_table(scratch, "examples", judged.examples())
        write_about(scratch, judged.about())


def _texts(model: str) -> pd.DataFrame:
    """All methods' texts; NaN seconds where none were written for it."""
    folders = [layout.texts(model, method) for method in generation_parameters().methods]
    return pd.concat([pd.read_parquet(folder / TEXTS) for folder in folders], ignore_index=True)


@dataclass
class Judged:
    """Texts of all methods, with their gold utility where there is one, in units of the user's spread over a pool."""

    workshop: Workshop
    texts: pd.DataFrame
    gold: GoldUtility | None

    def __post_init__(self) -> None:
        self._left_out: dict[str, str] = {}
        self._inquiry: dict[str, Any] = {}
        self.pool, self.styled = (
            pd.read_parquet(layout.texts(self.workshop.name, "candidates") / f"{name}.parquet")
            for name in ("pool", "styled")
        )
        if self.gold is None:
            self._left_out["gold utility"] = "nobody knows what these users want of any text"
            self.texts = self.texts.assign(utility=np.nan)
        else:
            self.texts = self._scaled(self.texts.assign(utility=self._utility(self.texts)))

    def rows(self) -> Iterator[pd.DataFrame]:
        """All result rows."""
        identity, shots = identity_of(self.workshop), self.workshop.parameters.pairs
        yield defect_rows(self.texts, identity)
        if len(entropies := entropies_of(self.texts)):
            yield entropy_rows(entropies, identity)
        if self.gold is not None:
            verdicts = verdicts_by_utility(self.texts, BASE)
            yield win_rate_rows(verdicts, identity, shots=shots)
            for reference in ("best_of_n-bt", REFERENCE):
                if reference in set(self.texts["method"]):
                    yield win_rate_differences(verdicts, reference, identity, shots=shots)
            yield best_of_n_rows(self._sets(self.pool, self.workshop.people), identity, shots=shots)
            yield from self._styles(identity)
        yield from self._asked(identity, shots)

    def examples(self) -> pd.DataFrame:
        """All methods' texts for the first users, on their first prompts."""
        ids = self.workshop.people.user_ids[: self.workshop.parameters.examples]
        number = {user_id: place for place, user_id in enumerate(ids, 1)}
        shown = self.texts[self.texts["user_id"].isin(number)]
        first = shown["group_id"].drop_duplicates().iloc[:2]
        shown = shown[shown["group_id"].isin(first)]
        return shown.assign(user=shown["user_id"].map(number).astype("int32"))

    def about(self) -> dict[str, Any]:
        """What this was made with, and what was not done."""
        parameters = self.workshop.parameters
        made = {"prompts": parameters.prompts, "candidates": parameters.candidates.n}
        return {**made, **self._inquiry, "left_out": self._left_out}

    def _utility(self, table: pd.DataFrame) -> np.ndarray:
        assert self.gold is not None
        return self.gold.utilities(table["user_id"].tolist(), table["group_id"].tolist(), table["response"].tolist())

    def _scaled(self, table: pd.DataFrame) -> pd.DataFrame:
        """With ``scale``, the spread of each user's utility over the base model's texts; 1 where all are alike."""
        ids = pd.DataFrame({"user_id": self.workshop.people.user_ids})
        every = ids.merge(self.pool, how="cross")
        spread = every.assign(utility=self._utility(every)).groupby("user_id")["utility"].std()
        return table.assign(scale=table["user_id"].map(spread.where(spread > 0, 1.0)))

    def _sets(self, pool: pd.DataFrame, people: People, limit: int | None = None) -> pd.DataFrame:
        """Every user with every candidate: gold utility, and the rewards of the run's models."""
        table = pd.DataFrame({"user_id": people.user_ids}).merge(pool, how="cross")
        request, _ = pd.factorize(pd.MultiIndex.from_frame(table[["user_id", "group_id"]]))
        first = table.loc[~pd.Series(request).duplicated()]
        number = {user_id: row for row, user_id in enumerate(people.user_ids)}
        users = torch.tensor(first["user_id"].map(number).to_numpy())
        table = self._scaled(table.assign(utility=self._utility(table)))
        for method in section(load_parameters(), "run.methods"):
            rewards = self._rewards(method, limit)
            texts = rewards.read(table["prompt"].tolist(), table["response"].tolist())
            found = rewards.among(texts, users, torch.from_numpy(request))
            table[f"reward_{method}"] = found.mean.double().numpy()
        return table

    def _rewards(self, method: str, limit: int | None) -> PersonalRewards:
        """A reward model that knows ``limit`` pairs of each user, by default as many as the writers."""
        if limit is None:
            return self.workshop.rewards(method)
        model, trained_on = self.workshop.reward(method)
        known = self.workshop.people.cohort.known(limit)
        return PersonalRewards.of_pairs(model, self.workshop.backbone, trained_on, known)

    def _styles(self, identity: Mapping[str, str]) -> Iterator[pd.DataFrame]:
        """VRF's Figure 3c."""
        if not len(self.styled):
            self._left_out["choices among the styles of bases"] = "no default VRF with labelled bases is in this run"
            return
        tables = [self._sets(self.styled, self.workshop.people, known).assign(known=known) for known in KNOWN]
        yield against_bt_rows(pd.concat(tables, ignore_index=True), identity)

    def _asked(self, identity: Mapping[str, str], shots: int) -> Iterator[pd.DataFrame]:
        """What a model behind an endpoint says, where one is named."""
        judge = self.workshop.parameters.judge
        if judge is None:
            if self.gold is None:
                self._left_out["win rates"] = "name a judge model in generation.judge"
            return
        where = "generation.judge.endpoint"
        inquiry = Inquiry(Judge(judge.endpoint, where), judge.inquiry, Path("data", "judgements"))
        others, contests = self._contests()
        with progress("judging", len(contests), "texts") as shown:
            found = compare(contests, inquiry, judge.history, self.workshop.parameters.seed, shown)
        answers = others.assign(**{name: found.table[name].to_numpy() for name in ("verdict", "missing", "malformed")})
        self._inquiry = {"judge": json.loads(json.dumps(found.summary))}
        verdicts = verdicts_by_judge(answers[["user_id", "group_id", "method", "verdict", "missing", "malformed"]])
        yield win_rate_rows(verdicts, identity, judge=str(found.summary["model"]), shots=shots)

    def _contests(self) -> tuple[pd.DataFrame, list[Contest]]:
        """Every text against the base's for the same user and prompt, with the user's history."""
        plain = self.texts[self.texts["method"] == BASE].set_index(["user_id", "group_id"])["response"]
        others = self.texts[self.texts["method"] != BASE].reset_index(drop=True)
        history = dict(zip(self.workshop.people.user_ids, _histories(self.workshop.people), strict=True))
        contests = [
            Contest(row.prompt, row.response, plain[row.user_id, row.group_id], history[row.user_id])
            for row in others.itertuples()
        ]
        return others, contests


def _histories(people: People) -> list[Sequence[Example]]:
    """Each user's known pairs in words."""
    known, texts = people.known, people.texts
    found: list[list[Example]] = [[] for _ in people.user_ids]
    sides = (known.responses.text[rows].tolist() for rows in (known.chosen, known.rejected))
    for user, chosen, rejected in zip(known.segment.tolist(), *sides, strict=True):
        found[user].append(Example(texts.prompts[chosen], texts.responses[chosen], texts.responses[rejected]))
    return list(found)


if __name__ == "__main__":
    run(win_rates)
