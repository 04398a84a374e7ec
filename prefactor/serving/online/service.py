"""The service itself, without HTTP: what is asked of the model that answers now, and of the people it knows."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import torch

from prefactor.methods.base import UserState
from prefactor.preferences import Responses
from prefactor.serving.flattening import FlatRequests, flatten
from prefactor.serving.model import PersonalRanker, Read, Standing
from prefactor.serving.online.bodies import (
    AskBody,
    Asked,
    Doubt,
    Explained,
    Explanation,
    ModelCard,
    ObserveBody,
    Observed,
    Ranked,
    Ready,
    Share,
    Weight,
)
from prefactor.serving.online.embedding import Embedder
from prefactor.serving.online.explaining import take_apart, weights
from prefactor.serving.online.failures import Failure
from prefactor.serving.online.metrics import Metrics
from prefactor.serving.online.questions import Questions
from prefactor.serving.online.texts import TextStates
from prefactor.serving.requests import Answer, ReferencePair, Request
from prefactor.serving.users.faults import StoreUnavailableError
from prefactor.serving.users.people import People

STORE_THREADS = 4
UNKNOWN = "nothing is known of user_id {!r}: observe adds preferences"

Health = Literal["up", "down", "none"]
T = TypeVar("T")


@dataclass(frozen=True)
class Current:
    """The model that answers, and what it answers with; replaced as a whole when another becomes champion."""

    label: str
    dataset: str | None
    ranker: PersonalRanker
    texts: TextStates
    people: People
    questions: Questions | None
    empty_prompts: bool
    holds: object = None


@dataclass
class News:
    """What is going on beside answering: whether store and registry answer, and what became of a newer model.

    Anybody may read it: it names no file, and nobody.
    """

    store: Health = "none"
    registry: Health = "none"
    preparing: str | None = None
    refused: str | None = None
    keys: str | None = None


@dataclass
class Service:
    """Answers from ``current``. To be used from one event loop; what may block is done in threads."""

    current: Current
    metrics: Metrics
    embedder: Embedder
    news: News = field(default_factory=News)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(STORE_THREADS, "store"))
    choosing: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "choosing"))

    def __post_init__(self) -> None:
        self.metrics.model.labels(self.current.label).set(1)
        if self.current.people.store is not None:
            self.store_is("up")

    def change_to(self, current: Current) -> None:
        """Answer with another model from the next request on."""
        before, self.current = self.current, current
        self.metrics.model.labels(before.label).set(0)
        self.metrics.model.labels(current.label).set(1)

    async def rank(self, request: Request) -> Ranked:
        """Candidates for a user."""
        now = self.current
        flat, read, standing = await self._gathered(now, request)
        [answer] = now.ranker.judge(flat, read, standing)
        return ranked(now.label, answer)

    async def explain(self, request: Request) -> Explanation:
        """The same with what it is made of."""
        now = self.current
        flat, read, standing = await self._gathered(now, request)
        [answer] = now.ranker.judge(flat, read, standing)
        return explanation(now, flat, read, standing, answer)

    async def observe(self, body: ObserveBody) -> Observed:
        """Add a user's pairs. Texts are read first, so that the store is not kept waiting for them."""
        now = self.current
        texts = {(pair.prompt, text) for pair in body.pairs for text in (pair.chosen, pair.rejected)}
        await self._read(now, [prompt for prompt, _ in texts], [response for _, response in texts])
        await self._stored(now.people.observe, body.user_id, body.pairs, body.key)
        standing = await self._standing(now, body.user_id)
        return Observed(model=now.label, user=now.ranker.user_answer(standing.state, 0, standing.sources[0]))

    async def ask(self, body: AskBody) -> Asked:
        """The pool's pairs to show a user next."""
        now = self.current
        if now.questions is None:
            raise Failure(501, "there is no pool of questions: start the service with one")
        standing = await self._standing(now, body.user_id)
        answered = await self._answered(now, body.user_id)
        asking = standing.state, body.criterion, body.n, answered, body.skip or []
        chosen = await self._aside(self.choosing, now.questions.choose, *asking)
        return Asked(
            model=now.label,
            criterion=body.criterion,
            questions=chosen,
            user=now.ranker.user_answer(standing.state, 0, standing.sources[0]),
            notes=[] if len(chosen) == body.n else [f"the pool has {len(chosen)} pair(s) left for this user"],
        )

    async def forget(self, user_id: str) -> bool:
        """Forget a user for good."""
        return bool(await self._stored(self.current.people.forget, user_id))

    def card(self) -> ModelCard:
        """The model that answers."""
        now = self.current
        return ModelCard(
            model=now.label,
            dataset=now.dataset,
            method=now.ranker.model.name,
            backbone=now.texts.backbone.identity(),
            bases=len(now.ranker.model.mean_weight),
            known_users=len(now.ranker.known.row),
            observes=now.people.store is not None,
            questions=0 if now.questions is None else len(now.questions),
            empty_prompts=now.empty_prompts,
        )

    def ready(self) -> Ready:
        """How things stand."""
        news = self.news
        return Ready(
            ready=True,
            model=self.current.label,
            store=news.store,
            registry=news.registry,
            preparing=news.preparing,
            refused=news.refused,
            keys=news.keys,
        )

    def close(self) -> None:
        """Begin nothing more."""
        self.embedder.close()
        for threads in (self.threads, self.choosing):
            threads.shutdown(wait=True, cancel_futures=True)

    async def _gathered(self, now: Current, request: Request) -> tuple[FlatRequests, Read, Standing]:
        """All that judging a request needs."""
        flat = flatten([request])
        return (
            flat,
            await self._read(now, flat.prompts, flat.responses),
            await self._standing(now, request.user_id),
        )

    async def _read(self, now: Current, prompts: Sequence[str], responses: Sequence[str]) -> Read:
        """The states of texts; those that nobody has yet are embedded."""
        found = now.texts.recall(prompts, responses)
        if rows := found.missing:
            texts = [(prompts[row], responses[row]) for row in rows]
            found.fill(rows, await self.embedder.read(now.texts, texts))
        return found

    async def _standing(self, now: Current, user_id: str | None) -> Standing:
        """What is known of a user. Of a stranger nothing, and without a store nothing new: neither asks a database."""
        alone = user_id is None or now.people.store is None
        found = now.people.find(user_id) if alone else await self._stored(now.people.find, user_id)
        state, before = now.people.made(user_id, found)
        return Standing(state, [before], UNKNOWN)

    async def _answered(self, now: Current, user_id: str | None) -> Sequence[ReferencePair]:
        """The pairs that the store has of a user."""
        if user_id is None or now.people.store is None:
            return []
        return await self._stored(now.people.store.pairs, user_id)

    async def _stored(self, call: Callable[..., T], *arguments: Any) -> T:
        """A call of the store, in a thread; whether it answered is remembered."""
        try:
            found = await self._aside(self.threads, call, *arguments)
        except StoreUnavailableError:
            self.store_is("down")
            raise
        if self.current.people.store is not None:
            self.store_is("up")
        return found

    async def _aside(self, threads: ThreadPoolExecutor, call: Callable[..., T], *arguments: Any) -> T:
        """A call in a thread, while others are answered."""
        return await asyncio.get_running_loop().run_in_executor(threads, call, *arguments)

    def store_is(self, health: Health) -> None:
        """Remember whether the store answers."""
        self.news.store = health
        self.metrics.store.set(health != "down")


def ranked(label: str, answer: Answer) -> Ranked:
    """The answer as the service gives it. Its parts were made here: they are not checked again."""
    return Ranked.model_construct(**{name: getattr(answer, name) for name in Answer.model_fields}, model=label)


@torch.inference_mode()
def explanation(now: Current, flat: FlatRequests, read: Read, standing: Standing, answer: Answer) -> Explanation:
    """What one request's answer is made of."""
    model, texts = now.ranker.model, now.ranker.responses(read)
    user = now.ranker.users(flat, texts, standing)
    parts = take_apart(model, user, model.read(flat.candidates(texts)))
    rows = zip(parts.common, parts.bases, parts.between.sqrt(), parts.within.sqrt(), strict=True)
    return Explanation(
        model=now.label,
        user=answer.user,
        bases=_shares(user, model.prior_state(1)),
        weights=[Weight(mean=mean, std=std) for mean, std in weights(model, user)],
        candidates=[
            Explained(
                **dict(candidate),
                common=common.item(),
                bases=bases.tolist(),
                doubt=Doubt(bases=between.item(), within=within.item()),
            )
            for candidate, (common, bases, between, within) in zip(answer.candidates, rows, strict=True)
        ],
        reference=_agreement(now.ranker, flat, texts, user),
        notes=answer.notes,
    )


def _agreement(ranker: PersonalRanker, flat: FlatRequests, texts: Responses, user: UserState) -> list[float]:
    """Probability of each choice among the reference pairs."""
    return ranker.model.compare(user, flat.reference(texts)).probability().tolist() if len(flat.chosen) else []


def _shares(user: UserState, prior: UserState) -> list[Share]:
    pairs = zip(user["weight"][0].tolist(), prior["weight"][0].tolist(), strict=True)
    return [Share(basis=number, weight=own, everyone=all_) for number, (own, all_) in enumerate(pairs)]
