"""Direct preference optimisation for each user: a language model of the user's own, and the reward that it implies."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from prefactor.backbones.engine import Request
from prefactor.backbones.layout import Tokens
from prefactor.decoding.adapters import shells
from prefactor.decoding.adapters.examples import Examples
from prefactor.decoding.adapters.parameters import DpoParameters
from prefactor.decoding.adapters.scorer import AdapterScorer
from prefactor.decoding.adapters.trainers import fit
from prefactor.decoding.speaker import Speaker
from prefactor.preferences import PairBatch

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class DpoPolicy(AdapterScorer[DpoParameters]):
    """A policy pi_u beside the language model pi_ref, trained by -log sigmoid(r_u(y+) - r_u(y-)): Rafailov et al. 2023.

    r_u(x, y) = beta [log pi_u(y|x) - log pi_ref(y|x)], summed over the response's tokens, in logits: the implicit
    reward, EXACT's Eq. (5) without the term of the prompt alone, which no pair shows. It predicts pairs.
    """

    name = "dpo"
    task = "CAUSAL_LM"

    @contextmanager
    def speaking(self, known: PairBatch, user: int) -> Iterator[Speaker]:
        """The speaker as the user's policy: what it writes in this block, ``sampling.sample`` with it, is the user's.

        Of a user of whom nothing is known, it is the language model itself.
        """
        if not bool((known.segment == user).any()):
            yield self.speaker
            return
        with self.adapted(known, user):
            yield self.speaker

    def _shell(self) -> "PreTrainedModel":
        return shells.language_model(self.speaker)

    def _examples(self, sides: np.ndarray) -> Examples:
        examples = super()._examples(sides)
        return replace(examples, reference=self._log_probabilities(examples.tokens))

    def _fit(self, config: "LoraConfig", examples: Examples, tokenizer: "PreTrainedTokenizerBase") -> "PeftModel":
        from trl import DPOConfig, DPOTrainer

        shell, beta = self._shell(), self.parameters.beta
        return fit(DPOTrainer, DPOConfig, shell, config, examples, tokenizer, self.parameters, beta=beta)

    def _rewards(self, model: "PeftModel", rows: np.ndarray) -> np.ndarray:
        tokens = self._reader(rows)
        adapted = self._log_probabilities(tokens)
        with model.disable_adapter():
            reference = self._log_probabilities(tokens)
        return self.parameters.beta * (adapted - reference)

    def _log_probabilities(self, tokens: Tokens) -> np.ndarray:
        """(N,) float64 nats, summed over the response's tokens, by the speaker's model as it is now."""
        found = self.speaker.engine(tokens, Request(states=False, log_probabilities=True)).log_probability
        assert found is not None
        return found
