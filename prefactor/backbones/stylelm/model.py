"""The model itself: a Qwen3 of random weights, by transformers' own classes."""

from typing import TYPE_CHECKING

import torch

from prefactor.backbones.stylelm.parameters import StyleLMParameters
from prefactor.seeds import mixed_seed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

START = 0.7  # weights start with this deviation by the root of the hidden size; Qwen3's own is for far wider models


def new_model(parameters: StyleLMParameters, tokenizer: "PreTrainedTokenizerFast") -> "Qwen3ForCausalLM":
    """A model for a tokenizer's vocabulary; the same weights for the same seed."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=parameters.hidden,
        num_hidden_layers=parameters.layers,
        num_attention_heads=parameters.heads,
        num_key_value_heads=parameters.kv_heads,
        head_dim=parameters.head_dim,
        intermediate_size=parameters.intermediate,
        max_position_embeddings=parameters.context,
        tie_word_embeddings=True,
        initializer_range=START / parameters.hidden**0.5,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixed_seed(parameters.seed, "stylelm", "weights"))
        return Qwen3ForCausalLM(config)
