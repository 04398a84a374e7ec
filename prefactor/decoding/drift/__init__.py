"""Drift (Kim et al. 2025): a user's taste as weights of attributes that a language model is asked for, untrained.

``rewards`` are what an attribute's system prompt adds to a response's log-probability, ``weights`` what a user's pairs
say of them, ``scorer`` predicts pairs.
"""

from prefactor.decoding.drift.parameters import DriftParameters
from prefactor.decoding.drift.rewards import ZeroShot
from prefactor.decoding.drift.scorer import DriftScorer, Tastes

__all__ = ["DriftParameters", "DriftScorer", "Tastes", "ZeroShot"]
