"""Tiny random speakers: a Qwen3 folder with a tokenizer and chat template of our own."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch

from prefactor.attributes import read_attributes
from prefactor.backbones import stylelm
from prefactor.backbones.loading import BackboneParameters
from prefactor.backbones.stylelm.model import new_model
from prefactor.decoding.speaker import Speaker, load_speaker

PROMPTS = ["How is bread made?", "Why does the dough rest?", "What is a starter for, and who would want one?"]
RESPONSES = ["Knead the dough.", "It rests, and then it rises: give it an hour.", "A starter lifts the bread!"]


def make_folder(folder: Path, seed: int = 0, hidden: int = 32, texts: tuple[str, ...] = (), context: int = 256) -> Path:
    """Save a tiny model; its weights are spread widely enough that conditions show."""
    parameters = stylelm.StyleLMParameters(
        dataset="none", seed=seed, vocabulary=300, hidden=hidden, layers=2, heads=2, kv_heads=1, head_dim=8,
        intermediate=48, context=context,
    )  # fmt: skip
    tokenizer = stylelm.train_tokenizer(
        [*PROMPTS, *RESPONSES, *read_attributes().prompts.values(), *texts], 300, context
    )
    model = new_model(parameters, tokenizer)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(3.0)
    folder.mkdir(parents=True, exist_ok=True)
    stylelm.save_model(model, tokenizer, folder)
    return folder


@cache
def tiny_folder(seed: int = 0, hidden: int = 32) -> Path:
    """A folder that is made once for all tests."""
    return make_folder(Path(mkdtemp(prefix="speaker-")), seed, hidden)


@cache
def tiny_speaker(seed: int = 0, hidden: int = 32) -> Speaker:
    """A speaker that is loaded once for all tests: leave its weights as they are."""
    return load_speaker(BackboneParameters(model=str(tiny_folder(seed, hidden)), device="cpu"))
