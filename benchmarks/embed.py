"""Texts embedded per second, against a plain transformers loop padded batch by batch in input order, in the same run.

    python -m benchmarks.embed [--texts data/prepared/stylebench/texts.parquet] [--tokens-per-batch 2048 8192]

Both read the same texts with the same weights, precision and threads, take turns, and must give the same states. The
processor seconds are what a machine that others share leaves comparable.
"""

import argparse
import platform
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

from prefactor.backbones import Backbone, BackboneParameters, load_backbone
from prefactor.backbones.loading import DTYPES
from prefactor.backbones.weights import find_model

PLAIN_BATCH = 32
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.1}
WORDS = (  # the commonest of English
    "the of and to a in that is was it for on are with as his they be at one have this from had by hot word but what "
    "some we can out other were all there when up use your how said an each she which do their time if will way about "
    "many then them write would like so these her long make thing see him two has look more day could go come did "
    "number sound no most people my over know water than call first who may down side been now find any new work part "
    "take get place made live where after back little only round man year came show every good me give our under name"
)


@dataclass(frozen=True)
class Speed:
    """What one way took for all texts: by the clock, and on all processors together."""

    seconds: float
    processor_seconds: float


def main() -> None:
    """Measure and print."""
    arguments = _parse()
    torch.set_num_threads(arguments.threads)
    parameters = BackboneParameters(compute_dtype=arguments.dtype, device="cpu")
    prompts, responses = read_texts(arguments.texts) if arguments.texts else make_texts(arguments.count)
    ways: dict[str, Callable[[], np.ndarray]] = {"plain loop": plain_loop(prompts, responses, parameters)}
    for budget in arguments.tokens_per_batch:
        backbone = load_backbone(replace(parameters, tokens_per_batch=budget))
        ways[f"ours, {budget:,} tokens a batch"] = partial(states_of, backbone, prompts, responses)
    encoded = backbone.encode(prompts, responses)  # the warm-up, too
    tokens = encoded.tokens
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} thread(s), {arguments.dtype}")
    print(f"{len(prompts):,} texts of {tokens.min()} to {tokens.max()} tokens, {tokens.mean():.0f} on average")
    _report(
        measure(ways, arguments.rounds, ~encoded.truncated, TOLERANCE[arguments.dtype]), len(prompts), int(tokens.sum())
    )


def make_texts(count: int) -> tuple[list[str], list[str]]:
    """Prompts and responses of common words, 20 to 300 words together, always the same."""
    source, words = random.Random(0), WORDS.split()
    lengths = [min(300, max(20, round(source.lognormvariate(4.4, 0.6)))) for _ in range(count)]
    texts = [source.choices(words, k=length) for length in lengths]
    return [" ".join(text[: len(text) // 4]) for text in texts], [" ".join(text[len(text) // 4 :]) for text in texts]


def read_texts(path: Path) -> tuple[list[str], list[str]]:
    """Prompts and responses of a prepared dataset."""
    table = pq.read_table(path, columns=["prompt", "response"])
    return table["prompt"].to_pylist(), table["response"].to_pylist()


def plain_loop(prompts: list[str], responses: list[str], parameters: BackboneParameters) -> Callable[[], np.ndarray]:
    """What most code does: the library's tokenizer and model, batches in input order, padded to their longest."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder = find_model(parameters.model, parameters.revision).path
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=DTYPES[parameters.compute_dtype]).eval()
    texts = [f"{prompt}\n\n{response}" for prompt, response in zip(prompts, responses, strict=True)]

    @torch.inference_mode()
    def loop() -> np.ndarray:
        pooled = []
        for start in range(0, len(texts), PLAIN_BATCH):
            batch = tokenizer(
                texts[start : start + PLAIN_BATCH],
                padding="longest",
                truncation=True,
                max_length=512,
                return_tensors="pt",
            )
            states = model(**batch).last_hidden_state.float()  # (B, L, H)
            mask = batch["attention_mask"].unsqueeze(-1)  # (B, L, 1)
            pooled.append((states * mask).sum(1) / mask.sum(1))
        return torch.cat(pooled).numpy()

    return loop


def states_of(backbone: Backbone, prompts: list[str], responses: list[str]) -> np.ndarray:
    """Our way."""
    return backbone.encode(prompts, responses).states


def measure(
    ways: dict[str, Callable[[], np.ndarray]], rounds: int, comparable: np.ndarray, tolerance: float
) -> dict[str, Speed]:
    """The fastest of some rounds of each way, by turns, so that a busy moment hits all.

    All must agree on the ``comparable`` (N,) texts: those that are not truncated, which each way does in its own way.
    """
    best: dict[str, Speed] = {}
    results: dict[str, np.ndarray] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            clock, processor = time.perf_counter(), time.process_time()
            results[name] = way()
            clock, processor = time.perf_counter() - clock, time.process_time() - processor
            before = best.get(name, Speed(clock, processor))
            best[name] = Speed(min(before.seconds, clock), min(before.processor_seconds, processor))
    expected, *others = results.values()
    for states in others:
        np.testing.assert_allclose(states[comparable], expected[comparable], atol=tolerance, rtol=0)
    return best


def _report(speeds: dict[str, Speed], texts: int, tokens: int) -> None:
    plain = next(iter(speeds.values()))
    for name, speed in speeds.items():
        print(
            f"{name:>32}: {texts / speed.seconds:6.1f} texts/s, {tokens / speed.seconds:7,.0f} tokens/s"
            f" ({plain.seconds / speed.seconds:.2f} times the plain loop)"
            f" | {texts / speed.processor_seconds:6.1f} texts per processor second"
            f" ({plain.processor_seconds / speed.processor_seconds:.2f} times)"
        )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, help="texts.parquet of a prepared dataset; generated texts if not given")
    parser.add_argument("--count", type=int, default=1500, help="texts to generate")
    parser.add_argument("--tokens-per-batch", type=int, nargs="+", default=[2048], help="batch sizes to compare")
    parser.add_argument("--dtype", choices=list(DTYPES), default="float32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is reported")
    return parser.parse_args()


if __name__ == "__main__":
    main()
