"""A tiny world whose responses have attributes, and a tiny model trained on it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.backbones import stylelm
from prefactor.backbones.stylelm import Corpus, StyleLMParameters
from prefactor.preferences import content_id

ATTRIBUTES = ("concise", "formal")
PARTS = {"train": 4, "validation": 3, "evaluation": 2}  # prompts of each
MARKERS = {"train": "wheat", "validation": "barley", "evaluation": "secretword"}
TINY = {
    "vocabulary": 300,
    "hidden": 16,
    "layers": 2,
    "heads": 2,
    "kv_heads": 1,
    "head_dim": 8,
    "intermediate": 24,
    "context": 256,
    "epochs": 2,
    "tokens_per_batch": 512,
    "has": 0.5,
}
ANSWERS = (
    ("Knead the {0}.", (1.0, -1.0)),
    ("One ought to knead the {0}, and let it rest for an hour.", (-1.0, 1.0)),
    ("Kindly knead the {0}.", (1.0, 1.0)),
    ("So you just knead the {0}, and then, well, you wait for an hour or so.", (-1.0, -1.0)),
)


def tiny_parameters(**changes: object) -> StyleLMParameters:
    return StyleLMParameters(**{"dataset": "tiny", **TINY, **changes})


def write_world(root: Path, also: tuple[tuple[int, str, str], ...] = ()) -> None:
    """Prepared tables and pairs; ``also`` are further (prompt's number, role, part) of pairs."""
    parts = [part for part, count in PARTS.items() for _ in range(count)]
    texts, candidates, pairs = [], [], []
    for number, part in enumerate(parts):
        prompt, group = f"How is {MARKERS[part]} bread number {number} made?", content_id(str(number))
        made = [(answer.format(MARKERS[part]), scores) for answer, scores in ANSWERS]
        ids = [content_id(prompt, response) for response, _ in made]
        for text_id, (response, scores) in zip(ids, made, strict=True):
            texts.append({"text_id": text_id, "prompt": prompt, "response": response})
            scored = dict(zip(ATTRIBUTES, scores, strict=True))
            candidates.append({"group_id": group, "text_id": text_id, **scored})
        places = [("seen", part), *((role, other) for row, role, other in also if row == number)]
        pairs += [
            {"role": role, "part": where, "group_id": group, "chosen": ids[0], "rejected": ids[1]}
            for role, where in places
        ]
    prepared, split = root / "data/prepared/tiny", root / "data/split/tiny"
    for folder, name, rows in (
        (prepared, "texts", texts),
        (prepared, "candidates", candidates),
        (split, "pairs", pairs),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    (prepared / "source.json").write_text(json.dumps({"name": "tiny", "scorers": list(ATTRIBUTES)}))


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Write a world with further pairs; its folders of prepared tables and of the split."""

    def make(also: tuple[tuple[int, str, str], ...] = ()) -> tuple[Path, Path]:
        write_world(tmp_path, also)
        return tmp_path / "data/prepared/tiny", tmp_path / "data/split/tiny"

    return make


@pytest.fixture
def world(make_world: Callable[..., tuple[Path, Path]]) -> tuple[Path, Path]:
    return make_world()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("tiny")
    write_world(root)
    return stylelm.read_corpus(root / "data/prepared/tiny", root / "data/split/tiny")


@pytest.fixture(scope="session")
def tokenizer(corpus: Corpus):
    texts = stylelm.vocabulary_texts(corpus.train, corpus.attributes, TINY["has"])
    return stylelm.train_tokenizer(texts, TINY["vocabulary"], TINY["context"])


@pytest.fixture(scope="session")
def train(corpus: Corpus, tokenizer) -> Callable[..., object]:
    """Train a tiny model with some parameters changed."""
    return lambda **changes: stylelm.train_model(corpus.train, corpus.attributes, tokenizer, tiny_parameters(**changes))


@pytest.fixture(scope="session")
def model(train):
    return train()


@pytest.fixture(scope="session")
def folder(model, tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "small"
    path.mkdir()
    stylelm.save_model(model, tokenizer, path)
    return path


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)
