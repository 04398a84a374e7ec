"""All that is found of generated texts: wins over the base model's, Best-of-N's gains, Figure 3c, and texts to read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from prefactor.decoding.workshop import Workshop
from prefactor.evaluation.generation.against_bt import against_bt_rows, undrawn
from prefactor.evaluation.generation.best_of_n import best_of_n_rows
from prefactor.evaluation.generation.contests import hear
from prefactor.evaluation.generation.defects import defect_rows
from prefactor.evaluation.generation.entropy import entropies_of, entropy_rows
from prefactor.evaluation.generation.rated import rated
from prefactor.evaluation.generation.utility import spreads, with_utility
from prefactor.evaluation.generation.verdicts import BASE, verdicts_by_utility
from prefactor.evaluation.generation.win_rates import GOLD, win_rate_differences, win_rate_rows
from prefactor.evaluation.scaling.pools.generated import generated_pool
from prefactor.judging.gold import GoldUtility
from prefactor.parameters import section

REFERENCES = ("best_of_n-bt", "drift")  # what paired differences of win rates are taken from, where they wrote
KNOWN = (1, 3, 9, 40)  # |C| of VRF's Figure 3c
EXAMPLES = 2  # prompts of each user whose texts are to be read
BEST_OF_N, STYLES = "Best-of-N's gain", "choices among the styles of bases"
NO_GOLD = "nobody knows what these users want of any text"


@dataclass
class Judged:
    """What is made of texts; what cannot be is in ``left_out`` with its reason, once ``rows`` has been gone through.

    texts    of all methods
    pool     the base model's candidates for each prompt: sample 0 is its own answer, Best-of-N chooses from the others
    styled   candidates for each prompt in the styles of bases
    gold     None where nobody knows what users want of any text
    answers  where a judge model's answers are kept
    scored   the pool's candidates as every user has them, rated, for ``evaluation.scaling``; None before ``rows`` has
             been gone through, and without a gold utility or a reward model
    """

    workshop: Workshop
    texts: pd.DataFrame
    pool: pd.DataFrame
    styled: pd.DataFrame
    gold: GoldUtility | None
    answers: Path
    left_out: dict[str, str] = field(default_factory=dict)
    heard: dict[str, Any] = field(default_factory=dict)
    scored: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        self.texts = with_utility(self.texts, self.gold)

    def rows(self, identity: Mapping[str, str]) -> Iterator[pd.DataFrame]:
        """All result rows."""
        yield defect_rows(self.texts, identity)
        if len(entropies := entropies_of(self.texts)):
            yield entropy_rows(entropies, identity)
        if self.gold is None:
            self.left_out |= dict.fromkeys(("gold utility", BEST_OF_N, STYLES), NO_GOLD)
        else:
            yield from self._by_gold(self.gold, identity)
        yield from self._by_model(identity)

    def examples(self) -> pd.DataFrame:
        """All methods' texts for the first users, on their first prompts."""
        ids = self.workshop.people.user_ids[: self.workshop.parameters.examples]
        number = {user_id: place for place, user_id in enumerate(ids, 1)}
        shown = self.texts[self.texts["user_id"].isin(number)]
        shown = shown[shown["group_id"].isin(shown["group_id"].drop_duplicates().iloc[:EXAMPLES])]
        return shown.assign(user=shown["user_id"].map(number).astype("int32"))

    def about(self) -> dict[str, Any]:
        """What this was made with, and what was not done."""
        parameters = self.workshop.parameters
        made = {"prompts": parameters.prompts, "candidates": parameters.candidates.n}
        return {**made, **self.heard, "left_out": self.left_out}

    def _by_gold(self, gold: GoldUtility, identity: Mapping[str, str]) -> Iterator[pd.DataFrame]:
        spread = spreads(self.workshop.people.user_ids, self.pool, gold)
        scaled = self.texts.assign(scale=self.texts["user_id"].map(spread))
        yield from self._won(verdicts_by_utility(scaled, BASE), GOLD, identity)
        models = [str(name) for name in section(self.workshop.values, "run.methods")]
        found = rated(self.workshop, self.pool[self.pool["sample"] > 0], gold, spread, models)
        self.left_out |= found.left_out
        if found.models:
            self.scored = generated_pool(found.table)
            yield best_of_n_rows(found.table, identity, shots=self.workshop.parameters.pairs)
        else:
            self.left_out[BEST_OF_N] = "no reward model of this run can judge a new text"
        yield from self._styles(gold, spread, found.models, identity)

    def _styles(
        self, gold: GoldUtility, spread: pd.Series, models: Sequence[str], identity: Mapping[str, str]
    ) -> Iterator[pd.DataFrame]:
        """VRF's Figure 3c, by the models that can judge new texts."""
        if why := undrawn(self.styled, models):
            self.left_out[STYLES] = why
            return
        found = [(known, rated(self.workshop, self.styled, gold, spread, models, known).table) for known in KNOWN]
        tables = [table.assign(known=known) for known, table in found]
        yield against_bt_rows(pd.concat(tables, ignore_index=True), identity)

    def _by_model(self, identity: Mapping[str, str]) -> Iterator[pd.DataFrame]:
        """What a model behind an endpoint says, where one is named."""
        parameters = self.workshop.parameters
        if parameters.judge is not None:
            heard = hear(parameters.judge, self.texts, self.workshop.people, parameters.seed, self.answers)
            self.heard = {"judge": json.loads(json.dumps(heard.summary))}
            yield from self._won(heard.verdicts, heard.judge, identity)
        elif self.gold is None:
            self.left_out["win rates"] = "name a judge model in generation.judge"

    def _won(self, verdicts: pd.DataFrame, judge: str, identity: Mapping[str, str]) -> Iterator[pd.DataFrame]:
        """Win rates by a judge, and their differences from REFERENCES."""
        shots = self.workshop.parameters.pairs
        yield win_rate_rows(verdicts, identity, judge, shots)
        for reference in REFERENCES:
            if reference in set(verdicts["method"]):
                yield win_rate_differences(verdicts, reference, identity, judge, shots)
