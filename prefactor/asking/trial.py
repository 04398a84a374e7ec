"""How well users are known by what they were asked: accuracy on their evaluation pairs, and how uncertain they are."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from prefactor.cohorts import Cohort
from prefactor.evaluation.accuracy import compare_between, empty_margin, per_pair, per_user
from prefactor.evaluation.calibration import Forecast
from prefactor.evaluation.items import Kind, Outcomes
from prefactor.evaluation.results import Judged
from prefactor.methods.base import Margin, RewardModel, UserState

ENTROPY = "weight_entropy"


@dataclass
class Trial:
    """Users of a cohort, judged after each of some numbers of questions, by every training seed's model."""

    cohort: Cohort
    kind: Kind
    margins: dict[int, dict[str, Margin]] = field(default_factory=dict)
    doubts: dict[int, dict[str, dict[str, np.ndarray]]] = field(default_factory=dict)

    @torch.no_grad()
    def judge(
        self, seed: str, model: RewardModel, states: Iterable[tuple[int, UserState]], at: Collection[int]
    ) -> None:
        """One seed's model, as it comes to know the users."""
        pairs = self.cohort.to_predict("evaluation").compact()
        for number, users in states:
            if number in at:
                margin = empty_margin(pairs)
                compare_between(model, users, pairs, 0, len(users), margin)
                self.margins.setdefault(number, {})[seed] = margin
                self.doubts.setdefault(number, {})[seed] = _doubts(model, users)

    def judged(self) -> list[Judged]:
        """In the form that results are made of; |C| is the number of questions."""
        return [self._judged(number) for number in sorted(self.margins)]

    def _judged(self, number: int) -> Judged:
        pairs, margins = self.cohort.to_predict("evaluation"), self.margins[number]
        return Judged(
            self.cohort.role,
            number,
            self.cohort.user_ids,
            figures={seed: per_user(margin, pairs) for seed, margin in margins.items()},
            forecasts={seed: Forecast.of(margin, pairs) for seed, margin in margins.items()},
            outcomes=Outcomes.by_metric(self.cohort, [per_pair(margin) for margin in margins.values()], self.kind),
            further=self.doubts[number],
        )


def unasked(model: RewardModel, cohort: Cohort, numbers: Sequence[int]) -> Iterator[tuple[int, UserState]]:
    """What is known of users by so many of the pairs that they came with."""
    for number in numbers:
        yield number, model.adapt(cohort.known(number))


def _doubts(model: RewardModel, users: UserState) -> dict[str, np.ndarray]:
    """(U,) by name: what the method says of its doubt, and the entropy of shares of several bases, in nats."""
    found: Mapping[str, Tensor] = model.uncertainties(users)
    if "belief" in users.tensors:
        share = users["weight"]
        found = {**found, ENTROPY: torch.special.entr(share).sum(-1)}
    return {name: values.double().numpy() for name, values in found.items()}
