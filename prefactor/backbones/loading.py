"""A backbone by its name in params.yaml: the model, its tokenizer, and what makes its states what they are."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from prefactor.backbones.encoding import Backbone, Pooling
from prefactor.backbones.layout import PLAIN, Layout, Tokeniser, chat_layout
from prefactor.backbones.weights import (
    EMBEDDED,
    ModelFolder,
    check_embedded,
    find_model,
    tokenizer_fingerprint,
    weight_files,
    weights_fingerprint,
)
from prefactor.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

DEFAULT_MAX_TOKENS = 512
TOKENS_PER_BATCH = {"cpu": 2048, "cuda": 32768}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class BackboneParameters:
    """Which language model turns texts into states, and how.

    model             ``embedded``, a local folder or a Hugging Face id
    revision          of a Hugging Face id: branch, tag or commit
    pooling           ``mean`` over real tokens, the ``last`` real token, or by kind (``auto``): mean for an
                      encoder, last for a causal language model
    max_tokens        longest text in tokens; None: the model's own limit, but at most 512. The embedded model is often
                      cut at 256, which its fine-tuning never exceeded; it was pretrained on 512, and of people's
                      conversations with assistants 256 cuts one in twelve and 512 one in a thousand, at 2 % more work
    tokens_per_batch  texts x longest text of a batch; None: 2,048 on a CPU, where more falls out of its caches, and
                      32,768 on a GPU. It changes speed and memory, never a state.
    compute_dtype     of the model. bfloat16 helps on GPUs and on CPUs with AMX
    states_dtype      of the cache on disk
    shard_texts       texts per shard: what a killed run can lose
    device            ``auto``: a GPU where there is one
    """

    model: str = EMBEDDED
    revision: str | None = None
    pooling: Literal["auto", "mean", "last"] = "auto"
    max_tokens: int | None = None
    tokens_per_batch: int | None = None
    compute_dtype: Literal["float32", "bfloat16"] = "float32"
    states_dtype: Literal["float16", "float32"] = "float16"
    shard_texts: int = 2048
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def __post_init__(self) -> None:
        for name in ("max_tokens", "tokens_per_batch", "shard_texts"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1, got {value}")


def load_backbone(parameters: BackboneParameters) -> Backbone:
    """Load a backbone. Raises InputError where its files are missing, wrong or of a kind that gives no states."""
    device = _device(parameters.device)
    source = find_model(parameters.model, parameters.revision)
    weights = weights_fingerprint(source.path)
    if parameters.model == EMBEDDED:
        check_embedded(weights)
    with _quiet(), _refusing(source):
        config, tokenizer = _config(source.path), _tokenizer(source.path)
        model = _model(source.path, DTYPES[parameters.compute_dtype]).to(device)
    causal = is_causal(config)
    pooling: Pooling = ("last" if causal else "mean") if parameters.pooling == "auto" else parameters.pooling
    layout = chat_layout(tokenizer) if causal and tokenizer.chat_template else PLAIN
    max_tokens = _max_tokens(parameters.max_tokens, config, tokenizer)
    hidden = config.get_text_config().hidden_size
    identity = {
        "model": source.name,
        "revision": source.revision,
        "weights_sha256": weights,
        "tokenizer_sha256": tokenizer_fingerprint(source.path),
        "layout": _layout_name(layout),
        "pooling": pooling,
        "max_tokens": max_tokens,
        "compute_dtype": parameters.compute_dtype,
        "hidden_size": hidden,
    }
    return Backbone(
        model,
        Tokeniser(tokenizer.backend_tokenizer, layout, max_tokens),
        pooling=pooling,
        hidden=hidden,
        padding=tokenizer.pad_token_id or 0,
        tokens_per_batch=parameters.tokens_per_batch or TOKENS_PER_BATCH[device.type],
        device=device,
        identity=identity,
    )


def is_causal(config: "PreTrainedConfig") -> bool:
    """Whether a model reads from left to right, so that its last token alone has seen the whole text.

    The saved architecture says so (``…ForCausalLM``, ``…LMHeadModel``); where it does not, as for a reward or
    embedding model, the model type: one that transformers knows as a causal but not as a masked language model.
    """
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    if any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in config.architectures or ()):
        return True
    kinds = {config.model_type, config.get_text_config().model_type}
    return bool(kinds & set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)) and not kinds & set(MODEL_FOR_MASKED_LM_MAPPING_NAMES)


def _config(folder: Path) -> "PreTrainedConfig":
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    if config.is_encoder_decoder:
        kind = f"an encoder-decoder ({config.model_type})"
        raise InputError(f"{folder.name} is {kind}: name an encoder or a causal language model")
    return config


def _tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if not tokenizer.is_fast:
        raise InputError(f"{folder.name} has no fast tokenizer: add its tokenizer.json")
    return tokenizer


def _model(folder: Path, dtype: torch.dtype) -> nn.Module:
    """The model without any head, in evaluation mode, every weight of it read from the files."""
    from transformers import AutoModel

    model, loaded = AutoModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=dtype, output_loading_info=True
    )
    missing = sorted(key for key in loaded["missing_keys"] if not key.startswith("pooler."))  # we pool ourselves
    if missing:
        raise InputError(
            f"weights of {folder.name} lack {len(missing)} tensor(s), e.g. {missing[0]}: train or save it whole"
        )
    return model.eval().requires_grad_(False)


def _max_tokens(asked: int | None, config: "PreTrainedConfig", tokenizer: "PreTrainedTokenizerBase") -> int:
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    limit = min(positions or tokenizer.model_max_length, tokenizer.model_max_length)
    if asked is not None and asked > limit:
        raise InputError(f"max_tokens is {asked}, but {config.model_type} reads at most {limit}: lower max_tokens")
    return asked or min(limit, DEFAULT_MAX_TOKENS)


def _layout_name(layout: Layout) -> str:
    return "chat template" if layout.chat else "prompt, blank line, response"


def _device(wanted: str) -> torch.device:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError("device is 'cuda', but PyTorch sees no GPU: use device 'auto' or 'cpu'")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def _refusing(source: ModelFolder) -> Iterator[None]:
    """Turn what transformers and safetensors raise over bad files into an InputError that names the model."""
    from safetensors import SafetensorError

    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        files = ", ".join(path.name for path in weight_files(source.path))
        raise InputError(f"backbone {source.name} ({files}) cannot be loaded from {source.path}: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' bars and reports out of our log; what matters in them is checked above."""
    from transformers.utils import logging as library

    level, bars = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity(logging.ERROR)
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(level)
        if bars:
            library.enable_progress_bar()
