"""A backbone by its name in params.yaml: the model, its tokenizer, and what makes its states what they are."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from prefactor.backbones.encoding import Backbone
from prefactor.backbones.engine import Engine, Request
from prefactor.backbones.language_head import find_head
from prefactor.backbones.layout import PLAIN, Layout, Tokeniser, chat_layout
from prefactor.backbones.passes import LAST, best_pass
from prefactor.backbones.reading import Pooling
from prefactor.backbones.weights import (
    EMBEDDED,
    ModelFolder,
    check_embedded,
    check_vocabulary,
    config_fingerprint,
    find_model,
    tokenizer_fingerprint,
    weight_files,
    weights_fingerprint,
)
from prefactor.errors import InputError
from prefactor.reading import read_object

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

MOST_TOKENS = {False: 512, True: 2048}  # of a text, unless more are asked for: of encoders and of causal models
TOKENS_PER_BATCH = {"cpu": 2048, "cuda": 32768}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
STRETCHED = ("dynamic", "longrope")  # positional encodings that depend on the length of a batch
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BackboneParameters:
    """Which language model turns texts into states, and how.

    model             ``embedded``, a local folder or a Hugging Face id
    revision          of a Hugging Face id: branch, tag or commit
    pooling           ``mean`` over a text's tokens, ``mean_response`` over its response's, the ``last`` token, or by
                      kind (``auto``): mean for an encoder, last for a causal language model
    layers            whose states, side by side: 0 is the embeddings, -1 the last layer, after its norm
    layout            how a prompt and a response become one text: by the tokenizer's ``chat`` template, ``plain``
                      with a blank line between them, or chat for a causal model that has a template (``auto``)
    log_probabilities  keep those of the responses too, for a causal model with a head; method Ref reads them. The head
                      is work: of a Qwen3-0.6B's weights it is a quarter
    max_tokens        longest text in tokens; None: the model's own limit, but at most 2,048 of a causal model, and of
                      an encoder 512. The embedded model is often cut at 256, which its fine-tuning never
                      exceeded; it was pretrained on 512, and of people's conversations with assistants 256 cuts one in
                      twelve and 512 one in a thousand, at 2 % more work
    tokens_per_batch  tokens of a batch; None: 2,048 on a CPU, where more falls out of its caches, and 32,768 on a
                      GPU. It changes speed and memory, never a state.
    compute_dtype     of the model. bfloat16 helps on GPUs and on CPUs with AMX
    states_dtype      of the cache on disk
    shard_texts       texts per shard: what a killed run can lose
    device            ``auto``: a GPU where there is one
    processes         that encode, each with the backbone on a GPU of its own or on a share of the CPU; None: one for
                      every visible GPU, and one on a CPU
    """

    model: str = EMBEDDED
    revision: str | None = None
    pooling: Literal["auto", "mean", "last", "mean_response"] = "auto"
    layers: tuple[int, ...] = LAST
    layout: Literal["auto", "chat", "plain"] = "auto"
    log_probabilities: bool = True
    max_tokens: int | None = None
    tokens_per_batch: int | None = None
    compute_dtype: Literal["float32", "bfloat16"] = "float32"
    states_dtype: Literal["float16", "float32"] = "float16"
    shard_texts: int = 2048
    device: Literal["auto", "cpu", "cuda"] = "auto"
    processes: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_tokens", "tokens_per_batch", "shard_texts", "processes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1, got {value}")
        if not self.layers:
            raise InputError("layers must name at least one layer: -1 is the last")


def load_backbone(parameters: BackboneParameters) -> Backbone:
    """Load a backbone. Raises InputError where its files are missing, wrong or of a kind that gives no states."""
    device = chosen_device(parameters.device)
    source = find_model(parameters.model, parameters.revision)
    weights = weights_fingerprint(source.path)
    if parameters.model == EMBEDDED:
        check_embedded(weights)
    with _quiet(), _refusing(source):
        config, tokenizer = _config(source.path), _tokenizer(source.path)
        causal = is_causal(config)
        headed = causal and parameters.log_probabilities and _has_head(config)
        model: Any = _model(source.path, DTYPES[parameters.compute_dtype], headed)
        model = model.to(device)
        body, head = find_head(model) if headed else (model, None)
        request = _request(parameters, config, causal, head is not None)
        tokeniser = _tokeniser(parameters, config, tokenizer, causal)
    hidden = config.get_text_config().hidden_size * len(request.layers)
    identity = {
        "model": source.name,
        "revision": source.revision,
        "weights_sha256": weights,
        "config_sha256": config_fingerprint(source.path),
        "tokenizer_sha256": tokenizer_fingerprint(source.path),
        "layout": _layout_name(tokeniser.layout),
        "pooling": _pooling_name(request),
        "max_tokens": tokeniser.max_tokens,
        "compute_dtype": parameters.compute_dtype,
        "hidden_size": hidden,
    }
    with _quiet(), torch.inference_mode():
        forward = best_pass(body, device, tokenizer.pad_token_id or 0, causal)
    engine = Engine(forward, head, parameters.tokens_per_batch or TOKENS_PER_BATCH[device.type])
    return Backbone(engine, tokeniser, request, hidden=hidden, identity=identity)


def load_tokenizer(parameters: BackboneParameters) -> "PreTrainedTokenizerBase":
    """A backbone's tokenizer alone. Raises InputError as ``load_backbone`` does."""
    source = find_model(parameters.model, parameters.revision)
    with _quiet(), _refusing(source):
        return _tokenizer(source.path)


def _request(parameters: BackboneParameters, config: "PreTrainedConfig", causal: bool, headed: bool) -> Request:
    pooling: Pooling = parameters.pooling if parameters.pooling != "auto" else ("last" if causal else "mean")
    layers = int(config.get_text_config().num_hidden_layers)
    for layer in parameters.layers:
        if not -layers - 1 <= layer <= layers:
            raise InputError(f"layers: {config.model_type} has {layers}, and the embeddings as 0, but {layer} is asked")
    return Request(pooling, parameters.layers, log_probabilities=headed)


def _tokeniser(
    parameters: BackboneParameters, config: "PreTrainedConfig", tokenizer: "PreTrainedTokenizerBase", causal: bool
) -> Tokeniser:
    max_tokens = _max_tokens(parameters.max_tokens, config, tokenizer, MOST_TOKENS[causal])
    return Tokeniser(tokenizer.backend_tokenizer, _layout(parameters.layout, tokenizer, causal), max_tokens)


def _layout(wanted: str, tokenizer: "PreTrainedTokenizerBase", causal: bool) -> Layout:
    if wanted == "plain" or (wanted == "auto" and not causal):
        return PLAIN
    if tokenizer.chat_template:
        return chat_layout(tokenizer)
    if wanted == "chat":
        raise InputError("layout is 'chat', but the tokenizer has no chat template: use layout 'plain'")
    logger.info("the tokenizer has no chat template: a blank line stands between prompt and response")
    return PLAIN


def _has_head(config: "PreTrainedConfig") -> bool:
    return any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in config.architectures or ())


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
    import transformers

    kind = read_object(folder / "config.json", "save or download the model").get("model_type")
    if kind not in transformers.CONFIG_MAPPING:
        known = f"transformers {transformers.__version__} knows no architecture {kind!r}"
        raise InputError(f"model_type of {folder / 'config.json'}: {known}: update transformers, or name another model")
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if config.is_encoder_decoder:
        kind = f"an encoder-decoder ({config.model_type})"
        raise InputError(f"{folder.name} is {kind}: name an encoder or a causal language model")
    return config


def _tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    from transformers import AutoTokenizer

    check_vocabulary(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not tokenizer.is_fast:
        raise InputError(f"{folder.name} has no fast tokenizer: add its tokenizer.json")
    return tokenizer


def _model(folder: Path, dtype: torch.dtype, headed: bool) -> "PreTrainedModel":
    """The model in evaluation mode, every weight of it read from the files; its head only if it is ``headed``."""
    from transformers import AutoModel, AutoModelForCausalLM

    kind: Any = AutoModelForCausalLM if headed else AutoModel
    model, loaded = kind.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=dtype,
        ignore_mismatched_sizes=True,  # refused below, in words
        output_loading_info=True,
    )
    if unlike := sorted(key for key, *_ in loaded["mismatched_keys"]):
        raise InputError(
            f"weights of {folder.name} have {len(unlike)} tensor(s) of other sizes than its config.json says, e.g. "
            f"{unlike[0]}: save or download both together"
        )
    missing = sorted(key for key in loaded["missing_keys"] if not key.startswith("pooler."))  # we pool ourselves
    if missing:
        raise InputError(
            f"weights of {folder.name} lack {len(missing)} tensor(s), e.g. {missing[0]}: train or save it whole"
        )
    model.config.use_cache = False  # nothing is generated: keys and values need not be kept
    return model.eval().requires_grad_(False)


def _max_tokens(asked: int | None, config: "PreTrainedConfig", tokenizer: "PreTrainedTokenizerBase", usual: int) -> int:
    limit = min(_positions(config) or tokenizer.model_max_length, tokenizer.model_max_length)
    if asked is not None and asked > limit:
        raise InputError(f"max_tokens is {asked}, but {config.model_type} reads at most {limit}: lower max_tokens")
    return asked or min(limit, usual)


def _positions(config: "PreTrainedConfig") -> int | None:
    """The longest text that a model reads so that its state is its own, None where the configuration does not say.

    Beyond the length that it was trained on first, a model that stretches its positions does so by the longest text of
    a batch, for all of them.
    """
    text = config.get_text_config()
    positions = getattr(text, "max_position_embeddings", None)
    rope = getattr(text, "rope_parameters", None) or {}
    kinds = rope.values() if all(isinstance(kind, dict) for kind in rope.values()) else [rope]
    for kind in kinds:
        if kind.get("rope_type") in STRETCHED:
            first = kind.get("original_max_position_embeddings") or getattr(text, "original_max_position_embeddings", 0)
            positions = min(known) if (known := [length for length in (positions, first) if length]) else None
    return positions


def _pooling_name(request: Request) -> str:
    """With the layers, if not the last: in a key of their own, who expects the last would not compare them."""
    if request.layers == LAST:
        return request.pooling
    return f"{request.pooling} of layers {', '.join(map(str, request.layers))}"


def _layout_name(layout: Layout) -> str:
    return "chat template" if layout.chat else "prompt, blank line, response"


def worker_count(parameters: BackboneParameters) -> int:
    """How many processes encode texts. Raises InputError where a GPU is asked for and there is none."""
    if parameters.processes is not None:
        return parameters.processes
    return torch.cuda.device_count() if chosen_device(parameters.device).type == "cuda" else 1


def chosen_device(wanted: str) -> torch.device:
    """The device that ``auto``, ``cpu`` or ``cuda`` means here. A GPU is PyTorch's current one. Raises InputError."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError("device is 'cuda', but PyTorch sees no GPU: use device 'auto' or 'cpu'")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def _refusing(source: ModelFolder) -> Iterator[None]:
    """Turn what transformers and safetensors raise over bad files into an InputError; let each name the model."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except InputError as error:
        raise InputError(f"backbone {source.name}: {error}") from error
    except (
        AttributeError,
        ImportError,
        LookupError,
        OSError,
        RuntimeError,
        SafetensorError,
        StrictDataclassError,
        TypeError,
        ValueError,
    ) as error:
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
