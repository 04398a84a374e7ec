"""One optimiser step of fine-tuning: seconds and peak memory, against a padded loop over all pairs, in the same run.

    python -m benchmarks.tuning [--modes full lora] [--users 8 --pairs 4] [--hidden 256 --layers 4] [--threads 1]
    python -m benchmarks.tuning --device cuda --dtype bfloat16

The second line is a Qwen3-0.6B of random weights. A step has some users' pairs under the Bradley-Terry loss, with a
linear reward of the last token's state. Ours takes each unique text through the backbone once, in chunks, where there
are several by gradient caching. Beside it, with the same weights, precision and optimisers, in turns:

(a) chosen and rejected texts of all pairs in mini-batches of pairs, padded to their longest, in input order;
(b) the same sorted by length, both with gradients accumulated.

How much ours saves depends on how often users meet the same texts. By default the pairs are drawn twice: all users are
asked about the same prompts, and each pair has a prompt of its own. Learning rates are 0: every step does all of its
work from the same weights, and the gradients of all ways must agree. Peak memory is a GPU's; a CPU's would be that of
all ways together and is left out.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.engine import make_texts, save_model
from prefactor.backbones import BackboneParameters
from prefactor.backbones.loading import DTYPES
from prefactor.backbones.passes import PackedPass, pad
from prefactor.evaluation.latency import processor
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.bt import BT, BTParameters
from prefactor.preferences import PairBatch, Responses
from prefactor.seeds import generator
from prefactor.tuning import BackboneTuning
from prefactor.tuning.checkpoint import Parts
from prefactor.tuning.live_backbone import LiveBackbone
from prefactor.tuning.processes import Processes
from prefactor.tuning.texts import Texts
from prefactor.tuning.tuning import take_step
from prefactor.tuning.weights import load_trainable, moving

SIZES = {
    "cpu": {"hidden": 256, "layers": 4, "vocabulary": 0, "pairs": 4},
    "cuda": {"hidden": 1024, "layers": 28, "vocabulary": 151_936, "pairs": 45},
}
UNCLIPPED = 1e9  # norm of gradients, which are compared as they are
ADAPTED = 0.02  # deviation of the adapters' second matrices: at their start, 0, the first ones have no gradient
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.2}  # of a weight's gradient, relative to its norm
SMALLEST = 1e-3  # of all gradients' norm: a weight that has less of it is compared with this
GIB = 1024**3
Way = Callable[[], float]  # takes a step, gives its loss in nats


@dataclass(frozen=True)
class Cost:
    """What a step took: by the clock, on all processors together, and at its peak of a GPU's memory in bytes."""

    seconds: float
    processor_seconds: float
    peak: int


def main() -> None:
    """Measure and print."""
    from transformers.utils import logging

    arguments = _parse()
    torch.set_num_threads(arguments.threads)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    name = torch.cuda.get_device_name() if arguments.device == "cuda" else processor()
    print(f"{name}, {torch.get_num_threads()} thread(s), {arguments.dtype}, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = save_model(Path(scratch), arguments)
        for prompts in arguments.prompts or (arguments.pairs, arguments.users * arguments.pairs):
            for mode in arguments.modes:
                compare(folder, mode, prompts, arguments)
                _free()


def compare(folder: Path, mode: str, prompts: int, arguments: argparse.Namespace) -> None:
    """All ways to take one step, with users' pairs from so many prompts."""
    made = make_texts(arguments.shape, prompts)
    batch = make_batch([prompt for prompt, _ in made], arguments.users, arguments.pairs)
    parts = make_parts(folder, Texts(*map(pa.array, zip(*made, strict=True))), mode, arguments)
    unique = _describe(parts.live, batch, mode, prompts)
    ways: dict[str, Way] = {}
    for order, by_length in (("(a) input order", False), ("(b) sorted by length", True)):
        for size in arguments.batches:
            step = partial(padded_step, parts, batch, size, by_length, DTYPES[arguments.dtype])
            ways[f"{order}, {size} pairs"] = step
    ways["ours"] = lambda: take_step(parts, [batch], UNCLIPPED)
    error = check(ways, parts, TOLERANCE[arguments.dtype])
    print(f"gradients of all ways agree within {error:.1e} of their norms")
    _report(measure(ways, arguments.rounds), unique, _held(parts))


def make_batch(prompts: list[str], users: int, pairs: int) -> PairBatch:
    """Pairs of two responses to one prompt, always the same; all prompts are asked about equally often.

    ``prompts`` (T,) are those of the texts.
    """
    source = np.random.default_rng(1)
    answers: dict[str, list[int]] = {}
    for row, prompt in enumerate(prompts):
        answers.setdefault(prompt, []).append(row)
    some = list(answers.values())
    asked = np.resize(source.permutation(len(some)), users * pairs)
    both = torch.from_numpy(np.stack([source.choice(some[number], 2, replace=False) for number in asked]))  # (N,2)
    responses = Responses({}, torch.arange(len(prompts)))
    segment = torch.repeat_interleave(torch.arange(users), pairs)
    return PairBatch(responses, both[:, 0], both[:, 1], segment, torch.arange(users)).compact()


def make_parts(folder: Path, texts: Texts, mode: str, arguments: argparse.Namespace) -> Parts:
    """The backbone, a linear reward of its states, and their optimisers, which move nothing."""
    tuning = BackboneTuning(
        mode,  # type: ignore[arg-type]
        learning_rate=0.0,
        compute_dtype=arguments.dtype,
        tokens_per_chunk=arguments.tokens_per_chunk,
        gradient_checkpointing=arguments.gradient_checkpointing,
    )
    parameters = BackboneParameters(model=str(folder), max_tokens=4096, device=arguments.device)
    backbone = load_trainable(parameters, tuning, seed=0)
    _adapt(backbone.engine.forward.model)
    live = LiveBackbone(backbone, texts, tuning, 0.0, Processes(cpu=arguments.device == "cpu"))
    settings = BTParameters(BasisParameters("linear", bases=1, standardise=False))
    model = BT(settings, Shape(backbone.hidden, arguments.users, len(texts), tuned=True), generator(0, "head"))
    optimiser = torch.optim.AdamW(model.learnable(0.0), weight_decay=0.0, fused=True)
    return Parts(model, optimiser, live, generator(0, "noise"))


@torch.no_grad()
def _adapt(model: torch.nn.Module) -> None:
    """Give adapters, where there are some, a second matrix that is not 0."""
    source = generator(0, "adapters")
    for name, weight in moving(model).items():
        if "lora_B" in name:
            weight.copy_(ADAPTED * torch.randn(weight.shape, generator=source))


def padded_step(parts: Parts, batch: PairBatch, size: int, by_length: bool, dtype: torch.dtype) -> float:
    """What most code does: ``size`` pairs at a time, every chosen and rejected text of theirs; the loss in nats."""
    live = parts.live
    parts.optimiser.zero_grad(set_to_none=True)
    live.optimiser.zero_grad(set_to_none=True)
    rows = batch.responses.text[torch.stack([batch.chosen, batch.rejected], 1)]  # (N,2)
    ids = live.texts.tokens(rows.flatten().numpy(), live.backbone).ids
    longest = np.array([len(one) for one in ids]).reshape(-1, 2).max(1)  # (N,)
    order = np.argsort(-longest, kind="stable") if by_length else np.arange(len(batch))
    total = 0.0
    with _usual_attention(live):
        for start in range(0, len(order), size):
            some = [ids[2 * pair + side] for pair in order[start : start + size] for side in (0, 1)]
            loss = padded_loss(parts, some, dtype) / len(batch)
            loss.backward()
            total += float(loss.detach())
    torch.nn.utils.clip_grad_norm_(parts.model.parameters(), UNCLIPPED)
    torch.nn.utils.clip_grad_norm_(live.plain.parameters(), UNCLIPPED)
    parts.optimiser.step()
    live.optimiser.step()
    return total


def padded_loss(parts: Parts, ids: list[np.ndarray], dtype: torch.dtype) -> Tensor:
    """The sum of -log sigmoid(r(y+) - r(y-)) over pairs whose texts follow each other, in nats."""
    device = parts.live.forward.device
    padded, real = (torch.from_numpy(values).to(device) for values in pad(ids, 0))
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        hidden = parts.live.plain(input_ids=padded, attention_mask=real.long(), use_cache=False).last_hidden_state
    states = hidden[torch.arange(len(ids), device=device), real.sum(1) - 1].float()  # (2n,H), of the last tokens
    assert isinstance(parts.model, BT)
    layer = parts.model.phi.last
    reward = F.linear(states, layer.weight.to(device), layer.bias.to(device)).view(-1, 2)  # (2n,H)@(H,1) -> (n,2)
    return -F.logsigmoid(reward[:, 0] - reward[:, 1]).sum()


@contextmanager
def _usual_attention(live: LiveBackbone) -> Iterator[None]:
    """transformers' own, as the model was made with."""
    model: Any = live.plain
    assert isinstance(live.forward, PackedPass)
    packed = model.config._attn_implementation
    model.set_attn_implementation(live.forward.usual)
    try:
        yield
    finally:
        model.set_attn_implementation(packed)


def check(ways: dict[str, Way], parts: Parts, tolerance: float) -> float:
    """Take a step each way, the warm-up too; losses and gradients must agree. The largest deviation of a gradient."""
    (first, way), *others = ways.items()
    loss, expected = way(), gradients(parts)
    worst = 0.0
    for name, way in others:
        np.testing.assert_allclose(way(), loss, rtol=tolerance, err_msg=f"losses of {name} and {first}")
        weight, error = deviation(gradients(parts), expected)
        assert error < tolerance, f"{name} and {first}: gradients of {weight} differ by {error:.1e} of their norm"
        worst = max(worst, error)
    return worst


def deviation(found: dict[str, Tensor], expected: dict[str, Tensor]) -> tuple[str, float]:
    """The weight whose gradient is farthest from the expected one, and how far, relative to its norm."""
    assert found.keys() == expected.keys()
    least = SMALLEST * float(torch.stack([gradient.norm() for gradient in expected.values()]).norm())
    errors = {
        weight: float((found[weight] - gradient).norm()) / max(float(gradient.norm()), least)
        for weight, gradient in expected.items()
    }
    return max(errors.items(), key=lambda item: item[1])


def gradients(parts: Parts) -> dict[str, Tensor]:
    """All that the last step left, by weight, in main memory."""
    both = {**moving(parts.live.plain), **{f"reward {name}": weight for name, weight in moving(parts.model).items()}}
    return {name: weight.grad.float().cpu().clone() for name, weight in both.items() if weight.grad is not None}


def measure(ways: dict[str, Way], rounds: int) -> dict[str, Cost]:
    """The fastest of some rounds of each way, by turns, so that a busy moment hits all."""
    best: dict[str, Cost] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            cost = _timed(way)
            before = best.get(name, cost)
            best[name] = Cost(
                min(before.seconds, cost.seconds),
                min(before.processor_seconds, cost.processor_seconds),
                max(before.peak, cost.peak),
            )
    return best


def _timed(way: Way) -> Cost:
    on_gpu = torch.cuda.is_initialized()
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    clock, used = time.perf_counter(), time.process_time()
    way()
    if on_gpu:
        torch.cuda.synchronize()
    clock, used = time.perf_counter() - clock, time.process_time() - used
    return Cost(clock, used, torch.cuda.max_memory_allocated() if on_gpu else 0)


def _held(parts: Parts) -> int:
    """Bytes of a GPU's memory that are taken between steps: weights and the optimiser's means."""
    parts.live.optimiser.zero_grad(set_to_none=True)
    return torch.cuda.memory_allocated() if torch.cuda.is_initialized() else 0


def _free() -> None:
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _describe(live: LiveBackbone, batch: PairBatch, mode: str, prompts: int) -> int:
    """Say what a step is about; its unique tokens, as chunked."""
    tokens = live.texts.tokens(batch.responses.text.numpy(), live.backbone)
    length = np.array([len(ids) for ids in tokens.ids])
    whole = int(length[torch.cat([batch.chosen, batch.rejected]).numpy()].sum())
    chunks = live.chunks(tokens)
    unique = int(sum(length[chunk.rows].sum() - chunk.shared.sum() for chunk in chunks))
    weights, moved = (sum(weight.numel() for weight in some) for some in (live.plain.parameters(), _moved(live)))
    print(f"\n{mode}: {weights / 1e6:.1f} M parameters, of which {moved / 1e6:.2f} M move")
    print(
        f"{batch.n_users} users x {len(batch) // batch.n_users} pairs of {prompts} prompts: {len(tokens.ids)} texts in "
        f"{2 * len(batch)} places; {whole:,} tokens, {unique:,} of them unique as chunked ({whole / unique:.2f} times "
        f"fewer), {len(chunks)} chunk(s)"
    )
    return unique


def _moved(live: LiveBackbone) -> list[torch.nn.Parameter]:
    return list(moving(live.plain).values())


def _report(costs: dict[str, Cost], unique: int, held: int) -> None:
    ours = costs["ours"]
    for name, cost in costs.items():
        print(
            f"{name:>32}: {cost.seconds:7.3f} s a step, {unique / cost.seconds:9,.0f} unique tokens/s, ours is "
            f"{cost.seconds / ours.seconds:.2f} times as fast | processor {cost.processor_seconds:7.3f} s, "
            f"{cost.processor_seconds / ours.processor_seconds:.2f} times{_memory(cost, ours)}"
        )
    best = min((cost for name, cost in costs.items() if name != "ours"), key=lambda cost: cost.seconds)
    print(f"over the best of (a) and (b): {best.seconds / ours.seconds:.2f} times by the clock", end="")
    print(f"; between steps {held / GIB:.2f} GiB are taken" if held else "; a CPU's memory is not measured")


def _memory(cost: Cost, ours: Cost) -> str:
    return f" | peak {cost.peak / GIB:.2f} GiB, {cost.peak / ours.peak:.2f} times ours" if cost.peak else ""


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modes", nargs="+", choices=["full", "lora"], default=["full", "lora"])
    parser.add_argument("--shape", choices=["personalllm", "tldr"], default="personalllm", help="lengths of texts")
    parser.add_argument("--users", type=int, default=8, help="of a step")
    parser.add_argument("--pairs", type=int, help="of each user; by default 4, with cuda 45")
    parser.add_argument("--prompts", type=int, nargs="+", help="that pairs are about; by default as said above")
    parser.add_argument("--hidden", type=int, help="by default 256, with cuda 1024")
    parser.add_argument("--layers", type=int, help="by default 4, with cuda 28")
    parser.add_argument("--vocabulary", type=int, help="of the embedding; 0: the words alone; with cuda 151936")
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 8], help="pairs of a mini-batch of the loops")
    parser.add_argument("--tokens-per-chunk", type=int, default=None, help="of ours; by default 2048, with cuda 32768")
    parser.add_argument("--gradient-checkpointing", action="store_true", help="of all ways")
    parser.add_argument("--dtype", choices=list(DTYPES), default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is reported")
    arguments = parser.parse_args()
    for name, size in SIZES[arguments.device].items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, size)
    return arguments


if __name__ == "__main__":
    main()
