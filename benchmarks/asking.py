"""Which question to ask a user next: milliseconds for a pool, by criterion, against trying both answers to every pair.

    OMP_NUM_THREADS=1 python -m benchmarks.asking --pairs 2000

One user of whom a few pairs are known. The pool's responses have been read before, as a service does when it starts.
Trying out updates the user's state by either answer to each pair and takes the mean entropy of the shares that are
left, one pair after the other, on a sample of the pool: what ``information`` has in closed form. The largest difference
between the two is printed, in nats. The model has the default's sizes and random weights.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from prefactor.asking import CRITERIA, INFORMATION, Pool, ask, ask_several, scores
from prefactor.asking.belief import pair_differences, weight_belief
from prefactor.asking.evidence import by_evidence
from prefactor.evaluation.latency import processor
from prefactor.methods.base import Shape, UserState
from prefactor.methods.basis import BasisParameters
from prefactor.methods.loadings import LoadingParameters
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.preferences import PairBatch, Responses

HIDDEN = 384  # of the embedded backbone
FEATURES, BASES = 105, 12  # of a model that was trained on stylebench
KNOWN = 3  # pairs of the user
SCALE = 0.1  # of the random states: differences as large as a trained model's leave something to be asked


class Times(NamedTuple):
    """Seconds by the clock, and of the processor: what others do on the machine is in the first alone."""

    clock: float
    processor: float

    def __str__(self) -> str:
        return f"{1e3 * self.clock:10.2f} ms {1e3 * self.processor:10.2f} ms"


def times(work: Callable[[], object], repeats: int) -> Times:
    """Medians over some calls, after one more."""
    work()
    clock, spent = [], []
    for _ in range(repeats):
        started = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - started[0])
        spent.append(time.process_time() - started[1])
    return Times(statistics.median(clock), statistics.median(spent))


def make_model() -> VRF:
    """Of the default's sizes; its users are known by their answers, by Bayes' rule."""
    settings = VRFParameters(
        basis=BasisParameters("linear", FEATURES),
        loadings=LoadingParameters(bases=BASES),
        common=True,
        unit_prior=True,
    )
    return by_evidence(VRF(settings, Shape(HIDDEN, 1), torch.Generator().manual_seed(0)).eval(), 1.0)


def make_pool(model: VRF, pairs: int) -> Pool:
    """So many pairs over twice as many responses."""
    generator = torch.Generator().manual_seed(1)
    states = SCALE * torch.randn(2 * pairs, HIDDEN, generator=generator)
    first, second = torch.randperm(2 * pairs, generator=generator).view(2, pairs)
    return Pool(first, second, Responses({model.view: states}, torch.full((2 * pairs,), -1)))


def answered(raw: Pool, row: int, first: bool) -> PairBatch:
    """One user's answer to a pair; nothing but its two responses is read."""
    assert raw.responses is not None
    [(name, states)] = raw.responses.views.items()
    two = Responses({name: torch.stack([states[raw.first[row]], states[raw.second[row]]])}, torch.full((2,), -1))
    chosen, rejected = torch.tensor([[0], [1]] if first else [[1], [0]])
    return PairBatch(two, chosen, rejected, torch.zeros(1, dtype=torch.long), torch.tensor([-1]))


@torch.no_grad()
def tried_out(model: VRF, user: UserState, raw: Pool, row: int) -> Tensor:
    """() nats by which the answer to a pair is expected to lower the entropy of the user's shares."""
    first, second = answered(raw, row, True), answered(raw, row, False)
    difference = pair_differences(model, model.basis(first.responses), first.chosen, first.rejected)
    chance, _ = weight_belief(model, user).after(difference)  # (1,2)
    after = [model.update(user, answer)["weight"] for answer in (first, second)]
    left = torch.stack([torch.special.entr(share).sum() for share in after])
    return torch.special.entr(user["weight"]).sum() - chance[0] @ left


def main() -> None:
    """Measure and print a row for each criterion and the naive way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--sample", type=int, default=50, help="pairs that are tried out")
    parser.add_argument("--repeats", type=int, default=20)
    given = parser.parse_args()
    model = make_model()
    raw = make_pool(model, given.pairs)
    pool, user = raw.read(model), model.prior_state(1)
    for row in range(KNOWN):
        user = model.update(user, answered(raw, row, True))
    asked, drawn = torch.zeros(1, given.pairs, dtype=torch.bool), torch.Generator().manual_seed(2)
    asked[0, :KNOWN] = True

    print(f"{processor()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"one user, {given.pairs:,} pairs, K = {BASES}, {FEATURES} features")
    print(f"{'':28}{'clock':>13}{'processor':>14}")
    for name in CRITERIA:
        print(f"{name:28}{times(lambda name=name: ask(model, user, pool, asked, name, drawn), given.repeats)}")
    print(f"{'information, five at once':28}{times(lambda: ask_several(model, user, pool, asked, 5), given.repeats)}")
    rows = range(KNOWN, KNOWN + given.sample)
    one = times(lambda: [tried_out(model, user, raw, row) for row in rows], max(given.repeats // 4, 1))
    naive = Times(*(each / given.sample * given.pairs for each in one))
    closed = times(lambda: ask(model, user, pool, asked), given.repeats)
    print(f"{'both answers tried out':28}{naive} {naive.processor / closed.processor:8.0f} times information's")
    told = torch.stack([tried_out(model, user, raw, row) for row in rows])
    off = (scores(INFORMATION, model, user, pool)[0, KNOWN : KNOWN + given.sample] - told).abs().max()
    print(f"largest difference {float(off):.1e} nats, of {float(told.min()):.3f} to {float(told.max()):.3f}")


if __name__ == "__main__":
    main()
