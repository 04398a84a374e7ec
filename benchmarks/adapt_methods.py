"""Every method adapting to new users, all at once against one at a time: microseconds a user, and their ratio.

    python -m benchmarks.adapt_methods --users 1000

Each method has its default parameters, and methods that fit a user by gradient take ``--steps`` steps. One at a time is
measured on a sample of the users; both answers must agree on the sample, and the largest difference of their margins
is printed.
"""

import argparse
import platform
from dataclasses import replace

import torch

from benchmarks.adapt import HIDDEN, make_reference, one_user, seconds
from prefactor.methods import METHODS
from prefactor.methods.base import ClosedForm, RewardModel, Shape
from prefactor.parameters import build, load_parameters
from prefactor.preferences import PairBatch, Responses

SEEN = 200


def new_model(name: str, steps: int, responses: Responses, generator: torch.Generator) -> RewardModel:
    """An untrained model with default parameters, fitted to random choices where a method is fitted in one go."""
    kind = METHODS[name]
    section = load_parameters()["methods"].get(name, {}).get("default", {}).get("model", {})
    if "adaptation" in section:
        section = {**section, "adaptation": {**section["adaptation"], "steps": steps}}
    settings = build(kind.Parameters, section, name)
    model = kind(settings, Shape(HIDDEN, SEEN, texts=len(responses)), generator)  # type: ignore[call-arg]
    model.standardise(responses)
    if isinstance(model, ClosedForm):
        known = replace(make_reference(SEEN, 45, len(responses), generator), users=torch.arange(SEEN))
        model.fit(replace(known, responses=responses), generator)
    return model.eval()


def in_view(reference: PairBatch, view: str) -> PairBatch:
    """The batch with its features under the name that a method reads."""
    (features,) = reference.responses.views.values()
    return replace(reference, responses=Responses({view: features}, reference.responses.text))


def largest_difference(model: RewardModel, reference: PairBatch, singles: list[PairBatch]) -> float:
    """Of the sample's margins, in logits."""
    together = model.compare(model.adapt(reference), reference).mean
    alone = torch.cat([model.compare(model.adapt(single), single).mean for single in singles])
    return float((together[: len(alone)] - alone).abs().max())


@torch.no_grad()
def main() -> None:
    """Measure and print a row per method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--responses", type=int, default=6_400)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--loop-users", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{options.users:,} users x {options.pairs} pairs, H = {HIDDEN}, {options.steps} steps where steps are taken")
    print(f"{'':10} {'at once':>12} {'one by one':>12} {'ratio':>8} {'difference':>11}")
    for name in options.methods:
        measure(name, options)


def measure(name: str, options: argparse.Namespace) -> None:
    """Print one method's row: microseconds a user, and logits."""
    generator = torch.Generator().manual_seed(0)
    plain = make_reference(options.users, options.pairs, options.responses, generator)
    reference = in_view(plain, METHODS[name].view)
    model = new_model(name, options.steps, reference.responses, generator)
    singles = [one_user(reference, user, options.pairs) for user in range(options.loop_users)]
    batched = seconds(lambda: model.adapt(reference), options.repeats) / options.users
    loop = seconds(lambda: [model.adapt(single) for single in singles], options.repeats) / options.loop_users
    difference = largest_difference(model, reference, singles)
    print(f"{name:10} {1e6 * batched:9.1f} us {1e6 * loop:9.1f} us {loop / batched:7.0f}x {difference:11.1e}")


if __name__ == "__main__":
    main()
