"""A tuned backbone on disk: adapters as peft writes them, or a whole Hugging Face folder; safetensors and JSON."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from prefactor.atomic import atomic_folder
from prefactor.backbones.encoding import Backbone
from prefactor.backbones.loading import DTYPES, BackboneParameters, load_backbone
from prefactor.backbones.weights import TOKENIZER_FILES, find_model, weights_fingerprint
from prefactor.errors import InputError
from prefactor.tuning.live_backbone import LiveBackbone
from prefactor.tuning.parameters import BackboneTuning
from prefactor.tuning.weights import ADAPTER, adapter_config

ADAPTER_WEIGHTS, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
PREFIX = "base_model.model."  # before every name in an adapter's file


def save_backbone(
    folder: Path,
    live: LiveBackbone,
    tensors: Mapping[str, Tensor],
    parameters: BackboneParameters,
    tuning: BackboneTuning,
) -> None:
    """Write the weights that moved, ``tensors`` by name, so that ``load_tuned`` makes states of them."""
    with atomic_folder(folder) as scratch:
        if tuning.mode == "lora":
            save_adapter(scratch, {**_at_rest(live, tensors), **tensors}, tuning)
        else:
            _save_whole(scratch, live, tensors, parameters)


def _at_rest(live: LiveBackbone, moved: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Adapters that no state depends on, which their file has too: they add nothing."""
    rest = {name: tensor for name, tensor in live.plain.named_parameters() if "lora_" in name and name not in moved}
    return {name: torch.zeros(tensor.shape) for name, tensor in rest.items()}


def save_adapter(folder: Path, tensors: Mapping[str, Tensor], tuning: BackboneTuning) -> None:
    """What ``PeftModel.from_pretrained`` reads."""
    named = {PREFIX + name.replace(f".{ADAPTER}.", "."): tensor.contiguous() for name, tensor in tensors.items()}
    save_file(named, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    config = adapter_config(tuning)
    config.inference_mode = True
    config.save_pretrained(str(folder))


def load_tuned(parameters: BackboneParameters, folder: Path) -> Backbone:
    """The backbone that ``folder`` holds; of adapters, the base that ``parameters`` name with them merged into it.

    They are added in float32: a sum with weights that were rounded before would lose much of what they learnt.
    Its identity is the base's and the digest of what was trained. Raises InputError for a folder that holds neither.
    """
    if (folder / ADAPTER_CONFIG).is_file():
        backbone = load_backbone(replace(parameters, log_probabilities=False, compute_dtype="float32"))
        _merge(backbone, folder)
        for weight in backbone.engine.forward.model.parameters():  # not the buffers: positions stay in float32
            weight.data = weight.data.to(DTYPES[parameters.compute_dtype])
        digest = _digest(folder / ADAPTER_WEIGHTS)
        return backbone.with_identity(compute_dtype=parameters.compute_dtype, tuned_sha256=digest)
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds no tuned backbone: rerun stage train-encoder")
    return load_backbone(replace(parameters, model=str(folder), revision=None, log_probabilities=False))


def _merge(backbone: Backbone, folder: Path) -> None:
    """Add the adapters' product to the weights that they are beside."""
    from peft import LoraConfig, LoraModel

    forward = backbone.engine.forward
    config = LoraConfig.from_pretrained(str(folder))
    adapted = LoraModel(forward.model, config, ADAPTER)
    tensors = {_inside(name): tensor for name, tensor in load_file(folder / ADAPTER_WEIGHTS).items()}
    if missing := {name for name in adapted.model.state_dict() if "lora_" in name} ^ set(tensors):
        raise InputError(f"{folder / ADAPTER_WEIGHTS} is not of this backbone: {len(missing)} tensors do not match")
    adapted.model.load_state_dict(tensors, strict=False)
    forward.model = adapted.merge_and_unload().eval().requires_grad_(False)


def _inside(name: str) -> str:
    """A tensor's name in the model from its name in the file, where no adapter is named."""
    start, dot, kind = name.removeprefix(PREFIX).rpartition(".")
    return f"{start}.{ADAPTER}{dot}{kind}"


def _save_whole(
    folder: Path, live: LiveBackbone, tensors: Mapping[str, Tensor], parameters: BackboneParameters
) -> None:
    at_rest = {name: tensor.cpu() for name, tensor in live.plain.named_parameters() if not tensor.requires_grad}
    whole = {**at_rest, **tensors}
    with _without_bars():
        live.plain.save_pretrained(folder, state_dict=whole)  # type: ignore[operator]
    source = find_model(parameters.model, parameters.revision).path
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    weights_fingerprint(folder)  # raises where no safetensors were written


@contextmanager
def _without_bars() -> Iterator[None]:
    """transformers draws a bar for every file that it writes."""
    from transformers.utils import logging as library

    shown = library.is_progress_bar_enabled()
    library.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            library.enable_progress_bar()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
