"""EXACT's "Reward" and Drift's "RM": a reward model for each user, trained on nothing but the user's pairs."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from prefactor.backbones.engine import Request
from prefactor.decoding.adapters import shells
from prefactor.decoding.adapters.examples import Examples
from prefactor.decoding.adapters.parameters import AdapterParameters
from prefactor.decoding.adapters.scorer import AdapterScorer
from prefactor.decoding.adapters.trainers import fit

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class LoraReward(AdapterScorer[AdapterParameters]):
    """A linear reward of the last token's state, its head and adapters trained by -log sigmoid(r(y+) - r(y-)).

    The head starts alike for every user. What the papers tell of their settings is in ``AdapterParameters``.
    """

    name = "lora_reward"
    task = "SEQ_CLS"

    def _shell(self) -> "PreTrainedModel":
        return shells.reward_model(self.speaker, self.parameters.seed)

    def _fit(self, config: "LoraConfig", examples: Examples, tokenizer: "PreTrainedTokenizerBase") -> "PeftModel":
        from trl import RewardConfig, RewardTrainer

        return fit(RewardTrainer, RewardConfig, self._shell(), config, examples, tokenizer, self.parameters)

    @torch.no_grad()
    def _rewards(self, model: "PeftModel", rows: np.ndarray) -> np.ndarray:
        states = self.speaker.engine(self._reader(rows), Request(pooling="last")).states
        assert states is not None
        whole: Any = model.get_base_model()
        read = torch.from_numpy(states).to(self.speaker.device, whole.dtype)
        return whole.score(read)[:, 0].double().cpu().numpy()  # (N,H)@(H,1) -> (N,) logit
