"""Candidates of all policies for some people, with what each is worth to the person it was written for."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from prefactor.attributes import AttributeLibrary
from prefactor.datasets.lamp.candidates import PROFILE, SCHEMA
from prefactor.datasets.lamp.person import Person
from prefactor.datasets.lamp.tasks import Task
from prefactor.decoding.conditions import contrastive, named
from prefactor.decoding.drift import DriftScorer, ZeroShot
from prefactor.decoding.exact.scorer import ExactScorer
from prefactor.decoding.likelihoods import Likelihoods
from prefactor.decoding.policies.feedback import Feedback
from prefactor.decoding.policies.parameters import BASE, EXACT, RETRIEVED, PolicyParameters
from prefactor.decoding.policies.profile import Embed, Embeddings, nearest_items
from prefactor.decoding.policies.queries import Query, queries_of
from prefactor.decoding.policies.shown import counter, room_for_prompts, with_items
from prefactor.decoding.speaker import Speaker
from prefactor.decoding.writers import Answer, DriftWriter, ExactWriter, PlainWriter, Requests, Writer
from prefactor.errors import InputError
from prefactor.judging.rouge import ROUGE, rouge


class Sampler:
    """Writes for people of one task.

    speaker  the language model that writes; ``small`` the one that steers in Drift
    embed    prompts to (N, E)
    """

    def __init__(
        self, task: Task, parameters: PolicyParameters, speaker: Speaker, small: Speaker, embed: Embed
    ) -> None:
        self.task, self.parameters = task, parameters
        self.speaker, self.small, self.embed = speaker, small, embed
        self.too_long = 0  # queries that were left out

    def __call__(self, people: Sequence[Person]) -> pa.Table:
        """The table of candidates, policy by policy; a text depends on its own seed, prompt and policy alone.

        Queries that the models have no room for are left out and counted.
        """
        queries = self._fitting(queries_of(people, self.parameters.profile_queries, self.parameters.seed))
        work = _Work(self, queries)
        return pa.concat_tables([SCHEMA.empty_table(), *(work.table(policy) for policy in self.parameters.policies)])

    @cached_property
    def library(self) -> AttributeLibrary:
        """The attributes that EXACT and Drift may ask for."""
        return self.parameters.attributes.read()

    @cached_property
    def room(self) -> int:
        """Tokens that a prompt may have. InputError if there are none."""
        library = self.library if self.parameters.needs_feedback else None
        new, line = self.parameters.sampling.max_new_tokens, self.parameters.exact.k
        found = min(room_for_prompts(one, new, library, line) for one in (self.speaker, self.small))
        if found < 1:
            raise InputError(
                f"the model reads {self.speaker.max_tokens} tokens, of which max_new_tokens {new} leaves none for a "
                "prompt: lower sampling.max_new_tokens, or raise the model's max_tokens"
            )
        return found

    def _fitting(self, queries: list[Query]) -> list[Query]:
        lengths = counter(self.speaker)([query.prompt for query in queries])
        left = [query for query, length in zip(queries, lengths, strict=True) if length <= self.room]
        self.too_long += len(queries) - len(left)
        return left

    def worth(self, golds: Sequence[str], texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Columns rouge1, rougeL and gold_utility (N,) of texts."""
        scores = rouge(golds, texts)
        found = dict(zip(ROUGE, scores.T, strict=True))
        chosen = self.parameters.utility
        return found | {"gold_utility": scores.mean(1) if chosen == "mean" else found[chosen]}


class _Work:
    """What is written for some queries, each made when it is first needed."""

    def __init__(self, sampler: Sampler, queries: Sequence[Query]) -> None:
        self.sampler, self.queries = sampler, queries
        self.parameters = sampler.parameters
        self.embeddings = Embeddings(sampler.embed)

    def table(self, policy: str) -> pa.Table:
        """All candidates of one policy, query by query."""
        if policy == BASE:
            return self._table(policy, self.requests, self.base)
        if policy == RETRIEVED:
            return self._table(policy, *self._retrieved())
        answers = (self._exact if policy == EXACT else self._drift)()(self.requests)
        return self._table(policy, self.requests, answers)

    @cached_property
    def requests(self) -> Requests:
        """Every query's own prompt, as often as it is sampled; queries take the place of users."""
        return self._asked([query.prompt for query in self.queries])

    @cached_property
    def base(self) -> list[Answer]:
        """The base policy's texts: what the model writes for everyone."""
        return self._plain(self.requests)

    def _asked(self, prompts: Sequence[str]) -> Requests:
        many, few = self.parameters.samples, self.parameters.profile_samples
        times = np.array([few if query.kind == PROFILE else many for query in self.queries], dtype=np.int64)
        query = np.repeat(np.arange(len(self.queries)), times)
        sample = np.concatenate([np.arange(0), *(np.arange(count) for count in times)])
        return Requests(query, [prompts[row] for row in query.tolist()], sample, self.parameters.seed)

    def _plain(self, requests: Requests) -> list[Answer]:
        return PlainWriter(self.sampler.speaker, self.parameters.sampling)(requests)

    def _retrieved(self) -> tuple[Requests, list[Answer]]:
        nearest = nearest_items(self.queries, self.embeddings, self.parameters.retrieved_items)
        words, count = self.parameters.item_words, counter(self.sampler.speaker)
        shown = with_items(self.sampler.task, self.queries, nearest, words, count, self.sampler.room)
        requests = self._asked([one.prompt for one in shown])
        about = [{"items": list(shown[row].items)} for row in requests.users]
        return requests, [replace(one, about=more) for one, more in zip(self._plain(requests), about, strict=True)]

    @cached_property
    def feedback(self) -> Feedback:
        """Pairs of the base policy's texts for profile queries."""
        rows = np.array([self.queries[row].kind == PROFILE for row in self.requests.users], dtype=bool)
        asked = self.requests.rows(np.flatnonzero(rows))
        # Texts do not depend on what else is written: without the policy `base` those for questions are not needed.
        if BASE in self.parameters.policies:
            answers = [answer for answer, mine in zip(self.base, rows, strict=True) if mine]
        else:
            answers = self._plain(asked)
        texts = [answer.written.text for answer in answers]
        worth = self.sampler.worth([self.queries[row].gold for row in asked.users], texts)["gold_utility"]
        return Feedback.of(self.queries, asked.users, texts, worth)

    def _exact(self) -> Writer:
        sampler, library, texts = self.sampler, self.sampler.library, self.feedback.texts
        known = Likelihoods(sampler.speaker, texts)
        prompts = list(dict.fromkeys(texts.prompts))
        scorer = ExactScorer(
            lambda rows, subsets: known(rows, [named(library, subset) for subset in subsets]),
            len(library.names),
            texts.numbered_prompts(),
            self.embeddings(prompts),
            self.parameters.exact,
        )
        recall = scorer.adapt(self.feedback.known(self.queries))
        return ExactWriter(sampler.speaker, library, recall, self.embeddings, self.parameters.sampling)

    def _drift(self) -> Writer:
        sampler, how = self.sampler, self.parameters.decoding
        known = Likelihoods(sampler.small, self.feedback.texts)
        rewards = ZeroShot(known.table, contrastive(sampler.library), self.parameters.drift.per, known.tokens)
        tastes = DriftScorer(rewards, self.parameters.drift).tastes(self.feedback.known(self.queries))
        weights = tastes.weights.numpy()
        sampling = self.parameters.sampling
        return DriftWriter(sampler.speaker, sampler.small, sampler.library, weights, sampling, how.kept, how.strength)

    def _table(self, policy: str, requests: Requests, answers: Sequence[Answer]) -> pa.Table:
        asked = [self.queries[row] for row in requests.users]
        texts = [answer.written.text for answer in answers]
        columns: dict[str, Any] = {
            "user_id": [query.user_id for query in asked],
            "query_id": [query.id for query in asked],
            "kind": [query.kind for query in asked],
            "policy": [policy] * len(asked),
            "sample": requests.samples,
            "prompt": [query.prompt for query in asked],
            "response": texts,
            "tokens": [answer.written.tokens for answer in answers],
            "finished": [answer.written.finished for answer in answers],
            **self.sampler.worth([query.gold for query in asked], texts),
            "about": [json.dumps(dict(answer.about), default=dict) for answer in answers],
        }
        return pa.table({name: pa.array(columns[name], SCHEMA.field(name).type) for name in SCHEMA.names}, SCHEMA)
