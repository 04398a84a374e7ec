"""VRF's filter: over the pairs, against pair by pair over the weights, all users at once and one user after the other.

All give the same beliefs, and the largest relative difference is printed.

    OMP_NUM_THREADS=1 python -m benchmarks.filtering --users 100
"""

import argparse
import platform
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.evaluation.latency import seconds
from prefactor.methods.filtering import Belief, absorb
from prefactor.methods.logistic import Observed

PAIRS = 45  # at most, of a user; numbers of pairs are log-uniform, as in training


def over_weights(belief: Belief, log_share: Tensor, observed: Observed) -> Belief:
    """``absorb`` for users in the order of their pairs, most first, as its module's formulas stand."""
    count = torch.bincount(observed.segment, minlength=observed.users)
    start = count.cumsum(0) - count
    done = []
    for turn in range(int(count.max())):
        further = int((count > turn).sum())
        done.append(belief.rows(slice(further, None)))
        belief = belief.rows(slice(further))
        rows = start[:further] + turn
        belief = _after(belief, log_share, observed.difference[rows], observed.offset[rows])
    return _joined([belief, *reversed(done)])


def _after(belief: Belief, log_share: Tensor, difference: Tensor, offset: Tensor) -> Belief:
    column = difference.unsqueeze(-1)  # (u,R,1)
    along = (belief.covariance @ column).squeeze(-1)  # (u,R)
    kappa = (1 + torch.pi / 8 * (along * difference).sum(-1, keepdim=True)).rsqrt()  # (u,1)
    scaled = kappa * ((belief.mean @ column).squeeze(-1) + offset.unsqueeze(-1))  # (u,K)
    chance, evidence = torch.sigmoid(scaled), belief.evidence + F.logsigmoid(scaled)
    share = (log_share + evidence).softmax(-1)
    told = kappa.square() * (share * chance * (1 - chance)).sum(-1, keepdim=True)  # (u,1)
    return Belief(
        belief.mean + (kappa * (1 - chance)).unsqueeze(-1) * along.unsqueeze(1),
        belief.covariance - (told * along).unsqueeze(-1) * along.unsqueeze(-2),
        evidence,
    )


def one_at_a_time(belief: Belief, log_share: Tensor, observed: Observed) -> Belief:
    """``absorb``, user by user."""

    def each() -> Iterator[Belief]:
        for user in range(observed.users):
            mine = observed.segment == user
            alone = Observed(observed.difference[mine], observed.offset[mine], observed.segment[mine] - user, 1)
            yield absorb(belief.rows(slice(user, user + 1)), log_share, alone)

    return _joined([*each()])


def _joined(parts: list[Belief]) -> Belief:
    return Belief(*map(torch.cat, zip(*((part.mean, part.covariance, part.evidence) for part in parts), strict=True)))


def main() -> None:
    """Measure and print a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--bases", type=int, default=12)
    parser.add_argument("--features", type=int, default=105)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    sizes = (PAIRS ** torch.rand(arguments.users, generator=generator)).long().sort(descending=True).values
    segment = torch.repeat_interleave(torch.arange(arguments.users), sizes)
    difference = torch.randn(len(segment), arguments.features, generator=generator)
    observed = Observed(difference, torch.zeros(len(segment)), segment, arguments.users)
    mean = torch.randn(arguments.bases, arguments.features, generator=generator)
    prior = Belief.prior(arguments.users, mean, torch.eye(arguments.features))
    log_share = torch.full((arguments.bases,), 1 / arguments.bases).log()

    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{arguments.users} users, {len(segment)} pairs, K = {arguments.bases}, {arguments.features} features")
    expected = absorb(prior, log_share, observed)
    took = seconds(lambda: absorb(prior, log_share, observed), arguments.repeats)
    print(f"{'':18}{'ms':>8}{'times':>8}{'largest difference':>20}")
    print(f"{'over the pairs':18}{1e3 * took:8.1f}{1:8.2f}{0:20.1e}")
    for name, way in (("over the weights", over_weights), ("one at a time", one_at_a_time)):
        found = way(prior, log_share, observed)
        other = seconds(partial(way, prior, log_share, observed), arguments.repeats)
        off = max(
            float((values - true).abs().max() / true.abs().max())
            for values, true in (
                (found.mean, expected.mean),
                (found.covariance, expected.covariance),
                (found.evidence, expected.evidence),
            )
        )
        print(f"{name:18}{1e3 * other:8.1f}{other / took:8.2f}{off:20.1e}")


if __name__ == "__main__":
    main()
