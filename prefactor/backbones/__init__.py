"""Texts to hidden states: a frozen language model, loaded by name, and an on-disk cache of what it says."""

from prefactor.backbones.encoding import Backbone, Encoded
from prefactor.backbones.loading import BackboneParameters, load_backbone
from prefactor.backbones.states import EmbedReport, LikelihoodView, NoLikelihoodError, States, embed, open_states

__all__ = [
    "Backbone",
    "BackboneParameters",
    "EmbedReport",
    "Encoded",
    "LikelihoodView",
    "NoLikelihoodError",
    "States",
    "embed",
    "load_backbone",
    "open_states",
]
