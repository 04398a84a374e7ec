"""Fine-tuning: the backbone under a method's reward is trained with it, wholly or by low-rank adapters.

The method's encoder goes on reading the cached states of the frozen copy, as published; its reward reads the view
``tuned``, states that are computed anew at every step.
"""

from prefactor.tuning.parameters import BackboneTuning

__all__ = ["BackboneTuning"]
