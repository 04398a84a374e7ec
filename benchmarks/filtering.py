"""VRF's filter in a training step, forward and backward: users at once with the gradient in closed form, against users
at once with PyTorch's graph of every operation, and against one user after the other. All give the same gradient, and
the largest relative difference is printed.

    OMP_NUM_THREADS=1 python -m benchmarks.filtering --users 100
"""

import argparse
import platform
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.evaluation.latency import seconds
from prefactor.methods.filtering import Belief, absorb
from prefactor.methods.logistic import Observed

PAIRS = 45  # at most, of a user; numbers of pairs are log-uniform, as in training


def by_graph(belief: Belief, observed: Observed) -> Belief:
    """``absorb`` for users in the order of their pairs, most first: the same formulas, as operations of their own."""
    count = torch.bincount(observed.segment, minlength=observed.users)
    start = count.cumsum(0) - count
    done = []
    for turn in range(int(count.max())):
        further = int((count > turn).sum())
        done.append(belief.rows(slice(further, None)))
        belief = belief.rows(slice(further))
        rows = start[:further] + turn
        belief = _after(belief, observed.difference[rows], observed.offset[rows])
    whole = [belief, *reversed(done)]
    parts = zip(*((part.mean, part.covariance, part.evidence) for part in whole), strict=True)
    return Belief(*(torch.cat(part) for part in parts))


def _after(belief: Belief, difference: Tensor, offset: Tensor) -> Belief:
    column = difference[:, None, :, None]  # (u,1,D,1)
    along = (belief.covariance @ column).squeeze(-1)  # (u,K,D)
    expected = (belief.mean @ difference.unsqueeze(-1)).squeeze(-1) + offset.unsqueeze(-1)  # (u,K)
    kappa = (1 + torch.pi * (along @ difference.unsqueeze(-1)).squeeze(-1) / 8).rsqrt()
    chance = torch.sigmoid(kappa * expected)
    told = kappa.square() * chance * (1 - chance)
    return Belief(
        belief.mean + (kappa * (1 - chance)).unsqueeze(-1) * along,
        belief.covariance - told[..., None, None] * along.unsqueeze(-1) * along.unsqueeze(-2),
        belief.evidence + F.logsigmoid(kappa * expected),
    )


def one_at_a_time(belief: Belief, observed: Observed) -> Belief:
    """``absorb``, user by user."""

    def each() -> Iterator[Belief]:
        for user in range(observed.users):
            mine = observed.segment == user
            alone = Observed(observed.difference[mine], observed.offset[mine], observed.segment[mine] - user, 1)
            yield absorb(belief.rows(slice(user, user + 1)), alone)

    parts = zip(*((part.mean, part.covariance, part.evidence) for part in each()), strict=True)
    return Belief(*(torch.cat(part) for part in parts))


def main() -> None:
    """Measure and print a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--bases", type=int, default=12)
    parser.add_argument("--features", type=int, default=9)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    sizes = (PAIRS ** torch.rand(arguments.users, generator=generator)).long().sort(descending=True).values
    segment = torch.repeat_interleave(torch.arange(arguments.users), sizes)
    mean = torch.randn(arguments.bases, arguments.features, generator=generator)
    difference = torch.randn(len(segment), arguments.features, generator=generator)
    spread = torch.ones(arguments.bases, arguments.features)

    def gradients(way: Callable[[Belief, Observed], Belief]) -> list[Tensor]:
        inputs = [value.clone().requires_grad_() for value in (mean, spread, difference)]
        prior = Belief.prior(arguments.users, inputs[0], torch.diag_embed(inputs[1]))
        found = way(prior, Observed(inputs[2], torch.zeros(len(segment)), segment, arguments.users))
        (found.mean.sin().sum() + found.covariance.cos().sum() + found.evidence.sum()).backward()
        return [value.grad for value in inputs if value.grad is not None]

    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{arguments.users} users, {len(segment)} pairs, K = {arguments.bases}, {arguments.features} features")
    expected = gradients(absorb)
    closed = seconds(lambda: gradients(absorb), arguments.repeats)
    print(f"{'':18}{'ms':>8}{'times':>8}{'largest difference':>20}")
    for name, way in (("closed form", absorb), ("graph", by_graph), ("one at a time", one_at_a_time)):
        took = closed if way is absorb else seconds(lambda: gradients(way), arguments.repeats)  # noqa: B023
        pairs = zip(gradients(way), expected, strict=True)
        difference_found = max(float((found - true).abs().max() / true.abs().max()) for found, true in pairs)
        print(f"{name:18}{1e3 * took:8.1f}{took / closed:8.2f}{difference_found:20.1e}")


if __name__ == "__main__":
    main()
