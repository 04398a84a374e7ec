"""Hidden states of a causal language model per second, where texts begin alike, against what most code does.

    python -m benchmarks.engine [--shapes personalllm tldr prism unshared] [--hidden 512 --layers 8] [--threads 1]
    python -m benchmarks.engine --device cuda --dtype bfloat16 --hidden 1024 --layers 28 --vocabulary 151936

The second line is a Qwen3-0.6B of random weights.

Texts have the lengths of published data sets. Ours takes each unique token through the model once. Beside it, with the
same weights, precision and threads, in turns:

(a) a transformers loop over batches padded to their longest, in input order;
(b) the same sorted by length, with the best of some batch sizes;
(c) sentence-transformers' encode, where it is installed, with the best of the same sizes.

All give mean-pooled states, none computes the language model's head, all start from texts, and all must agree. The
processor seconds are what a machine that others share leaves comparable.
"""

import argparse
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.embed import Speed, measure
from prefactor.backbones import Backbone, BackboneParameters, load_backbone
from prefactor.backbones.loading import DTYPES

WORDS = 2000
BATCHES = (4, 8, 16, 32)
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.1}  # of states whose elements are about 1
Way = Callable[[], np.ndarray]
Texts = list[tuple[str, str]]


def main() -> None:
    """Measure and print."""
    from transformers.utils import logging

    arguments = _parse()
    torch.set_num_threads(arguments.threads)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    device = "cuda" if arguments.device == "cuda" else "cpu"
    with tempfile.TemporaryDirectory() as scratch:
        folder = save_model(Path(scratch), arguments)
        parameters = BackboneParameters(
            model=str(folder),
            pooling="mean",
            max_tokens=4096,
            log_probabilities=False,
            tokens_per_batch=arguments.tokens_per_batch,
            compute_dtype=arguments.dtype,
            device=device,
        )
        backbone = load_backbone(parameters)
        size = sum(parameter.numel() for parameter in backbone.engine.forward.model.parameters())
        print(
            f"{_machine(device)}, {torch.get_num_threads()} thread(s), {arguments.dtype}; {size / 1e6:.1f} M parameters"
        )
        for shape in arguments.shapes:
            _compare(shape, arguments, backbone, folder, device)


def _compare(shape: str, arguments: argparse.Namespace, backbone: Backbone, folder: Path, device: str) -> None:
    texts = make_texts(shape, arguments.prompts)
    tokens = backbone.tokenise(*zip(*texts, strict=True))
    lengths = [len(ids) for ids in tokens.ids]
    found = backbone.encode(*zip(*texts, strict=True))
    ratio = sum(lengths) / found.computed
    print(
        f"\n{shape}: {len(texts)} texts of {min(lengths)} to {max(lengths)} tokens, {sum(lengths):,} in all, "
        f"{found.computed:,} of them unique as batched: {ratio:.2f} times fewer"
    )
    compared = ways(texts, backbone, folder, arguments.dtype, device)
    whole = np.ones(len(texts), dtype=bool)  # nothing is truncated
    speeds = measure(compared, arguments.rounds, whole, TOLERANCE[arguments.dtype])
    _report(speeds, sum(lengths), ratio)
    if device == "cuda":
        _report_rate(backbone, arguments.dtype, found.computed / speeds["ours"].seconds)


def make_texts(shape: str, prompts: int) -> Texts:
    """Prompts and responses of one token a word, always the same; their order is that of the data set.

    ``personalllm``: prompts of 100 tokens with 8 responses of 200 to 400. ``tldr``: posts of 350 with 6 summaries of 20
    to 50. ``prism``: conversations of 2 to 5 turns, each turn with 2 to 4 responses to all that was said before.
    ``unshared``: no prompts, 30 to 400.
    """
    source = np.random.default_rng(0)
    texts: Texts = []
    for _ in range(prompts):
        if shape == "prism":
            texts += _conversation(source)
            continue
        prompt, responses, low, high = {
            "personalllm": (100, 8, 200, 400),
            "tldr": (350, 6, 20, 50),
            "unshared": (0, 8, 30, 400),
        }[shape]
        asked = _words(source, prompt)
        texts += [(asked, _words(source, int(source.integers(low, high + 1)))) for _ in range(responses)]
    return texts


def _conversation(source: np.random.Generator) -> Iterator[tuple[str, str]]:
    context = ""
    for turn in range(int(source.integers(2, 6))):
        context = f"{context} {_words(source, int(source.integers(10, 40)))}".strip()
        responses = [_words(source, int(source.integers(60, 200))) for _ in range(4 if turn == 0 else 2)]
        yield from ((context, response) for response in responses)
        context = f"{context} {responses[0]}"


def _words(source: np.random.Generator, count: int) -> str:
    return " ".join(f"w{number}" for number in source.integers(WORDS, size=count))


def save_model(folder: Path, arguments: argparse.Namespace) -> Path:
    """A Qwen3 of random weights, with a tokenizer to which a word is a token."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Qwen3Config

    vocabulary = {"<pad>": 0, **{f"w{number}": number + 1 for number in range(WORDS)}}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>").save_pretrained(folder)
    config = Qwen3Config(
        vocab_size=max(len(vocabulary), arguments.vocabulary),
        hidden_size=arguments.hidden,
        intermediate_size=3 * arguments.hidden,
        num_hidden_layers=arguments.layers,
        num_attention_heads=2 * max(1, arguments.hidden // 128),
        num_key_value_heads=max(1, arguments.hidden // 128),
        head_dim=128 if arguments.hidden >= 1024 else 64,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def ways(texts: Texts, backbone: Backbone, folder: Path, dtype: str, device: str) -> dict[str, Way]:
    """What is compared, by name; ours comes last."""
    joined = [f"{prompt}\n\n{response}" if prompt else response for prompt, response in texts]
    found: dict[str, Way] = {"(a) padded, input order, 8": padded_loop(joined, folder, dtype, device, 8, False)}
    for batch in BATCHES:
        found[f"(b) sorted by length, {batch}"] = padded_loop(joined, folder, dtype, device, batch, True)
    found |= {f"(c) {name}": way for name, way in sentence_transformers(joined, folder, dtype, device)}
    prompts, responses = zip(*texts, strict=True)
    return found | {"ours": lambda: backbone.encode(prompts, responses).states}


def padded_loop(texts: list[str], folder: Path, dtype: str, device: str, batch: int, by_length: bool) -> Way:
    """The library's tokenizer and model, batch by batch, each padded to its longest."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=DTYPES[dtype]).eval().to(device)

    @torch.inference_mode()
    def loop() -> np.ndarray:
        ids = tokenizer(texts)["input_ids"]
        order = sorted(range(len(texts)), key=lambda row: -len(ids[row])) if by_length else list(range(len(texts)))
        states = torch.empty(len(texts), model.config.hidden_size)
        for start in range(0, len(texts), batch):
            rows = order[start : start + batch]
            padded = tokenizer.pad({"input_ids": [ids[row] for row in rows]}, return_tensors="pt").to(device)
            hidden = model(
                input_ids=padded["input_ids"], attention_mask=padded["attention_mask"], use_cache=False
            ).last_hidden_state.float()  # (B,L,H)
            mask = padded["attention_mask"].unsqueeze(-1)  # (B,L,1)
            states[rows] = ((hidden * mask).sum(1) / mask.sum(1)).cpu()
        return states.numpy()

    return loop


def sentence_transformers(texts: list[str], folder: Path, dtype: str, device: str) -> Iterator[tuple[str, Way]]:
    """Its encode, which sorts by length; nothing where it is not installed."""
    try:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    except ImportError:
        return
    arguments: dict[str, Any] = {"model_kwargs": {"dtype": DTYPES[dtype]}}
    reader = Transformer(str(folder), max_seq_length=4096, **arguments)
    model = SentenceTransformer(modules=[reader, Pooling(reader.get_embedding_dimension(), "mean")], device=device)
    for batch in BATCHES:
        way = partial(model.encode, texts, batch_size=batch, show_progress_bar=False, convert_to_numpy=True)
        yield f"sentence-transformers, {batch}", way


def _report(speeds: dict[str, Speed], tokens: int, ratio: float) -> None:
    letters = {name[:3] for name in speeds}
    best = {letter: min((s for n, s in speeds.items() if n.startswith(letter)), key=_time) for letter in letters}
    ours = speeds["ours"]
    for name, speed in speeds.items():
        clock, processor = speed.seconds, speed.processor_seconds
        print(
            f"{name:>30}: {clock:6.2f} s, {tokens / clock:9,.0f} tokens/s | processor {processor:6.2f} s; "
            f"ours is {processor / ours.processor_seconds:.2f} times as fast"
        )
    sorted_best = best["(b)"]
    gain = sorted_best.processor_seconds / ours.processor_seconds
    print(f"over the best of (b): {gain:.2f} times, {gain / ratio:.0%} of the ratio in tokens", end="")
    print(f"; by the clock {sorted_best.seconds / ours.seconds:.2f} times")


def _time(speed: Speed) -> float:
    return speed.processor_seconds


def _report_rate(backbone: Backbone, dtype: str, tokens_per_second: float) -> None:
    """Which share of the GPU's measured matrix rate is reached, by the products with weights alone."""
    size, rounds = 8192, 20
    left, right = (torch.randn(size, size, device="cuda", dtype=DTYPES[dtype]) for _ in range(2))
    left @ right
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(rounds):
        left @ right
    torch.cuda.synchronize()
    rate = 2 * size**3 * rounds / (time.perf_counter() - started)
    model = backbone.engine.forward.model
    weights = sum(p.numel() for p in model.parameters()) - model.get_input_embeddings().weight.numel()
    reached = 2 * weights * tokens_per_second
    print(f"{reached / 1e12:,.0f} of {rate / 1e12:,.0f} TFLOP/s: {reached / rate:.0%} of the machine's matrix rate")


def _machine(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shapes = ["personalllm", "tldr", "prism", "unshared"]
    parser.add_argument("--shapes", nargs="+", choices=shapes, default=shapes)
    parser.add_argument(
        "--prompts", type=int, default=12, help="prompts, or conversations; without prompts 8 texts for each"
    )
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--vocabulary", type=int, default=0, help="of the embedding; 0: the words alone")
    parser.add_argument("--tokens-per-batch", type=int, default=None)
    parser.add_argument("--dtype", choices=list(DTYPES), default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is reported")
    return parser.parse_args()


if __name__ == "__main__":
    main()
