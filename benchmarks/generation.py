"""What Drift and EXACT ask of a language model, against padded loops and writing without a cache, in the same run.

    python -m benchmarks.generation [--parts rewards selection writing] [--hidden 512 --layers 8] [--threads 1]
    python -m benchmarks.generation --device cuda --dtype bfloat16 --hidden 1024 --layers 28 --vocabulary 151936

The second line is a Qwen3-0.6B of random weights. Texts have the lengths of published data sets, a word is a token.

rewards    Drift's zero-shot rewards: every text of some pairs under the base prompt and each attribute's. Beside ours a
           transformers loop over the prompts, texts sorted by length and padded batch by batch, logits at all places
selection  EXACT's first greedy step: every pair without attributes and with each attribute in a line below its prompt,
           against the same loop
writing    tokens per second of plain writing, and of Drift with m attributes, whose small model is the large one unless
           told otherwise. Beside it its naive way: the m + 1 contexts one after the other, each read whole again for
           every token. That is run for a few tokens, where texts are shortest, and added to plain writing's own time

The answers of all ways must agree. The processor seconds are what a machine that others share leaves comparable.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from benchmarks.embed import Speed, measure
from benchmarks.engine import make_texts, save_model
from prefactor.attributes import AttributeLibrary, read_attributes
from prefactor.backbones import BackboneParameters, stylelm
from prefactor.backbones.forest import packed_batches
from prefactor.backbones.loading import DTYPES
from prefactor.backbones.passes import pad
from prefactor.decoding.conditions import PLAIN, Condition, contrastive, named
from prefactor.decoding.drift.rewards import ZeroShot, zero_shot_rewards
from prefactor.decoding.exact.greedy import select_each
from prefactor.decoding.exact.objective import Objective
from prefactor.decoding.likelihoods import Likelihoods, Texts
from prefactor.decoding.sampling import SamplingParameters, Steering, Stream, sample
from prefactor.decoding.speaker import Speaker, load_speaker
from prefactor.decoding.steering import DriftSteering
from prefactor.evaluation.latency import processor

CONTEXT = 4096
VOCABULARY = 16_384  # of the tokenizer, at most: enough for a token to every word
LETTERS = str.maketrans("0123456789", "abcdefghij")  # the tokenizer would part letters from digits
PER_TOKEN = {"float32": 1e-4, "bfloat16": 0.02}  # nats by the tokens of a response: how far answers may differ
OF_LOGITS = {"float32": 1e-3, "bfloat16": 0.3}  # of their norm: what steers is differences of logits almost alike
STRENGTH = 0.5  # Drift's b


def main() -> None:
    """Measure and print."""
    from transformers.utils import logging

    arguments = _parse()
    torch.set_num_threads(arguments.threads)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    library = read_attributes()
    made = {shape: read_texts(shape, arguments.prompts) for shape in arguments.shapes}
    prompts = list(dict.fromkeys(read_texts("personalllm", arguments.rows).prompts))
    corpus = [library.base, *library.prompts.values(), *library.names, *prompts]
    corpus += [part for texts in made.values() for part in (*texts.prompts, *texts.responses)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = save_speaker(Path(scratch) / "large", corpus, arguments)
        speaker = load(folder, arguments)
        _describe(speaker, arguments)
        for part in sorted({"rewards", "selection"} & set(arguments.parts)):
            loop = PaddedLoop(folder, arguments.dtype, arguments.device)
            for shape, texts in made.items():
                asked = library.select(library.names[: arguments.attributes])
                compare_scores(f"{part}, {shape}", QUESTIONS[part](asked), speaker, loop, texts, arguments)
        if "writing" in arguments.parts:
            small = _small(Path(scratch) / "small", corpus, arguments) or speaker
            compare_writing(speaker, small, prompts, library, arguments)


def read_texts(shape: str, prompts: int) -> Texts:
    """The engine benchmark's texts with words of letters; two that follow each other are a pair."""
    made = make_texts(shape, prompts)
    asked, responses = ([text.translate(LETTERS) for text in side] for side in zip(*made, strict=True))
    return Texts([str(row) for row in range(len(made))], asked, responses)


def save_speaker(folder: Path, corpus: Sequence[str], arguments: argparse.Namespace) -> Path:
    """The engine benchmark's Qwen3 of random weights, with our own tokenizer and its chat template."""
    tokenizer = stylelm.train_tokenizer(corpus, VOCABULARY, CONTEXT)
    vocabulary = max(len(tokenizer), arguments.vocabulary)
    save_model(folder, argparse.Namespace(**{**vars(arguments), "vocabulary": vocabulary}))
    tokenizer.save_pretrained(folder)
    return folder


def load(folder: Path, arguments: argparse.Namespace) -> Speaker:
    """The model as Drift and EXACT have it."""
    parameters = BackboneParameters(
        model=str(folder),
        max_tokens=CONTEXT,
        tokens_per_batch=arguments.tokens_per_batch,
        compute_dtype=arguments.dtype,
        device=arguments.device,
    )
    return load_speaker(parameters)


def _small(folder: Path, corpus: Sequence[str], arguments: argparse.Namespace) -> Speaker | None:
    """The small model where it has sizes of its own."""
    if arguments.small_hidden is None and arguments.small_layers is None:
        return None
    sizes = {
        "hidden": arguments.small_hidden or arguments.hidden,
        "layers": arguments.small_layers or arguments.layers,
    }
    return load(save_speaker(folder, corpus, argparse.Namespace(**{**vars(arguments), **sizes})), arguments)


class Question(Protocol):
    """What is asked about texts."""

    conditions: list[Condition]

    def ours(self, speaker: Speaker, texts: Texts) -> np.ndarray:
        """(T, C) nats by our code, nothing known before."""

    def of_table(self, table: np.ndarray) -> np.ndarray:
        """The same from log-probabilities (T, conditions)."""


class Rewards:
    """Drift's zero-shot rewards (T, A)."""

    def __init__(self, library: AttributeLibrary) -> None:
        self.conditions = contrastive(library)

    def ours(self, speaker: Speaker, texts: Texts) -> np.ndarray:
        """See ``Question``."""
        return ZeroShot(Likelihoods(speaker, texts).table, self.conditions)(np.arange(len(texts)))

    def of_table(self, table: np.ndarray) -> np.ndarray:
        """See ``Question``."""
        return zero_shot_rewards(table)


class Selection:
    """The log-probabilities (T, A + 1) that EXACT's first greedy step chooses by, those without attributes first."""

    def __init__(self, library: AttributeLibrary) -> None:
        self._library = library
        self.conditions = [PLAIN, *(named(library, [number]) for number in range(len(library.names)))]

    def ours(self, speaker: Speaker, texts: Texts) -> np.ndarray:
        """See ``Question``."""
        likelihoods, rows = Likelihoods(speaker, texts), np.arange(len(texts))

        def of_subsets(texts: np.ndarray, subsets: Sequence[tuple[int, ...]]) -> np.ndarray:
            return likelihoods(texts, [named(self._library, subset) for subset in subsets])

        select_each(Objective(of_subsets, len(self._library.names)), rows.reshape(-1, 2), k=1)
        return likelihoods.table(rows, self.conditions)  # all of it is known by now

    def of_table(self, table: np.ndarray) -> np.ndarray:
        """See ``Question``."""
        return table


QUESTIONS: dict[str, Callable[[AttributeLibrary], Question]] = {"rewards": Rewards, "selection": Selection}


class PaddedLoop:
    """What most code does: transformers' model with its head, a batch at a time, one condition after the other."""

    def __init__(self, folder: Path, dtype: str, device: str) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=DTYPES[dtype])
        self._model = model.eval().to(device)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def table(self, texts: Texts, conditions: Sequence[Condition], batch: int) -> np.ndarray:
        """(T, C) log-probabilities of the responses, their end included, in nats."""
        return np.stack([self._under(texts, condition, batch) for condition in conditions], 1)

    @torch.inference_mode()
    def _under(self, texts: Texts, condition: Condition, batch: int) -> np.ndarray:
        ids, starts = self.tokens(texts, condition)
        order = sorted(range(len(texts)), key=lambda row: -len(ids[row]))
        found = np.empty(len(texts))
        for start in range(0, len(texts), batch):
            rows = order[start : start + batch]
            found[rows] = self._batch([ids[row] for row in rows], [starts[row] for row in rows])
        return found

    def _batch(self, ids: list[list[int]], starts: list[int]) -> np.ndarray:
        device = self._model.device
        padded, real = (torch.from_numpy(values).to(device) for values in pad(ids, 0))  # (B,L)
        logits = self._model(input_ids=padded, attention_mask=real.long(), use_cache=False).logits  # (B,L,V)
        each = logits[:, :-1].float().log_softmax(-1).gather(-1, padded[:, 1:, None]).squeeze(-1)  # (B,L-1)
        place = torch.arange(1, padded.shape[1], device=device)
        judged = real[:, 1:] & (place >= torch.tensor(starts, device=device)[:, None])
        return (each.double() * judged).sum(-1).cpu().numpy()

    def tokens(self, texts: Texts, condition: Condition) -> tuple[list[list[int]], list[int]]:
        """Token ids of each conversation, and where its answer begins."""
        system = [] if condition.system is None else [{"role": "system", "content": condition.system}]
        asked = [[*system, {"role": "user", "content": condition.prompt(prompt)}] for prompt in texts.prompts]
        answers = [{"role": "assistant", "content": response} for response in texts.responses]
        whole = [self._ids([*turns, answer]) for turns, answer in zip(asked, answers, strict=True)]
        return whole, [len(self._ids(turns, to_answer=True)) for turns in asked]

    def _ids(self, turns: list[dict[str, str]], to_answer: bool = False) -> list[int]:
        shown = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=to_answer)
        return self._tokenizer(shown, add_special_tokens=False)["input_ids"]


def compare_scores(
    title: str, question: Question, speaker: Speaker, loop: PaddedLoop, texts: Texts, arguments: argparse.Namespace
) -> None:
    """Every text under every condition, by ours and by the padded loop."""
    judged = speaker.response_tokens(texts.prompts, texts.responses)[:, None]  # (T,1)
    ratio = _describe_work(title, question, speaker, loop, texts, int(judged.sum()))
    ways: dict[str, Callable[[], np.ndarray]] = {
        f"padded, sorted by length, {batch}": partial(_by_loop, loop, question, texts, judged, batch)
        for batch in arguments.batches
    }
    ways["ours"] = lambda: question.ours(speaker, texts) / judged
    speeds = measure(ways, arguments.rounds, np.ones(len(texts), bool), PER_TOKEN[arguments.dtype])
    _report_scores(speeds, len(texts) * len(question.conditions), ratio)


def _by_loop(loop: PaddedLoop, question: Question, texts: Texts, judged: np.ndarray, batch: int) -> np.ndarray:
    return question.of_table(loop.table(texts, question.conditions, batch)) / judged


def _describe_work(
    title: str, question: Question, speaker: Speaker, loop: PaddedLoop, texts: Texts, judged: int
) -> float:
    """Say how much is asked; how many times fewer tokens ours reads."""
    ids = [np.array(one) for condition in question.conditions for one in loop.tokens(texts, condition)[0]]
    whole, count = sum(map(len, ids)), len(question.conditions)
    batches = packed_batches(ids, speaker.engine.tokens_per_batch)
    unique = sum(sum(len(ids[row]) for row in rows) - int(shared.sum()) for rows, shared in batches)
    print(
        f"\n{title}: {len(texts) // 2} pairs under {count} conditions, texts of {min(map(len, ids))} to "
        f"{max(map(len, ids))} tokens; {whole:,} tokens, {unique:,} of them unique as batched ({whole / unique:.2f} "
        f"times fewer), logits at {count * judged / whole:.0%} of the places"
    )
    return whole / unique


def _report_scores(speeds: dict[str, Speed], asked: int, ratio: float) -> None:
    ours = speeds["ours"]
    for name, speed in speeds.items():
        print(
            f"{name:>30}: {speed.seconds:6.2f} s, {asked / speed.seconds:8.1f} texts/s, ours is "
            f"{speed.seconds / ours.seconds:.2f} times as fast | processor {speed.processor_seconds:6.2f} s, "
            f"{speed.processor_seconds / ours.processor_seconds:.2f} times"
        )
    best = min((speed for name, speed in speeds.items() if name != "ours"), key=lambda speed: speed.processor_seconds)
    gain = best.processor_seconds / ours.processor_seconds
    print(f"over the best padded loop: {gain:.2f} times by the processor, {gain / ratio:.0%} of the ratio in tokens")


def compare_writing(
    speaker: Speaker, small: Speaker, prompts: list[str], library: AttributeLibrary, arguments: argparse.Namespace
) -> None:
    """Answers to all prompts, plain and by Drift, and Drift's push alone without a cache."""
    sampling = SamplingParameters(max_new_tokens=arguments.tokens)
    contexts, seeds = speaker.contexts(prompts, [PLAIN] * len(prompts)), range(len(prompts))
    steerings = {m: _steerings(speaker, small, prompts, library, m) for m in arguments.steered}
    own, drawn = _unpushed(speaker, len(prompts)), _drawn(speaker, arguments.few - 1, len(prompts))
    for m, both in steerings.items():
        check_pushes(m, [drive(steering, own, drawn) for steering in both], OF_LOGITS[arguments.dtype])
    write = partial(_written, speaker, contexts, sampling, seeds)
    ways: dict[str, Callable[[], int]] = {"plain": write}
    for m, (cached, uncached) in steerings.items():
        ways[f"Drift, m = {m}"] = partial(write, cached)
        ways[f"naive push, m = {m}"] = partial(_pushed, uncached, own, drawn)
    longest = max(map(len, contexts))
    print(f"\nwriting: {len(prompts)} prompts of up to {longest} tokens, answers of {arguments.tokens}")
    _report_writing(time_per_token(ways, arguments.rounds), arguments.steered)


def _steerings(
    speaker: Speaker, small: Speaker, prompts: list[str], library: AttributeLibrary, m: int
) -> tuple[DriftSteering, "WithoutCache"]:
    """Drift's push by m attributes of the same weight, ours and the naive one."""
    base, *attributes = contrastive(library)[: m + 1]
    weights = np.full((len(prompts), m), m**-0.5)
    ours = DriftSteering(speaker, small, prompts, base, [attributes] * len(prompts), weights, STRENGTH)
    return ours, WithoutCache(small, prompts, [base, *attributes], m**-0.5)


class WithoutCache:
    """Drift's push, the base prompt's and the attributes' contexts one after the other, read whole for every token."""

    def __init__(self, small: Speaker, prompts: list[str], conditions: list[Condition], weight: float) -> None:
        """``conditions`` are the base and the attributes, each of these of the same ``weight``."""
        self._small, self._prompts, self._conditions, self._weight = small, prompts, conditions, weight

    def begin(self, rows: np.ndarray) -> None:
        """See ``Steering``."""
        prompts = [self._prompts[row] for row in rows]
        self._texts = [self._small.contexts(prompts, [told] * len(prompts)) for told in self._conditions]

    def logits(self, own: Tensor, last: Tensor | None) -> Tensor:
        """See ``Steering``."""
        if last is not None:
            tokens = last.tolist()
            self._texts = [[np.append(*both) for both in zip(texts, tokens, strict=True)] for texts in self._texts]
        base, *attributes = (Stream(self._small, texts).logits(None) for texts in self._texts)  # (B,V) each
        push = torch.stack([one - base for one in attributes]).sum(0)
        return own + self._weight / STRENGTH * push

    def keep(self, places: Tensor) -> None:
        """See ``Steering``."""
        self._texts = [[texts[place] for place in places.tolist()] for texts in self._texts]


def _drawn(speaker: Speaker, steps: int, rows: int) -> Tensor:
    """(steps, rows) tokens that stand for those that were drawn."""
    source = torch.Generator().manual_seed(0)
    return torch.randint(100, 300, (steps, rows), generator=source).to(speaker.device)


def _unpushed(speaker: Speaker, rows: int) -> Tensor:
    """(rows, V) logits that are all 0."""
    return torch.zeros(rows, speaker.model.config.vocab_size, device=speaker.device)


@torch.inference_mode()
def drive(steering: Steering, own: Tensor, drawn: Tensor) -> Tensor:
    """(steps + 1, B, V) logits ``own`` (B, V) as pushed at the tokens ``drawn`` (steps, B) and before the first."""
    steering.begin(np.arange(len(own)))
    return torch.stack([steering.logits(own, last) for last in (None, *drawn)]).cpu()


def check_pushes(m: int, pushes: list[Tensor], tolerance: float) -> None:
    """Both ways must push alike."""
    ours, naive = pushes
    error = float((ours - naive).norm() / naive.norm())
    assert error < tolerance, f"with m = {m} the push differs from the naive one by {error:.1e} of its norm"


def _pushed(steering: Steering, own: Tensor, drawn: Tensor) -> int:
    """Push at some tokens; how many."""
    return drive(steering, own, drawn)[..., 0].numel()


def _written(
    speaker: Speaker,
    contexts: Sequence[np.ndarray],
    sampling: SamplingParameters,
    seeds: Sequence[int],
    steering: Steering | None = None,
) -> int:
    """Write an answer to each context; how many tokens, those that end one included."""
    return sum(one.tokens + one.finished for one in sample(speaker, contexts, sampling, seeds, steering))


def time_per_token(ways: dict[str, Callable[[], int]], rounds: int) -> dict[str, Speed]:
    """What a token takes each way, the fastest of some rounds, by turns."""
    best: dict[str, Speed] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            clock, used = time.perf_counter(), time.process_time()
            tokens = way()
            clock, used = (time.perf_counter() - clock) / tokens, (time.process_time() - used) / tokens
            before = best.get(name, Speed(clock, used))
            best[name] = Speed(min(before.seconds, clock), min(before.processor_seconds, used))
    return best


def _report_writing(speeds: dict[str, Speed], steered: Sequence[int]) -> None:
    plain = speeds["plain"]
    print(f"{'plain':>14}: {1 / plain.seconds:8.1f} tokens/s")
    for m in steered:
        drift, push = speeds[f"Drift, m = {m}"], speeds[f"naive push, m = {m}"]
        naive = Speed(plain.seconds + push.seconds, plain.processor_seconds + push.processor_seconds)
        print(
            f"{f'Drift, m = {m}':>14}: {1 / drift.seconds:8.1f} tokens/s, {drift.seconds / plain.seconds:.2f} times "
            f"plain's time; naive {1 / naive.seconds:8.1f} tokens/s, {naive.seconds / drift.seconds:.1f} times ours | "
            f"processor {drift.processor_seconds / plain.processor_seconds:.2f} and "
            f"{naive.processor_seconds / drift.processor_seconds:.1f} times"
        )


def _describe(speaker: Speaker, arguments: argparse.Namespace) -> None:
    name = torch.cuda.get_device_name() if arguments.device == "cuda" else processor()
    size = sum(parameter.numel() for parameter in speaker.model.parameters())
    print(f"{name}, {torch.get_num_threads()} thread(s), {arguments.dtype}, torch {torch.__version__}")
    print(f"{size / 1e6:.1f} M parameters, {speaker.model.config.vocab_size:,} logits a token")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ["rewards", "selection", "writing"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    shapes = ["personalllm", "tldr", "prism"]
    parser.add_argument("--shapes", nargs="+", choices=shapes, default=shapes[:2], help="lengths of texts to score")
    parser.add_argument("--prompts", type=int, default=2, help="or conversations, of the texts to score")
    parser.add_argument("--attributes", type=int, default=8, help="to score texts under")
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 16], help="texts of a batch of the padded loop")
    parser.add_argument("--rows", type=int, default=8, help="answers to write, all at once")
    parser.add_argument("--tokens", type=int, default=48, help="of an answer")
    parser.add_argument("--few", type=int, default=3, help="tokens that the naive way is run for")
    parser.add_argument("--steered", type=int, nargs="+", default=[1, 3, 7, 15], help="attributes m to write with")
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--vocabulary", type=int, default=0, help="of the embedding; 0: the words alone")
    parser.add_argument("--small-hidden", type=int, default=None, help="of Drift's small model, if it is another")
    parser.add_argument("--small-layers", type=int, default=None)
    parser.add_argument("--tokens-per-batch", type=int, default=None)
    parser.add_argument("--dtype", choices=list(DTYPES), default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is reported")
    return parser.parse_args()


if __name__ == "__main__":
    main()
