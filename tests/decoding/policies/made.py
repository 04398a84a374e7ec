"""People with short items, and a tiny model that knows their words."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from prefactor.attributes import read_attributes
from prefactor.backbones import stylelm
from prefactor.backbones.loading import BackboneParameters
from prefactor.backbones.stylelm.model import new_model
from prefactor.datasets.lamp.person import Person, person_of
from prefactor.datasets.lamp.tasks import HEADLINES, Article, ArticleQuestion
from prefactor.decoding.parameters import Library
from prefactor.decoding.policies.parameters import PolicyParameters
from prefactor.decoding.policies.sampler import Sampler
from prefactor.decoding.sampling import SamplingParameters
from prefactor.decoding.speaker import Speaker, load_speaker

THINGS = ("bread", "dough", "a starter", "flour", "an oven")


def person(number: int, items: int = len(THINGS)) -> Person:
    """Someone who wrote about ``items`` things, and is asked about one more."""
    profile = [
        Article(str(place), f"{thing} and {number} loaves", f"Why {thing} rests, {number}")
        for place, thing in enumerate(THINGS[:items])
    ]
    prompt = HEADLINES.prompt(Article("", f"bread, dough and {number} breads", ""))
    return person_of(HEADLINES, f"p{number}", ArticleQuestion(f"p{number}", prompt, profile), f"Give it {number} hours")


PEOPLE = [person(0), person(1), person(2, 0)]


@cache
def writer_folder(context: int = 512, texts: tuple[str, ...] = ()) -> Path:
    """A tiny model's folder, made once for all tests. Its tokens are words, so that random texts share some."""
    folder = Path(mkdtemp(prefix="policy-"))
    own = [text for one in PEOPLE for item in one.items for text in (one.prompt, one.gold, item.prompt, item.gold)]
    library = read_attributes()
    tokenizer = word_tokenizer(
        [*own, *texts, library.base, *library.names, *library.prompts.values(), 'Attributes:,".']
    )
    settings = stylelm.StyleLMParameters(
        dataset="none", seed=0, vocabulary=300, hidden=32, layers=2, heads=2, kv_heads=1, head_dim=8,
        intermediate=48, context=context,
    )  # fmt: skip
    model = new_model(settings, tokenizer)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(3.0)
    stylelm.save_model(model, tokenizer, folder)
    return folder


def word_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Of the words and signs of some texts; a blank line and whatever else is there is unknown."""
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]+", text)})
    numbers = {word: place for place, word in enumerate(["<unk>", "<end>", *words])}
    backend = Tokenizer(WordLevel(numbers, unk_token="<unk>"))
    backend.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="<unk>", eos_token="<end>", pad_token="<end>", bos_token="<end>"
    )


@cache
def writer(context: int = 512) -> Speaker:
    return load_speaker(BackboneParameters(model=str(writer_folder(context)), device="cpu"))


def embed(prompts: Sequence[str]) -> Tensor:
    """(N, 26) counts of letters: anybody can say which prompts are near."""
    rows = [[float(text.lower().count(chr(97 + place))) for place in range(26)] for text in prompts]
    return torch.tensor(rows).reshape(len(rows), 26)


def parameters(**changes: Any) -> PolicyParameters:
    values: dict[str, Any] = {
        "model": BackboneParameters(model=str(writer_folder()), device="cpu"),
        "policies": ("base", "retrieved", "exact", "drift"),
        "profile_queries": 2,
        "samples": 3,
        "profile_samples": 3,
        "retrieved_items": 2,
        "attributes": Library(("concise", "formal", "direct")),
        "sampling": SamplingParameters(max_new_tokens=8, temperature=1.0),
        "people_at_once": 2,
    }
    return PolicyParameters(**{**values, **changes})


def sampler(speaker: Speaker | None = None, **changes: Any) -> Sampler:
    speaker = speaker or writer()
    return Sampler(HEADLINES, parameters(**changes), speaker, speaker, embed)
