"""Training the seeds of one configuration together, against one after the other: seconds a step for all, and the ratio.

Together, the seeds' parameters are stacked and a step is one batched matrix product over the same batch of users
(``torch.func``); one after the other, each seed takes its own step. Both give the same losses, and the largest
difference is printed. Stacking needs all seeds to see the same batch: seeds would then differ in their start alone.

    OMP_NUM_THREADS=1 python -m benchmarks.stacked_seeds --seeds 5
"""

import argparse
import platform

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state

from benchmarks.adapt import HIDDEN, make_reference
from prefactor.choices import choices_of
from prefactor.evaluation.latency import seconds
from prefactor.methods import METHODS
from prefactor.methods.base import RewardModel, Shape
from prefactor.parameters import build, load_parameters
from prefactor.preferences import PairBatch

METHODS_TRIED = ("bt", "lore", "pref")  # a step of VRF sorts users by their pairs, which stacked parameters cannot
PAIRS = 45


class Loss(torch.nn.Module):
    """A method's training loss as a module's forward pass, which is what ``torch.func`` calls."""

    def __init__(self, model: RewardModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: PairBatch) -> Tensor:
        return self.model.loss(batch, torch.Generator())


def new_loss(name: str, seed: int, users: int, batch: PairBatch) -> Loss:
    """An untrained model with default parameters, without the noise on its input."""
    section, _ = choices_of(load_parameters()["methods"][name]["default"]["model"])
    section = {**section, "basis": {**section["basis"], "dropout": 0.0}}
    kind = METHODS[name]
    shape = Shape(HIDDEN, users, texts=len(batch.responses))
    model = kind(build(kind.Parameters, section, name), shape, torch.Generator().manual_seed(seed))  # type: ignore[call-arg]
    model.standardise(batch.responses)
    return Loss(model)


def one_after_the_other(losses: list[Loss], batch: PairBatch) -> Tensor:
    """(S,) losses; gradients are left on the parameters."""
    found = [loss(batch) for loss in losses]
    for value in found:
        value.backward()
    return torch.stack([value.detach() for value in found])


def together(losses: list[Loss], parameters: dict[str, Tensor], buffers: dict[str, Tensor], batch: PairBatch) -> Tensor:
    """(S,) losses by stacked parameters; gradients are left on them."""

    def one(mine: dict[str, Tensor], constants: dict[str, Tensor]) -> Tensor:
        return functional_call(losses[0], (mine, constants), (batch,))

    found = torch.vmap(one)(parameters, buffers)
    found.sum().backward()
    return found.detach()


def main() -> None:
    """Measure and print a row per method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--responses", type=int, default=4_000)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    batch = make_reference(arguments.users, PAIRS, arguments.responses, generator)
    batch = PairBatch(batch.responses, batch.chosen, batch.rejected, batch.segment, torch.arange(arguments.users))
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{arguments.seeds} seeds, {arguments.users} users x {PAIRS} pairs a step, H = {HIDDEN}")
    print(f"{'method':8}{'apart, ms':>12}{'together, ms':>14}{'ratio':>8}{'largest difference':>20}")
    for name in METHODS_TRIED:
        losses = [new_loss(name, seed, arguments.users, batch) for seed in range(arguments.seeds)]
        parameters, buffers = stack_module_state(losses)  # type: ignore[arg-type]
        apart = seconds(lambda: one_after_the_other(losses, batch), arguments.repeats)  # noqa: B023
        stacked = seconds(lambda: together(losses, parameters, buffers, batch), arguments.repeats)  # noqa: B023
        difference = one_after_the_other(losses, batch) - together(losses, parameters, buffers, batch)
        times = f"{1e3 * apart:12.1f}{1e3 * stacked:14.1f}{apart / stacked:8.2f}"
        print(f"{name:8}{times}{float(difference.abs().max()):20.1e}")


if __name__ == "__main__":
    main()
