"""What a user answered when asked, read for what it is: evidence, not a choice of what to show.

VRF's encoder learns from pairs that people came with, which tell by what they are about what those people care for: on
stylebench each holds the best and the worst response by the user's own taste. A question that was put to a user tells
that by its answer alone, and the encoder misreads it.
"""

import copy

import torch

from prefactor.errors import InputError
from prefactor.methods.vrf import VRF

POWER = 0.5  # of the evidence; docs/asking.md says how it was chosen


def by_evidence(model: VRF, power: float = POWER) -> VRF:
    """The same model, whose users' shares of the bases follow from their answers, without the encoder.

    With power 1 by Bayes' rule. Less is more robust: of responses that a user cares about alike, or that phi misreads,
    the model is wrongly sure. A state that either model has adapted or updated, the other can go on from. InputError
    for VRF as published: its bases predict nothing that an answer could be held against.
    """
    if model.loadings is None:
        raise InputError("vrf as published knows users by its encoder alone: train it with loadings to ask users")
    found = copy.deepcopy(model)
    assert found.loadings is not None
    found.loadings.power.copy_(torch.tensor((0.0, power)))
    return found
