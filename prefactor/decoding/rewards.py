"""The reward of any text for known users, by any trained reward model: what chooses among texts as they are written."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from prefactor.backbones import Backbone
from prefactor.backbones.identity import check_identity
from prefactor.decoding.views import check_readable, read
from prefactor.methods.base import Margin, RewardModel, UserState
from prefactor.preferences import PairBatch, Responses

REQUESTS_AT_ONCE = 256  # bounds the copies of users' states, one a request
OTHER_BACKBONE = "name the backbone that the model was trained on, or train one on this"


@dataclass(frozen=True)
class Judged:
    """N candidates' rewards less the mean over their request's candidates: ``mean`` and ``std`` (N,), in logits."""

    mean: Tensor
    std: Tensor


@dataclass(frozen=True)
class PersonalRewards:
    """A trained model and what it knows of U users, who are called by their rows in ``users``.

    model     in evaluation mode
    backbone  what the reward reads: the one that the model was trained on, or of a model with a fine-tuned one, that.
              Its log-probabilities are work that only Ref needs. None for a model of surface features
    users     as the model's ``adapt`` makes it

    Raises InputError for a model that cannot judge a new text. Nothing checks here whose states the model was trained
    on: ``of_pairs`` and ``of_users`` do.
    """

    model: RewardModel
    backbone: Backbone | None
    users: UserState

    def __post_init__(self) -> None:
        check_readable(self.model, self.backbone)
        self.model.eval()

    @classmethod
    def of_pairs(
        cls, model: RewardModel, backbone: Backbone | None, trained_on: Mapping[str, Any], known: PairBatch
    ) -> Self:
        """From users' reference pairs, with the views that adapting to them needs; of some users there may be none.

        ``trained_on`` is the identity of the backbone whose states the reward was trained on. Raises InputError if
        ``backbone`` is another.
        """
        model.eval()
        with torch.no_grad():
            return cls.of_users(model, backbone, trained_on, model.adapt(known))

    @classmethod
    def of_users(
        cls, model: RewardModel, backbone: Backbone | None, trained_on: Mapping[str, Any], users: UserState
    ) -> Self:
        """From users' states, such as those saved with the model; as ``of_pairs`` otherwise."""
        if backbone is not None:
            check_identity(backbone.identity(), trained_on, OTHER_BACKBONE)
        return cls(model, backbone, users)

    def read(self, prompts: Sequence[str], responses: Sequence[str]) -> Responses:
        """N texts as the model reads them, in the order given; each different one is read once.

        For who asks about the same texts several times.
        """
        return read(self.model, self.backbone, prompts, responses)

    def reward(
        self, users: Tensor, prompts: Sequence[str], responses: Sequence[str], segment: Tensor | None = None
    ) -> Judged:
        """Rewards of N candidates, for ``users`` (N,), against the mean of their request's candidates.

        A request is a user and a prompt; ``segment`` (N,) tells several of one user and prompt apart.
        """
        segments = [0] * len(users) if segment is None else segment.tolist()
        request, first = _numbered(zip(segments, users.tolist(), prompts, strict=True))
        return self.among(self.read(prompts, responses), users[first], request)

    @torch.no_grad()
    def among(self, texts: Responses, users: Tensor, segment: Tensor) -> Judged:
        """The same of N candidates that were read, of S requests: ``users`` (S,) and ``segment`` (N,) in [0, S).

        Requests of all users are judged together, some at a time. A text that is given twice has one reward.
        """
        texts, users, segment = texts.to(self._device), users.to(self._device), segment.to(self._device)
        mean = torch.zeros(len(segment), device=self._device)
        std = torch.zeros_like(mean)
        part = torch.arange(len(users), device=self._device).split(REQUESTS_AT_ONCE)
        sizes = torch.bincount(segment // REQUESTS_AT_ONCE, minlength=len(part)).tolist()
        for requests, rows in zip(part, torch.argsort(segment, stable=True).split(sizes), strict=True):
            if len(rows):
                own = self.users.rows(users[requests])
                margin = self.model.against_mean(own, texts[rows], segment[rows] - requests[0])
                mean[rows], std[rows] = margin.mean, margin.variance.sqrt()
        first = _first_alike(segment, texts.text)  # rounding must not tell a text from itself
        return Judged(mean[first], std[first])

    @torch.no_grad()
    def compare(self, users: Tensor, prompts: Sequence[str], responses: Sequence[str], others: Sequence[str]) -> Margin:
        """Rewards of N texts less those of N ``others`` to the same prompts, for ``users`` (N,), in logits."""
        texts = self.read([*prompts, *prompts], [*responses, *others]).to(self._device)
        first = torch.arange(len(users), device=self._device)
        nobody = torch.full((len(self.users),), -1, device=self._device)
        pairs = PairBatch(texts, first, first + len(users), users.to(self._device), nobody)
        return self.model.compare(self.users, pairs)

    @torch.no_grad()
    def plain(self, users: Tensor, prompts: Sequence[str], responses: Sequence[str]) -> Tensor:
        """(N,) rewards in logits of single texts, each for one of ``users`` (N,).

        They are defined up to a constant of the user and the prompt: only those of one user and prompt compare.
        """
        texts = self.read(prompts, responses).to(self._device)
        return self.model.reward(self.users, texts, users.to(self._device))

    @property
    def _device(self) -> torch.device:
        return next(iter(self.users.tensors.values())).device


def _numbered(values: Iterable[Hashable]) -> tuple[Tensor, Tensor]:
    """Number values by their first appearance: (N,) numbers, and the place (S,) of each number's first."""
    number: dict[Hashable, int] = {}
    first: list[int] = []
    rows = []
    for place, value in enumerate(values):
        if value not in number:
            number[value] = len(number)
            first.append(place)
        rows.append(number[value])
    return torch.tensor(rows, dtype=torch.int64), torch.tensor(first, dtype=torch.int64)


def _first_alike(segment: Tensor, text: Tensor) -> Tensor:
    """(N,) the first row with each row's ``segment`` (N,) and ``text`` (N,)."""
    _, alike = torch.unique(torch.stack([segment, text]), dim=1, return_inverse=True)
    rows = torch.arange(len(segment), device=segment.device)
    return torch.full_like(rows, len(rows)).scatter_reduce(0, alike, rows, "amin")[alike]
