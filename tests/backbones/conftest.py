"""Tiny random language models saved as any other model is, and tables of texts."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported: no test may reach a network

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from prefactor.backbones import Backbone, BackboneParameters, load_backbone
from prefactor.preferences import TEXTS, content_id

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
)


def save_tokenizer(folder: Path, padding_side: str, chat_template: str | None) -> int:
    """Save a byte-level BPE tokenizer; its number of tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(["the user and the assistant speak of bread and of bicycles"], trainer)
    backend.enable_truncation(8)  # as saved tokenizers sometimes do: ours must not cut texts without saying so
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<|pad|>", eos_token="<|im_end|>", padding_side=padding_side
    )
    tokenizer.chat_template = chat_template
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


@pytest.fixture(scope="session")
def save_tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Save a random causal language model of some kind; the folder that holds it."""

    def save(kind: str, padding_side: str = "right", chat: bool = False) -> Path:
        from transformers import AutoModelForCausalLM, GPT2Config, Qwen3Config

        folder = tmp_path_factory.mktemp("models") / f"tiny-{kind}"
        vocabulary = save_tokenizer(folder, padding_side, CHAT_TEMPLATE if chat else None)
        qwen3 = {"intermediate_size": 48, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256}
        config = (
            GPT2Config(vocab_size=vocabulary, n_embd=24, n_layer=2, n_head=4, n_positions=128)
            if kind == "gpt2"
            else Qwen3Config(vocab_size=vocabulary, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, **qwen3)
        )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def gpt2_folder(save_tiny: Callable[..., Path]) -> Path:
    return save_tiny("gpt2")


@pytest.fixture(scope="session")
def tiny(gpt2_folder: Path) -> Backbone:
    return load_backbone(BackboneParameters(model=str(gpt2_folder), device="cpu"))


@pytest.fixture(scope="session")
def embedded() -> Backbone:
    return load_backbone(BackboneParameters(device="cpu"))


@pytest.fixture(scope="session")
def conversation() -> list[tuple[str, str]]:
    """Texts of very different lengths, one without a prompt."""
    return [
        ("How do I bake bread?", "Slowly."),
        ("", "A response to nothing at all, which is allowed where a source has no prompts."),
        ("Why?", "Because " + "the dough needs time to rise, " * 6),
        ("Tell me about bicycles, and " * 3 + "about bread.", "No."),
        ("Ünïcode – 日本語?", "Ja, natürlich 🙂."),
    ]


@pytest.fixture
def write_texts(tmp_path: Path) -> Callable[[Sequence[tuple[str, str]]], Path]:
    """Write texts.parquet of some (prompt, response); its path."""

    def write(texts: Sequence[tuple[str, str]]) -> Path:
        rows = [{"text_id": content_id(*text), "prompt": text[0], "response": text[1]} for text in texts]
        path = tmp_path / "texts.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=TEXTS), path)
        return path

    return write
