"""A trained model on disk: an ordinary Hugging Face folder."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM


def save_model(model: "Qwen3ForCausalLM", tokenizer: "PreTrainedTokenizerFast", folder: Path) -> None:
    """Write config.json, model.safetensors (float32) and the tokenizer with its chat template into ``folder``."""
    model.save_pretrained(folder)
    for weights in folder.glob("*.safetensors"):
        weights.chmod(0o644)  # as every other file: others may read a model
    tokenizer.save_pretrained(folder)
