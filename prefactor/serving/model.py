"""Serving logic: requests in, ranked rewards with uncertainty out. No server and no registry in here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from prefactor.methods.base import Margin, UserState
from prefactor.methods.factorised import BASIS
from prefactor.methods.vrf import VRF
from prefactor.preferences import Responses
from prefactor.serving.flattening import FlatRequests, flatten
from prefactor.serving.requests import (
    KNOWN_USER,
    PRIOR,
    REFERENCE_PAIRS,
    UPDATED_USER,
    Answer,
    Candidate,
    Request,
    UserAnswer,
)


class Read(Protocol):
    """What has been read of T texts: ``states`` (T, H) float32, and whether each was ``truncated`` (T,) bool."""

    @property
    def states(self) -> np.ndarray: ...

    @property
    def truncated(self) -> np.ndarray: ...


class Reader(Protocol):
    """What gives texts' states: a backbone, or something that has some of them already."""

    def encode(self, prompts: Sequence[str], responses: Sequence[str]) -> Read: ...


@dataclass(frozen=True)
class KnownUsers:
    """The cached posteriors of the training data's users: ``row`` gives each user's row in ``state``."""

    row: dict[str, int]
    state: UserState

    @classmethod
    def of(cls, user_ids: Sequence[str], state: UserState) -> "KnownUsers":
        """Known users from their ids, in the order of the rows of ``state``."""
        return cls({user_id: row for row, user_id in enumerate(user_ids)}, state)


@dataclass(frozen=True)
class Standing:
    """What is known of R requests' users before the requests' own reference pairs.

    ``state`` has R rows; ``sources`` say where each is from, one of ANSWERED_FROM. ``unknown`` is what an answer says
    of a user_id of whom nothing is known.
    """

    state: UserState
    sources: Sequence[str]
    unknown: str = "user_id {!r} is not among the users of the training data"


class PersonalRanker:
    """A trained VRF with what reads texts for it and the users it knows. It keeps no state between calls.

    ``answer`` is all of it; who has texts' states, or knows of users from elsewhere, calls ``judge``.
    """

    def __init__(self, model: VRF, backbone: Reader, known: KnownUsers) -> None:
        self.model = model.eval()
        self.backbone = backbone
        self.known = known

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer per request. All texts are embedded together, once each; no answer depends on the others."""
        if not requests:
            return []
        flat = flatten(requests)
        return self.judge(flat, self.backbone.encode(flat.prompts, flat.responses), self.standing(requests))

    @torch.inference_mode()
    def judge(self, flat: FlatRequests, read: Read, standing: Standing) -> list[Answer]:
        """One answer per request, given the states of its texts and what is known of its user."""
        texts = self.responses(read)
        users = self.users(flat, texts, standing)
        phi = self.model.read(flat.candidates(texts))
        rewards = self.model.against_mean_of(users, phi, flat.candidate_segment)
        first, second = flat.comparisons()
        basis = phi.views[BASIS]  # (C,F)
        beats = self.model.judge(users, flat.candidate_segment[first], basis[first] - basis[second]).probability()
        truncated = flat.marked(torch.from_numpy(read.truncated))
        return [
            Answer(
                candidates=_candidates(request, *judged),
                user=self.user_answer(users, row, source(request, standing.sources[row])),
                notes=_notes(request, standing, row, truncated[row]),
            )
            for row, (request, judged) in enumerate(zip(flat.requests, _per_request(flat, rewards, beats), strict=True))
        ]

    def responses(self, read: Read) -> Responses:
        """States of T texts as what the model takes."""
        states = torch.from_numpy(read.states)  # (T,H)
        return Responses({self.model.view: states}, torch.arange(len(states)))

    def users(self, flat: FlatRequests, texts: Responses, standing: Standing) -> UserState:
        """(R,) states after the requests' reference pairs."""
        return self.model.update(standing.state, flat.reference(texts)) if len(flat.chosen) else standing.state

    @torch.inference_mode()
    def standing(self, requests: Sequence[Request]) -> Standing:
        """What the model itself knows of the requests' users: cached for known users, the prior for others."""
        rows = [self.known.row.get(request.user_id or "", -1) for request in requests]
        sources = [PRIOR if row < 0 else KNOWN_USER for row in rows]
        return Standing(self._start(torch.tensor(rows)), sources)

    def _start(self, rows: Tensor) -> UserState:
        """(R,) states of known users by their rows (R,), the prior's where that is -1."""
        if (rows >= 0).all():
            return self.known.state.rows(rows)
        prior = self.model.prior_state(len(rows))
        here = (rows >= 0).nonzero().flatten()
        if not len(here):
            return prior
        cached = self.known.state.rows(rows[here])
        return UserState({name: tensor.index_copy(0, here, cached[name]) for name, tensor in prior.tensors.items()})

    def user_answer(self, users: UserState, row: int, source: str) -> UserAnswer:
        """One of the users, for an answer."""
        weight = users["weight"][row]  # (K,)
        return UserAnswer(
            answered_from=source,
            pairs=round(users["count"][row].item()),
            weights=weight.tolist(),
            spread=self.model.uncertainty(users)[row].item(),
            entropy=torch.special.entr(weight).sum().item(),
        )


def source(request: Request, before: str) -> str:
    """Where an answer is from: what was known ``before``, or that with the request's reference pairs."""
    if not request.reference:
        return before
    return UPDATED_USER if before in (KNOWN_USER, UPDATED_USER) else REFERENCE_PAIRS


def _notes(request: Request, standing: Standing, row: int, truncated: int) -> list[str]:
    notes = []
    if standing.sources[row] == PRIOR:
        if request.user_id is not None:
            notes.append(standing.unknown.format(request.user_id))
        if not request.reference:
            notes.append("no reference pairs: answered from the prior, the same for every stranger")
    if len(request.responses) == 1:
        notes.append("one candidate: nothing to compare it with, its reward is 0 by definition")
    if truncated:
        notes.append(f"{truncated} text(s) are longer than the backbone reads and were cut")
    return notes


def _per_request(flat: FlatRequests, rewards: Margin, beats: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Mean (n,), standard deviation (n,) and probabilities (n(n-1)/2,) of each request's n candidates."""
    counts = flat.counts()
    pairs = [n * (n - 1) // 2 for n in counts]
    return list(zip(rewards.mean.split(counts), rewards.variance.sqrt().split(counts), beats.split(pairs), strict=True))


def _candidates(request: Request, mean: Tensor, std: Tensor, beats: Tensor) -> list[Candidate]:
    size = len(request.responses)
    ranks = mean.argsort(descending=True, stable=True).argsort() + 1  # equal rewards keep their order
    matrix = torch.full((size, size), 0.5)
    first, second = torch.triu_indices(size, size, offset=1)
    matrix[first, second], matrix[second, first] = beats, 1 - beats
    columns = zip(request.responses, mean.tolist(), std.tolist(), ranks.tolist(), matrix.tolist(), strict=True)
    return [
        Candidate(response=text, reward=reward, std=spread, rank=rank, beats=row)
        for text, reward, spread, rank, row in columns
    ]
