"""Serving logic: requests in, ranked rewards with uncertainty out. No server and no registry in here."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.backbones import Backbone
from prefactor.methods.base import Margin, UserState
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


@dataclass(frozen=True)
class KnownUsers:
    """The cached posteriors of the training data's users: ``row`` gives each user's row in ``state``."""

    row: dict[str, int]
    state: UserState

    @classmethod
    def of(cls, user_ids: Sequence[str], state: UserState) -> "KnownUsers":
        """Known users from their ids, in the order of the rows of ``state``."""
        return cls({user_id: row for row, user_id in enumerate(user_ids)}, state)


class PersonalRanker:
    """A trained VRF with the backbone it reads and the users it knows. It keeps no state between calls."""

    def __init__(self, model: VRF, backbone: Backbone, known: KnownUsers) -> None:
        self.model = model.eval()
        self.backbone = backbone
        self.known = known

    @torch.inference_mode()
    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer per request. All texts are embedded together, once each; no answer depends on the others."""
        if not requests:
            return []
        flat = flatten(requests)
        texts, truncated = self._embed(flat)
        users = self.model.update(self._start(requests), flat.reference(texts))
        candidates = flat.candidates(texts)
        rewards = self.model.against_mean(users, candidates, flat.candidate_segment)
        comparisons = flat.comparisons(candidates)
        beats = self.model.compare(users, comparisons).probability()
        return [
            Answer(
                candidates=_candidates(request, *judged),
                user=self._user(request, users, row),
                notes=self._notes(request, truncated[row]),
            )
            for row, (request, judged) in enumerate(zip(requests, _per_request(flat, rewards, beats), strict=True))
        ]

    def _embed(self, flat: FlatRequests) -> tuple[Responses, list[int]]:
        """States of all texts, and how many of each request's texts were cut to the backbone's length."""
        encoded = self.backbone.encode(flat.prompts, flat.responses)
        states = torch.from_numpy(encoded.states)  # (T,H)
        truncated = flat.marked(torch.from_numpy(encoded.truncated))
        return Responses({self.model.view: states}, torch.arange(len(states))), truncated

    def _start(self, requests: Sequence[Request]) -> UserState:
        """(R,) states before the requests' reference pairs: cached for known users, the prior for others."""
        state = self.model.prior_state(len(requests))
        rows = [(i, self.known.row[r.user_id]) for i, r in enumerate(requests) if r.user_id in self.known.row]
        if not rows:
            return state
        here, there = torch.tensor(rows).T
        cached = self.known.state.rows(there)
        return UserState({name: tensor.index_copy(0, here, cached[name]) for name, tensor in state.tensors.items()})

    def _user(self, request: Request, users: UserState, row: int) -> UserAnswer:
        weight = users["weight"][row]  # (K,)
        return UserAnswer(
            answered_from=self._source(request),
            pairs=round(users["count"][row].item()),
            weights=weight.tolist(),
            spread=self.model.uncertainty(users)[row].item(),
            entropy=torch.special.entr(weight).sum().item(),
        )

    def _source(self, request: Request) -> str:
        if request.user_id in self.known.row:
            return UPDATED_USER if request.reference else KNOWN_USER
        return REFERENCE_PAIRS if request.reference else PRIOR

    def _notes(self, request: Request, truncated: int) -> list[str]:
        notes = []
        if request.user_id not in self.known.row:
            if request.user_id is not None:
                notes.append(f"user_id {request.user_id!r} is not among the users of the training data")
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
