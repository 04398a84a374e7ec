"""The pool of questions that a service was started with, and which of them to ask a user next."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from prefactor.asking import CRITERIA, NOTHING, RANDOM, Pool, ask_several, read_pool, scores
from prefactor.methods.base import UserState
from prefactor.methods.vrf import VRF
from prefactor.preferences import Responses, content_id
from prefactor.serving.model import Reader
from prefactor.serving.online.bodies import Question
from prefactor.serving.requests import ReferencePair

AT_ONCE = 256  # texts that are read together
DIGITS = 16


class Questions:
    """N questions, whose responses one model has read. A question's name is a hash of its texts: it outlasts models."""

    def __init__(self, pool: Pool, model: VRF) -> None:
        """``pool`` has the states of its responses."""
        self._model = model
        self._asked = [pool.question(row) for row in range(len(pool))]
        self._names = [content_id(*one)[:DIGITS] for one in self._asked]
        self._row_of_name = {name: row for row, name in enumerate(self._names)}
        self._row_of_texts = {(one.prompt, frozenset(one[1:])): row for row, one in enumerate(self._asked)}
        with torch.no_grad():
            self._pool = pool.read(model)

    def __len__(self) -> int:
        return len(self._names)

    def choose(
        self, user: UserState, criterion: str, count: int, answered: Iterable[ReferencePair], skip: Iterable[str]
    ) -> list[Question]:
        """At most ``count`` for one user (1 row), best first; none ``answered``, either way round, or to ``skip``."""
        generator = torch.Generator()
        generator.seed()
        asked = self._taken(answered, skip)
        count = min(count, len(self) - int(asked.sum()))
        if not count:
            return []
        [rows] = ask_several(self._model, user, self._pool, asked.unsqueeze(0), count, criterion, generator).tolist()
        judged = (
            None if CRITERIA[criterion] is CRITERIA[RANDOM] else scores(criterion, self._model, user, self._pool)[0]
        )
        return [self._question(row, judged) for row in rows if row != NOTHING]

    def _taken(self, answered: Iterable[ReferencePair], skip: Iterable[str]) -> Tensor:
        """(N,) which are not to be asked."""
        met = [self._row_of_texts.get((pair.prompt, frozenset((pair.chosen, pair.rejected)))) for pair in answered]
        named = [self._row_of_name.get(name) for name in skip]
        asked = torch.zeros(len(self), dtype=torch.bool)
        asked[[row for row in [*met, *named] if row is not None]] = True
        return asked

    def _question(self, row: int, judged: Tensor | None) -> Question:
        score = None if judged is None else float(judged[row])
        return Question(question=self._names[row], **self._asked[row]._asdict(), score=score)


def read_questions(path: Path, model: VRF, texts: Reader, empty_prompts: bool) -> Questions:
    """From a parquet file with the columns prompt, first and second. InputError if it is at fault."""
    pool = read_pool(path, empty_prompts)
    states = torch.cat([_states(texts, pool.texts[at : at + AT_ONCE]) for at in range(0, len(pool.texts), AT_ONCE)])
    return Questions(pool.with_responses(Responses({model.view: states}, torch.arange(len(states)))), model)


def _states(texts: Reader, some: Sequence[tuple[str, str]]) -> Tensor:
    """(n, H)."""
    return torch.from_numpy(texts.encode(*zip(*some, strict=True)).states)
