"""What asking a judge costs, and how much of it there may be."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from prefactor.judging.endpoint import Answer

PRICED = 1_000_000  # tokens that a price is for


@dataclass(frozen=True)
class BudgetParameters:
    """Prices and limits; the currency is whatever the prices are in.

    input_price    of a million tokens read
    output_price   of a million tokens written
    most_cost      at which no more is asked, counting what kept answers have cost; what is under way still comes in
    most_requests  of one run, each attempt counted; None for any number
    """

    input_price: float = 0.0
    output_price: float = 0.0
    most_cost: float | None = None
    most_requests: int | None = None

    def __post_init__(self) -> None:
        for name in ("input_price", "output_price", "most_cost", "most_requests"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be 0 or more, and finite, got {value}")
        if self.most_cost is not None and not (self.input_price or self.output_price):
            raise ValueError("most_cost needs input_price and output_price, per million tokens")


@dataclass(frozen=True)
class Tally:
    """What asking came to.

    requests           sent in this run, every attempt counted
    answers            to different questions
    kept               of these, that were on disk already
    prompt_tokens      that the answers' usage tells, kept ones included
    completion_tokens  the same of tokens written
    untold             answers that tell no usage: their tokens and cost are in no figure here
    cost               of those tokens
    spent              of this, in this run
    """

    requests: int = 0
    answers: int = 0
    kept: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    untold: int = 0
    cost: float = 0.0
    spent: float = 0.0

    def plus(self, more: Mapping[str, float]) -> Self:
        """With ``more`` of the figures that it names."""
        return replace(self, **{name: getattr(self, name) + value for name, value in more.items()})


class Ledger:
    """Counts for several threads what is asked and answered, and says when a budget is used up."""

    def __init__(self, budget: BudgetParameters) -> None:
        self._budget = budget
        self._tally = Tally()
        self._charged = 0.0
        self._lock = threading.Lock()

    def take(self) -> str:
        """Enter a request that is about to be sent. If the budget has none left: which limit forbids it, else empty."""
        most_requests, most_cost = self._budget.most_requests, self._budget.most_cost
        with self._lock:
            if most_requests is not None and self._tally.requests >= most_requests:
                return "most_requests reached"
            if most_cost is not None and self._charged >= most_cost:
                return "most_cost reached"
            self._tally = self._tally.plus({"requests": 1})
            return ""

    def enter(self, question: str, answer: Answer, kept: bool) -> None:
        """Enter an answer. The budget charges one that tells no usage at a token a byte: no tokenizer makes more."""
        read, written = answer.prompt_tokens, answer.completion_tokens
        if read is None or written is None:
            bound = self._cost(*(len(text.encode(errors="replace")) for text in (question, answer.text or "")))
            more: dict[str, float] = {"untold": 1}
        else:
            bound = cost = self._cost(read, written)
            more = {"prompt_tokens": read, "completion_tokens": written, "cost": cost, "spent": 0.0 if kept else cost}
        with self._lock:
            self._charged += bound
            self._tally = self._tally.plus({"answers": 1, "kept": int(kept), **more})

    def tally(self) -> Tally:
        """How it stands."""
        with self._lock:
            return self._tally

    def _cost(self, read: int, written: int) -> float:
        return (read * self._budget.input_price + written * self._budget.output_price) / PRICED
