"""Every method adapting to new users, all at once against one at a time: microseconds a user, and their ratio.

The first row is what comes before: the embedded backbone's time for the texts of a user's pairs, the texts of a sample
of users in batches and one by one. The last two columns are adapting as a share of both. How trained models do on real
users is timed by stage latency, with the same functions; here all methods have as many steps, and users are as many as
one likes.

    python -m benchmarks.adapt_methods --users 1000

Each method has its default parameters, and methods that fit a user by gradient take ``--steps`` steps. One at a time is
measured on a sample of the users; both answers must agree on the sample, and the largest difference of their margins
is printed.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import torch

from benchmarks.adapt import HIDDEN, make_reference
from benchmarks.embed import make_texts
from prefactor.backbones import BackboneParameters, load_backbone
from prefactor.choices import choices_of
from prefactor.evaluation.latency import Latency, Newcomers, adapting, processor, reading
from prefactor.methods import METHODS
from prefactor.methods.base import ClosedForm, RewardModel, Shape
from prefactor.parameters import build, load_parameters
from prefactor.preferences import PairBatch, Responses

SEEN = 200


def new_model(name: str, steps: int, responses: Responses, generator: torch.Generator) -> RewardModel:
    """An untrained model with default parameters, fitted to random choices where a method is fitted in one go."""
    kind = METHODS[name]
    section, _ = choices_of(load_parameters()["methods"].get(name, {}).get("default", {}).get("model", {}))
    if "adaptation" in section:
        section = {**section, "adaptation": {**section["adaptation"], "steps": steps}}
    settings = build(kind.Parameters, section, name)
    model = kind(settings, Shape(HIDDEN, SEEN, texts=len(responses)), generator)  # type: ignore[call-arg]
    model.standardise(responses)
    if isinstance(model, ClosedForm):
        basis = model.first_step(generator)
        if basis is not None:
            basis.standardise(responses)
            model.start_from(basis)
        known = replace(make_reference(SEEN, 45, len(responses), generator), users=torch.arange(SEEN))
        model.fit(replace(known, responses=responses))
    return model.eval()


def in_view(reference: PairBatch, view: str) -> PairBatch:
    """The batch with its features under the name that a method reads."""
    (features,) = reference.responses.views.values()
    return replace(reference, responses=Responses({view: features}, reference.responses.text))


def largest_difference(model: RewardModel, reference: PairBatch, singles: Sequence[PairBatch]) -> float:
    """Of the sample's margins, in logits."""
    together = model.compare(model.adapt(reference), reference).mean
    alone = torch.cat([model.compare(model.adapt(single), single).mean for single in singles])
    return float((together[: len(alone)] - alone).abs().max())


@torch.no_grad()
def main() -> None:
    """Measure and print a row for the backbone and one per method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--responses", type=int, default=6_400)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--loop-users", type=int, default=10)
    parser.add_argument("--backbone-users", type=int, default=10, help="whose texts the backbone encodes")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    options = parser.parse_args()
    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{options.users:,} users x {options.pairs} pairs, H = {HIDDEN}, {options.steps} steps where steps are taken")
    backbone = encoding(options.backbone_users, options.pairs, options.repeats)
    print(f"{'':10} {'at once':>15} {'one by one':>15} {'ratio':>7} {'difference':>11}   of all: at once, one by one")
    print(f"{'backbone':10} {_times(backbone)}   ({2 * options.pairs} texts a user, float32)")
    for name in options.methods:
        found, difference = measure(name, options)
        shares = [own / whole for own, whole in zip(found, found.plus(backbone), strict=True)]
        print(f"{name:10} {_times(found)} {difference:11.1e} {shares[0]:14.2%} {shares[1]:10.2%}")


def encoding(users: int, pairs: int, repeats: int) -> Latency:
    """Seconds a user of the embedded backbone on generated texts, two a pair."""
    backbone = load_backbone(BackboneParameters(compute_dtype="float32", device="cpu"))
    texts = list(zip(*make_texts(users * 2 * pairs), strict=True))
    return reading(backbone, texts, repeats).times(2 * pairs)


def measure(name: str, options: argparse.Namespace) -> tuple[Latency, float]:
    """One method adapting, and the largest difference of margins between the two ways, in logits."""
    generator = torch.Generator().manual_seed(0)
    plain = make_reference(options.users, options.pairs, options.responses, generator)
    reference = in_view(plain, METHODS[name].view)
    model = new_model(name, options.steps, reference.responses, generator)
    users = Newcomers.of(reference, options.loop_users)
    return adapting(model, users, options.repeats), largest_difference(model, users.batch, users.singles)


def _times(latency: Latency) -> str:
    ratio = latency.single / latency.batched
    return f"{1e6 * latency.batched:12,.1f} us {1e6 * latency.single:12,.1f} us {ratio:6.1f}x"


if __name__ == "__main__":
    main()
