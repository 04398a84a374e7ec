"""Which of a backbone's weights move: all that states depend on, or low-rank adapters beside its linear layers."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from prefactor.backbones.encoding import Backbone
from prefactor.backbones.engine import Request
from prefactor.backbones.forest import Forest
from prefactor.backbones.loading import BackboneParameters, load_backbone
from prefactor.backbones.passes import Pass
from prefactor.backbones.reading import Spans, pooled
from prefactor.errors import InputError
from prefactor.seeds import mixed_seed
from prefactor.tuning.parameters import BackboneTuning

if TYPE_CHECKING:
    from peft import LoraConfig

ADAPTER = "default"  # peft's name for the one adapter of a model


def load_trainable(parameters: BackboneParameters, tuning: BackboneTuning, seed: int) -> Backbone:
    """A backbone whose weights that are to move need gradients, and only those.

    They are in float32, the others in the compute dtype. There is no dropout: the paper has none in the backbone, and
    states are computed twice where they do not fit into memory at once. ``seed`` draws the adapters' start, which
    changes no state: their second matrix is zero.
    """
    dtype = tuning.compute_dtype if tuning.mode == "lora" else "float32"
    backbone = load_backbone(replace(parameters, log_probabilities=False, compute_dtype=dtype))
    model = backbone.engine.forward.model
    if tuning.mode == "lora":
        _add_adapters(model, tuning, seed)
    elif tuning.mode == "full":
        model.requires_grad_(True)
    if tuning.mode != "frozen":
        _rest_unused(model, backbone.engine.forward, backbone.request)
    if tuning.gradient_checkpointing:
        checkpoint_gradients(model)
    return backbone


def adapter_config(tuning: BackboneTuning) -> "LoraConfig":
    """The adapters, in peft's words."""
    from peft import LoraConfig

    targets = tuning.targets if isinstance(tuning.targets, str) else list(tuning.targets)
    return LoraConfig(r=tuning.rank, lora_alpha=tuning.alpha, target_modules=targets, lora_dropout=0.0)  # type: ignore[arg-type]


def _add_adapters(model: nn.Module, tuning: BackboneTuning, seed: int) -> None:
    from peft import inject_adapter_in_model

    with torch.random.fork_rng():
        torch.manual_seed(mixed_seed(seed, "adapters"))
        try:
            inject_adapter_in_model(adapter_config(tuning), model, adapter_name=ADAPTER)
        except ValueError as error:
            raise InputError(f"targets {tuning.targets!r} have no place in this backbone: {error}") from error
    model.eval()
    for parameter in moving(model).values():
        parameter.data = parameter.data.float()


def moving(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training moves, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _rest_unused(model: nn.Module, forward: Pass, request: Request) -> None:
    """Of the weights that are to move, rest those that states do not depend on: known by a backward pass.

    They are a pooler's, or above the layer that is read. A weight without a gradient would have no optimiser's state.
    """
    forest = Forest.plain([np.arange(4)])
    states = text_state(forward, forest, Spans(np.array([1]), np.array([4])), request)
    if not states.requires_grad:
        raise InputError(f"states of layers {list(request.layers)} depend on nothing that tuning moves: read others")
    states.sum().backward()
    for parameter in moving(model).values():
        parameter.requires_grad_(parameter.grad is not None)
        parameter.grad = None


def text_state(forward: Pass, forest: Forest, spans: Spans, request: Request) -> Tensor:
    """(N, H) float32 states of a forest's texts, as the engine reads them; gradients flow."""
    hidden = forward(forest, request.layers)
    return torch.cat([pooled(layer, forest, request.pooling, spans) for layer in hidden], -1)


def checkpoint_gradients(model: nn.Module) -> None:
    """Have layers compute their activations anew in the backward pass.

    transformers does so in training mode alone. Each layer is told that it trains and its parts are not: nothing drops
    out.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise InputError("this backbone's layers cannot be checkpointed: set gradient_checkpointing false")
    model.activation_checkpointing_enable()  # type: ignore[operator]
    for layer in layers:
        layer.training = True
