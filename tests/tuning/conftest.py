"""One tiny backbone for all tests of the room."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported: no test may reach a network

import pytest
import torch

from tests.backbones.conftest import save_tokenizer
from tests.backbones.tiny_models import SHAPE
from tests.tuning.small import Small, make_small


def save_qwen3(folder: Path) -> Path:
    """A random Qwen3 of two layers."""
    from transformers import AutoModelForCausalLM, Qwen3Config

    config = Qwen3Config(**{**SHAPE, "vocab_size": save_tokenizer(folder, "right", None)})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    yield make_small(save_qwen3(tmp_path_factory.mktemp("tuning") / "tiny"))
