"""The speaker's own model as a whole one of transformers': what a trainer takes, around the same weights."""

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from prefactor.backbones.language_head import LanguageHead
from prefactor.decoding.speaker import Speaker
from prefactor.errors import InputError
from prefactor.seeds import generator

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def language_model(speaker: Speaker) -> "PreTrainedModel":
    """The speaker's model with its head. What a trainer puts around the whole model goes with the shell."""
    from transformers import AutoModelForCausalLM

    shell = _around(speaker, AutoModelForCausalLM, {})
    assert isinstance(speaker.head, LanguageHead)
    shell.set_output_embeddings(speaker.head.layer)
    return shell


def reward_model(speaker: Speaker, seed: int) -> "PreTrainedModel":
    """The speaker's model with one output, read off the last token, in place of its head; ``seed`` draws it."""
    from transformers import AutoModelForSequenceClassification

    shell: Any = _around(speaker, AutoModelForSequenceClassification, {"num_labels": 1})
    if not hasattr(shell, "score"):
        raise InputError(f"{shell.config.model_type} has no usual reward head: name another language model")
    weight = torch.empty(shell.score.weight.shape)  # (1,H)
    std = shell.config.get_text_config().initializer_range
    nn.init.normal_(weight, std=std, generator=generator(seed, "adapters", "head"))
    shell.score.weight = nn.Parameter(weight.to(speaker.device, speaker.model.dtype), requires_grad=False)
    return shell


def _around(speaker: Speaker, kind: Any, changes: dict[str, Any]) -> Any:
    """A model of a ``kind`` without weights of its own, with the speaker's in their place."""
    config = copy.deepcopy(speaker.model.config)
    for name, value in changes.items():
        setattr(config, name, value)
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            shell = kind.from_config(config)
    except ValueError as error:
        what = f"transformers has no {kind.__name__.removeprefix('AutoModelFor')} of {config.model_type}"
        raise InputError(f"{what}: name another language model") from error
    setattr(shell, shell.base_model_prefix, speaker.model)
    return shell.eval()
