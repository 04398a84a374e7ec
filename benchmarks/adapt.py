"""Adapting VRF to many new users: microseconds a user, against a Python loop and against the machine's matrix products.

    python -m benchmarks.adapt --users 100000

The loop adapts users one at a time, on a sample of them. The matrix-product bound is the time that the encoder's
multiplications alone would take at the rate this machine reaches on a large float32 product in the same run. Work a
user does not grow with the number of users: the same figure is printed for a tenth of them.
"""

import argparse

import torch

from prefactor.evaluation.latency import Newcomers, processor, seconds
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.preferences import PairBatch, Responses

HIDDEN = 384  # of the embedded backbone
PRODUCT = 2048


def make_reference(users: int, pairs: int, responses: int, generator: torch.Generator) -> PairBatch:
    """``pairs`` reference pairs for each user, among shared responses."""
    count = users * pairs
    chosen = torch.randint(responses, (count,), generator=generator)
    return PairBatch(
        responses=Responses({"states": torch.randn(responses, HIDDEN, generator=generator)}, torch.arange(responses)),
        chosen=chosen,
        rejected=(chosen + torch.randint(1, responses, (count,), generator=generator)) % responses,
        segment=torch.repeat_interleave(torch.arange(users), pairs),
        users=torch.full((users,), -1),
    )


def multiplications(users: int, pairs: int, responses: int, settings: VRFParameters) -> int:
    """Multiply-adds of adapting, as the shared first layer does them."""
    width = HIDDEN // 2
    first = 2 * responses * HIDDEN * width  # once per unique response, for each side of a pair
    second = users * pairs * width * 2 * settings.latent
    weights = 2 * users * settings.latent * settings.basis.bases
    return first + second + weights


@torch.no_grad()
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--responses", type=int, default=6_400)
    parser.add_argument("--loop-users", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    settings = VRFParameters(basis=BasisParameters("linear", 20), unit_prior=True)
    model = VRF(settings, Shape(HIDDEN, 1), generator).eval()
    reference = make_reference(options.users, options.pairs, options.responses, generator)
    tenth = make_reference(options.users // 10, options.pairs, options.responses, generator)
    singles = Newcomers.of(reference, options.loop_users).singles
    square = torch.randn(PRODUCT, PRODUCT, generator=generator)

    batched = seconds(lambda: model.adapt(reference), options.repeats) / options.users
    fewer = seconds(lambda: model.adapt(tenth), options.repeats) / len(tenth.users)
    loop = seconds(lambda: [model.adapt(single) for single in singles], options.repeats) / options.loop_users
    rate = PRODUCT**3 / seconds(lambda: square @ square, options.repeats)
    bound = multiplications(options.users, options.pairs, options.responses, settings) / options.users / rate

    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{options.users:,} users x {options.pairs} pairs of {options.responses:,} responses, H = {HIDDEN}")
    print(f"batched                 {1e6 * batched:10.2f} us a user")
    print(f"batched, a tenth        {1e6 * fewer:10.2f} us a user")
    print(f"Python loop over users  {1e6 * loop:10.2f} us a user   ({loop / batched:.0f} x batched)")
    print(f"matrix products alone   {1e6 * bound:10.2f} us a user   (batched takes {batched / bound:.1f} x as long)")
    print(f"measured product rate   {2 * rate / 1e9:10.1f} GFLOP/s, float32, {PRODUCT} x {PRODUCT}")


if __name__ == "__main__":
    main()
