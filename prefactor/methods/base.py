"""The contract of a method: a personal reward model over batches of pairs, all users at once."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.preferences import PairBatch, Responses

TUNED = "tuned"  # the view of a fine-tuned backbone's states


@dataclass(frozen=True)
class UserState:
    """What a method knows of U users after adapting: named tensors with one row per user."""

    tensors: Mapping[str, Tensor]

    def __len__(self) -> int:
        return next(iter(self.tensors.values())).shape[0]

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def rows(self, index: Tensor) -> "UserState":
        """The state of some users: (M,) row numbers, or a mask, to M rows."""
        return UserState({name: tensor[index] for name, tensor in self.tensors.items()})


@dataclass(frozen=True)
class Margin:
    """Reward differences of N comparisons: mean (N,) in logits, variance (N,) in squared logits.

    ``lapse`` (N,) or () is the share of choices that are made at random, whatever the rewards are; 0 unless a method
    has found some.
    """

    mean: Tensor
    variance: Tensor
    lapse: Tensor = field(default_factory=lambda: torch.zeros(()))

    def attenuated(self) -> Tensor:
        """(N,) mean / sqrt(1 + pi variance / 8), in logits: MacKay's approximation, VRF Eq. (8)."""
        return self.mean / torch.sqrt(1 + torch.pi * self.variance / 8)

    def logit(self) -> Tensor:
        """(N,) the logit of P(first preferred) = lapse / 2 + (1 - lapse) sigmoid(attenuated)."""
        return _with_lapses(self.attenuated(), self.lapse)

    def plain(self) -> Tensor:
        """(N,) the same as if the variance were 0."""
        return _with_lapses(self.mean, self.lapse)

    def probability(self) -> Tensor:
        """(N,) P(first preferred), the approximate mean of sigmoid(margin) under the margin's Gaussian, with lapses."""
        return torch.sigmoid(self.logit())


def _with_lapses(logit: Tensor, lapse: Tensor) -> Tensor:
    """Logits (N,) of choices that are meant to those of all choices; as they are where none is made at random."""
    if not lapse.any():
        return logit
    at_random, meant = torch.log(lapse / 2), torch.log1p(-lapse)
    first = torch.logaddexp(at_random, meant + F.logsigmoid(logit))
    second = torch.logaddexp(at_random, meant + F.logsigmoid(-logit))
    return first - second


@dataclass(frozen=True)
class Shape:
    """What a model's tensors depend on beside its parameters.

    ``width`` of its feature view, number of ``seen_users``, and of ``texts`` in the split: ``Responses.text`` < texts.
    ``tuned``: the reward reads the states of a backbone that was fine-tuned for it, beside the frozen one's.
    """

    width: int
    seen_users: int
    texts: int = 0
    tuned: bool = False


class RewardModel(nn.Module, ABC):
    """A personal reward model. Rewards are logits, defined up to a constant per (user, prompt).

    A subclass is built from ``(parameters, shape, generator)``, names itself in ``name`` and its frozen dataclass
    of parameters in ``Parameters``, reads the feature view ``view`` (empty if it reads the texts' numbers alone), and
    is listed in ``methods.METHODS``. A method that differs from another in one thing can name it in ``drawn_as``, to be
    drawn and trained with the same random numbers.

    With ``shape.tuned`` the reward reads the view ``tuned_view`` where it would read ``view``; whatever else is made of
    responses, such as VRF's encoder, still reads ``view``.
    """

    name: ClassVar[str]
    Parameters: ClassVar[type[Any]]
    view: ClassVar[str] = "states"
    tuned_view: str = TUNED
    drawn_as: ClassVar[str] = ""

    def __init__(self, settings: Any, shape: Shape) -> None:
        super().__init__()
        self.settings = settings
        self.shape = shape

    @abstractmethod
    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        """Scalar training loss in nats per pair, over a batch whose ``reference`` mask tells C_u from D_u."""

    @abstractmethod
    def adapt(self, reference: PairBatch) -> UserState:
        """The state of every user of the batch, inferred from their reference pairs; a user may have none."""

    @abstractmethod
    def reward(self, users: UserState, responses: Responses, segment: Tensor) -> Tensor:
        """(T,) rewards in logits; ``segment`` (T,) says which row of ``users`` judges each response."""

    @abstractmethod
    def compare(self, users: UserState, pairs: PairBatch) -> Margin:
        """Mean and variance (N,) of r_u(y+) - r_u(y-); ``pairs.segment`` indexes the rows of ``users``."""

    @abstractmethod
    def against_mean(self, users: UserState, responses: Responses, segment: Tensor) -> Margin:
        """Each response's reward minus the mean over the responses with its segment: the candidates of a request.

        Only differences of rewards mean anything, so this is the reward to show, and its variance the one to quote.
        """

    def read(self, responses: Responses) -> Responses:
        """What the rewards of T responses are made of, whoever judges them: made once, for any ``against_mean_of``.

        A method overrides both, or neither: then responses are taken as they are.
        """
        return responses

    def against_mean_of(self, users: UserState, read: Responses, segment: Tensor) -> Margin:
        """``against_mean`` of responses that have been ``read``, or of some of their rows."""
        return self.against_mean(users, read, segment)

    @classmethod
    def stream(cls) -> str:
        """The name of its stream of random numbers: its own, unless it is drawn as another method."""
        return cls.drawn_as or cls.name

    @property
    def rewards_known(self) -> bool:
        """Whether the reward of what is known of users is asked for, in the loss or in adapting to them."""
        return True

    def adapts_by_reward(self, seen: bool) -> bool:
        """Whether adapting to users, ``seen`` ones or new ones, asks for the reward of what is known of them."""
        return self.rewards_known

    def uncertainties(self, users: UserState) -> Mapping[str, Tensor]:
        """What the method itself offers as doubt about a user: (U,) by name, growing with doubt; none by default."""
        return {}

    def first_step(self, generator: torch.Generator) -> "RewardModel | None":
        """The model that stage train-basis fits before this one; None for a method of one step."""
        return None

    def start_from(self, basis: "RewardModel") -> None:
        """Take over what the first step learnt."""
        raise TypeError(f"{self.name} has no first step to start from")

    def standardise(self, responses: Responses) -> None:
        """Set the constants of the input's scale from the training responses, before any training."""

    def prepare(self, known: PairBatch, generator: torch.Generator) -> None:
        """Set a start that the training pairs of all seen users suggest: once, before the first step, without noise."""

    def finish(self, reference: PairBatch) -> None:
        """Keep population-level quantities of the seen users, after training and calibrating."""

    def calibrate(self, known: Sequence[PairBatch], pairs: PairBatch) -> None:
        """Set the constants of probabilities on held-out users, after training: what is known of them, in sets of
        several sizes, and their ``pairs`` to predict."""

    def learnable(self, learning_rate: float) -> list[dict[str, Any]]:
        """Parameter groups for the optimiser."""
        return [{"params": [p for p in self.parameters() if p.requires_grad], "lr": learning_rate}]


def same_tensors(first: nn.Module, second: nn.Module) -> bool:
    """Whether two models of the same settings are one."""
    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in other)


class ClosedForm(RewardModel):
    """A method that is fitted in one go, not by steps of an optimiser: a function of the pairs, and of a first step."""

    @abstractmethod
    def fit(self, known: PairBatch) -> None:
        """Fit to the training pairs of all seen users, drawing nothing."""

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        raise TypeError(f"{self.name} has no loss to take steps on: call fit")
