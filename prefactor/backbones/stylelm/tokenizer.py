"""A byte-level BPE tokenizer of our own: it spells every text, in any script."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prefactor.backbones.stylelm.template import CHAT_TEMPLATE, END, PAD, SPECIAL_TOKENS
from prefactor.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def train_tokenizer(texts: Iterable[str], vocabulary: int, context: int) -> "PreTrainedTokenizerFast":
    """Train on ``texts``: ``vocabulary`` tokens, fewer if the texts make no more; ``context`` is the longest text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if vocabulary < len(alphabet) + len(SPECIAL_TOKENS):
        raise InputError(f"vocabulary is {vocabulary}, but {len(alphabet) + len(SPECIAL_TOKENS)} are bytes: raise it")
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(alphabet),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        eos_token=END,
        padding_side="right",
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
