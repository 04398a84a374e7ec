"""The processes of one training, one for each device; without accelerate's launcher it is one, alone."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn

from prefactor.preferences import PairBatch

PATIENCE = timedelta(days=2)  # the others wait while the first one embeds a whole dataset


class Processes:
    """What the processes do together. The method is in each one's main memory, the backbone on its device."""

    def __init__(self, cpu: bool) -> None:
        """``cpu`` stays off a GPU that is there."""
        from accelerate import Accelerator
        from accelerate.utils import InitProcessGroupKwargs

        self.accelerator = Accelerator(cpu=cpu, kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)])
        self.rank: int = self.accelerator.process_index
        self.count: int = self.accelerator.num_processes

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def share(self, batch: PairBatch) -> tuple[PairBatch, bool]:
        """This process' users of a batch, and whether they count: with fewer users than processes one stands in."""
        bounds = [round(batch.n_users * rank / self.count) for rank in (self.rank, self.rank + 1)]
        counts = bounds[0] < bounds[1]
        first, last = bounds if counts else (0, 1)
        return (batch if self.count == 1 else batch.users_between(first, last).compact()), counts

    def prepare(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        """The model and its optimiser, spread over the processes as accelerate's configuration says."""
        return self.accelerator.prepare(model, optimiser)

    def gathering(self, model: nn.Module, last: bool) -> AbstractContextManager[Any]:
        """Around a forward and backward pass: only the ``last`` one of a step exchanges gradients."""
        return nullcontext() if last or self.count == 1 else self.accelerator.no_sync(model)

    def most(self, number: int) -> int:
        """The largest of the processes' numbers."""
        return number if self.count == 1 else int(self._gathered(torch.tensor([number])).max())

    def total(self, values: Tensor) -> Tensor:
        """The sum of the processes' tensors, in main memory."""
        if self.count == 1:
            return values
        there = values.detach().to(self.accelerator.device, copy=True)
        return self.accelerator.reduce(there, reduction="sum").cpu()

    def stacked(self, values: Tensor) -> Tensor:
        """The processes' tensors (n,) as (P, n), in main memory."""
        return values.unsqueeze(0) if self.count == 1 else self._gathered(values.unsqueeze(0))

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Every process' gradients become the sum over them: one exchange for all."""
        if self.count == 1:
            return
        flat = torch.cat([_gradient(parameter).flatten() for parameter in parameters])
        parts = self.total(flat).split([parameter.numel() for parameter in parameters])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)

    def clip(self, model: nn.Module, norm: float) -> None:
        """Clip the gradients of a prepared model to a norm, over all its parts."""
        self.accelerator.clip_grad_norm_(model.parameters(), norm)

    def wait(self) -> None:
        """Go on when all processes are here."""
        self.accelerator.wait_for_everyone()

    def _gathered(self, values: Tensor) -> Tensor:
        return self.accelerator.gather(values.to(self.accelerator.device)).cpu()


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def portion(total: int, rank: int, count: int) -> slice:
    """A process' part of ``total`` items: contiguous, equal up to one."""
    size = math.ceil(total / count)
    return slice(min(rank * size, total), min((rank + 1) * size, total))
