"""Tiny random language models of several architectures, spread widely enough that a token too many shows."""

import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn

VOCABULARY = 300
CPU = torch.device("cpu")
SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
}
GPT2 = {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}
WINDOW = {"sliding_window": 20}  # shorter than most of the texts
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen3": ("Qwen3Config", SHAPE),
    "llama": ("LlamaConfig", SHAPE),
    "gemma": ("GemmaConfig", SHAPE),
    "gpt2": ("GPT2Config", GPT2),
    "gemma2": ("Gemma2Config", {**SHAPE, **WINDOW, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}),
    "gemma3": ("Gemma3TextConfig", {**SHAPE, **WINDOW}),
    "mistral": ("MistralConfig", {**SHAPE, **WINDOW}),
    # Of these, none can be packed: biases of its own, no attention, some of it, and windows in some layers only, which
    # this architecture's layers do not tell.
    "bloom": ("BloomConfig", {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "mamba": ("MambaConfig", {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4}),
    "lfm2": ("Lfm2Config", {**SHAPE, "layer_types": ["conv", "full_attention"]}),
    "qwen2_moe": (
        "Qwen2MoeConfig",
        {**SHAPE, "use_sliding_window": True, "sliding_window": 40, "max_window_layers": 1, "num_experts": 2}
        | {"num_experts_per_tok": 1, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16},
    ),
}


@dataclass(frozen=True)
class Pair:
    """A model that the code under test may change, and a copy that nothing touches."""

    model: Any
    plain: Any


def make_pair(kind: str, dtype: torch.dtype = torch.float32, std: float = 0.3) -> Pair:
    """A new random causal language model and its copy; usual initial weights would hide errors, so small are they."""
    import transformers

    name, shape = KINDS[kind]
    config = getattr(transformers, name)(**shape, pad_token_id=0)
    config.use_cache = False
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config).eval()
        for weight in model.parameters():
            if weight.ndim > 1:
                nn.init.normal_(weight, std=std)
    model = model.to(dtype)
    return Pair(model, copy.deepcopy(model))


@cache
def frozen_pair(kind: str, dtype: torch.dtype = torch.float32, std: float = 0.3) -> Pair:
    """The same, made once; for tests that leave the weights as they are."""
    pair = make_pair(kind, dtype, std)
    pair.model.requires_grad_(False)
    pair.plain.requires_grad_(False)
    return pair
