"""Interviews: users of whom nothing is known answer one question after another, and a model learns of each answer."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from prefactor.asking.answers import Answers
from prefactor.asking.criteria import CRITERIA
from prefactor.asking.pool import Pool
from prefactor.asking.questions import NOTHING, ask_several
from prefactor.asking.tracked import Tracked
from prefactor.methods.base import RewardModel, UserState
from prefactor.methods.vrf import VRF
from prefactor.preferences import PairBatch, Responses


@dataclass(frozen=True)
class Interview:
    """How users are asked: by which criterion, how many questions together before the model learns of the answers."""

    criterion: str
    together: int = 1

    @torch.no_grad()
    def hold(
        self, model: RewardModel, responses: Responses, answers: Answers, questions: int, generator: torch.Generator
    ) -> Iterator[tuple[int, UserState]]:
        """What is known of all users after 0, 1, ... ``questions`` questions, or after every ``together`` of them.

        A method that cannot update adapts anew to all answers so far.
        """
        told, asked = _nothing(responses, len(answers.known)), ~answers.known
        state = _first_state(model, told)
        pool = Pool(answers.first, answers.second, responses).read(model)
        tracked = Tracked.of(model, state, pool) if self._tracks(model) else None
        yield 0, state
        for number in range(self.together, questions + 1, self.together):
            if tracked is None:
                rows = ask_several(model, state, pool, asked, self.together, self.criterion, generator)  # (U,together)
            else:
                rows = tracked.best(CRITERIA[self.criterion], asked).unsqueeze(-1)
            user, place = (rows != NOTHING).nonzero().T
            asked[user, rows[user, place]] = True
            new = _answered(responses, answers, user, rows[user, place])
            told = _joined(told, new)
            state = model.update(state, new) if isinstance(model, VRF) else model.adapt(told)
            if tracked is not None:
                tracked = tracked.told(model, state, rows[:, 0])
            yield number, state

    def _tracks(self, model: RewardModel) -> bool:
        """Whether margins of the pool can be moved on from answer to answer: as if judged anew, but faster."""
        return isinstance(model, VRF) and self.together == 1 and CRITERIA[self.criterion].score is not None


def _first_state(model: RewardModel, nothing: PairBatch) -> UserState:
    return model.prior_state(nothing.n_users) if isinstance(model, VRF) else model.adapt(nothing)


def _nothing(responses: Responses, users: int) -> PairBatch:
    none = torch.zeros(0, dtype=torch.long)
    return PairBatch(responses, none, none, none, torch.full((users,), -1))


def _answered(responses: Responses, answers: Answers, user: Tensor, row: Tensor) -> PairBatch:
    """What users (M,) answer to the pairs of rows (M,)."""
    first, second, prefers = answers.first[row], answers.second[row], answers.prefers_first[user, row]
    chosen, rejected = torch.where(prefers, first, second), torch.where(prefers, second, first)
    return PairBatch(responses, chosen, rejected, user, torch.full((len(answers.known),), -1))


def _joined(one: PairBatch, more: PairBatch) -> PairBatch:
    chosen, rejected = torch.cat([one.chosen, more.chosen]), torch.cat([one.rejected, more.rejected])
    return replace(one, chosen=chosen, rejected=rejected, segment=torch.cat([one.segment, more.segment]))
