"""Making a model ready to answer: its texts' states, the people it knows, its questions, and a try."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from prefactor.asking.evidence import by_evidence
from prefactor.backbones import Backbone, States
from prefactor.errors import InputError
from prefactor.serving.model import PersonalRanker
from prefactor.serving.online.caches import Caches
from prefactor.serving.online.champions import Champion
from prefactor.serving.online.metrics import Metrics
from prefactor.serving.online.questions import read_questions
from prefactor.serving.online.service import Current
from prefactor.serving.online.texts import EMBEDDED, TextStates
from prefactor.serving.requests import Request
from prefactor.serving.users.people import People
from prefactor.serving.users.store import UserStore

TRY = Request(prompt="How long does an egg need?", responses=["Eight minutes.", "Lovely question! Eight minutes."])


@dataclass(frozen=True)
class Preparer:
    """What every model is served with.

    ``caches`` say where states of texts lie, ``remembered`` how many are kept in memory; ``pool`` is a file of
    questions; ``by_evidence`` knows users by their answers alone (``asking.evidence``).
    """

    store: UserStore | None
    caches: Caches
    remembered: int
    pool: Path | None
    metrics: Metrics
    by_evidence: bool = False

    def first(self, champion: Champion) -> Current:
        """Ready to answer. InputError where a cache is not of its backbone."""
        backbone = cast(Backbone, champion.served.ranker.backbone)
        return self._current(champion, self._texts(backbone, self.caches.first(backbone.identity())))

    def next(self, champion: Champion, before: Current, told: Callable[[str], object]) -> Current:
        """The same for a model that follows another, whose texts' states are kept where the backbone is the same.

        Caches that do not suit it are done without; ``told`` why.
        """
        backbone = cast(Backbone, champion.served.ranker.backbone)
        if backbone.identity() == before.texts.backbone.identity():
            return self._current(champion, before.texts)
        return self._current(champion, self._texts(backbone, self.caches.next(backbone.identity(), told)))

    def _current(self, champion: Champion, texts: TextStates) -> Current:
        trained, known = champion.served.ranker.model, champion.served.ranker.known
        model = by_evidence(trained) if self.by_evidence else trained
        empty = champion.served.empty_prompts
        ranker = PersonalRanker(model, texts, known)
        _try_out(ranker, champion.label)
        return Current(
            label=champion.label,
            dataset=champion.dataset,
            ranker=ranker,
            texts=texts,
            people=People(ranker, self.store, champion.label),
            questions=None if self.pool is None else read_questions(self.pool, model, texts, empty),
            empty_prompts=empty,
            holds=champion.holds,
        )

    def _texts(self, backbone: Backbone, caches: Sequence[States]) -> TextStates:
        return TextStates(backbone, caches, self.remembered, self._counted)

    def _counted(self, where: str, texts: int) -> None:
        self.metrics.texts.labels(where).inc(texts)
        if where == EMBEDDED:
            self.metrics.batch.observe(texts)


def _try_out(ranker: PersonalRanker, label: str) -> None:
    """Refuse a model whose answers are no numbers."""
    [answer] = ranker.answer([TRY])
    figures = [
        number for candidate in answer.candidates for number in (candidate.reward, candidate.std, *candidate.beats)
    ]
    if not np.isfinite(figures).all():
        raise InputError(f"{label} gives rewards that are no numbers: train it again")
