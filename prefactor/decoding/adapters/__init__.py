"""Baselines that are trained for each user: a low-rank adapter (Hu et al. 2022) beside the language model, by TRL.

``LoraReward`` is EXACT's "Reward" and Drift's "RM": a reward model of the user's own. ``DpoPolicy`` is direct
preference optimisation (Rafailov et al. 2023): a language model of the user's own, which scores by its implicit reward
and writes.

Of the trained baselines in Drift's Table 2, PPO and DPA are left out, for their cost. PPO is reinforcement learning
with the user's reward model: at every step texts are written, judged, and learnt from by the policy and by a value
model of the user's own, where DPO only reads the user's pairs; and the paper finds it worse than writing without any
training (0.48 and 0.47 of its texts win by the gold reward). DPA conditions on the weights of attributes whose rewards
are trained first, on texts that people rated in each attribute (HelpSteer2), and then trains the language model over
all of them: that is another data set and another model, not a baseline of the same pairs.
"""

from prefactor.decoding.adapters.dpo import DpoPolicy
from prefactor.decoding.adapters.parameters import AdapterParameters, DpoParameters
from prefactor.decoding.adapters.reward import LoraReward

__all__ = ["AdapterParameters", "DpoParameters", "DpoPolicy", "LoraReward"]
