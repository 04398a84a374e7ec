"""A small causal language model of our own, trained on a dataset's training prompts: no hub, no download.

Its responses follow attributes that the prompt names, so every method that needs a language model runs offline.
"""

from prefactor.backbones.stylelm.conversations import vocabulary_texts
from prefactor.backbones.stylelm.corpus import Corpus, read_corpus
from prefactor.backbones.stylelm.folder import save_model
from prefactor.backbones.stylelm.parameters import StyleLMParameters
from prefactor.backbones.stylelm.perplexity import measure
from prefactor.backbones.stylelm.tokenizer import train_tokenizer
from prefactor.backbones.stylelm.training import train_model

__all__ = [
    "Corpus",
    "StyleLMParameters",
    "measure",
    "read_corpus",
    "save_model",
    "train_model",
    "train_tokenizer",
    "vocabulary_texts",
]
