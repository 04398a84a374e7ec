"""What reward models read of any text: the views that the stages keep by text id, computed on the spot."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from prefactor.backbones import Backbone, NoLikelihoodError
from prefactor.errors import InputError
from prefactor.methods.base import RewardModel
from prefactor.preferences import Responses
from prefactor.surface import surface_features

STATES, LIKELIHOOD, SURFACE = "states", "likelihood", "surface"


def check_readable(model: RewardModel, backbone: Backbone | None) -> None:
    """Raise InputError for a model that cannot judge a new text, and for one without the backbone that it reads."""
    if not model.view:
        raise InputError(
            f"{model.name} knows texts by their numbers alone and cannot judge a new one: name another model"
        )
    if backbone is None and (model.shape.tuned or model.view != SURFACE):
        raise InputError(f"{model.name} reads the view {model.view!r} of a language model: give it its backbone")


def read(model: RewardModel, backbone: Backbone | None, prompts: Sequence[str], responses: Sequence[str]) -> Responses:
    """The one view that the model's reward reads of N (prompt, response); ``text`` (N,) numbers the different ones.

    Each different text is read once. The model passes ``check_readable``.
    """
    number: dict[tuple[str, str], int] = {}
    rows = [number.setdefault(text, len(number)) for text in zip(prompts, responses, strict=True)]
    different = [prompt for prompt, _ in number], [response for _, response in number]
    if model.shape.tuned:
        views = {model.tuned_view: _view(STATES, backbone, *different)}
    else:
        views = {model.view: _view(model.view, backbone, *different)}
    return Responses(views, torch.arange(len(number)))[torch.tensor(rows, dtype=torch.int64)]


def _view(name: str, backbone: Backbone | None, prompts: Sequence[str], responses: Sequence[str]) -> Tensor:
    """(T, width) float32 of T texts."""
    if name == SURFACE:
        return torch.from_numpy(surface_features(pa.chunked_array([pa.array(responses, pa.string())])))
    assert backbone is not None
    encoded = backbone.encode(prompts, responses)
    if name == STATES:
        return torch.from_numpy(encoded.states)
    if encoded.log_probability is None and len(prompts):
        raise NoLikelihoodError(
            "the backbone gives no log-probabilities: name a causal language model, with log_probabilities true"
        )
    total = np.zeros(0) if encoded.log_probability is None else encoded.log_probability
    return torch.from_numpy(np.stack([total, encoded.response_tokens], 1).astype(np.float32))  # (T,2)
