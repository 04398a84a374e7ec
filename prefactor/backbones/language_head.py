"""The head of a causal language model: from hidden states to logits over its vocabulary."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from prefactor.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

AGREEMENT = 1e-2  # relative, to the model's own logits


@dataclass(frozen=True)
class LanguageHead:
    """States (M, H) to logits (M, V): the output embeddings, and what an architecture does to logits after them."""

    layer: nn.Module
    scale: float
    softcap: float | None

    def __call__(self, states: Tensor) -> Tensor:
        logits = self.layer(states) * self.scale  # (M,H)@(H,V)
        return logits if self.softcap is None else self.softcap * torch.tanh(logits / self.softcap)


@torch.inference_mode()
def find_head(model: "PreTrainedModel") -> tuple["PreTrainedModel", LanguageHead]:
    """A causal language model's body, which gives states, and its head.

    Raises InputError where body and head do not give the model's own logits: an architecture of another make.
    """
    body: Any = model.base_model
    config = model.config.get_text_config()
    scale = float(getattr(config, "logit_scale", None) or 1 / (getattr(config, "logits_scaling", None) or 1))
    layer = model.get_output_embeddings()
    head = LanguageHead(layer, scale, getattr(config, "final_logit_softcapping", None))
    ids = torch.arange(8, device=next(model.parameters()).device).unsqueeze(0) % config.vocab_size
    states, expected = getattr(body(input_ids=ids), "last_hidden_state", None), model(input_ids=ids).logits
    if layer is None or states is None or float((head(states) - expected).norm()) > AGREEMENT * float(expected.norm()):
        raise InputError(
            f"the head of {model.config.model_type} is not the usual one: set log_probabilities false for this backbone"
        )
    return body, head
