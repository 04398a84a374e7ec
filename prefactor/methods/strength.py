"""How strongly a prior over users' weights pulls, chosen on held-out users after training.

One strength for all data is a compromise: where users have little in common it must be weak, where choices are noisy
strong, and a search over several kinds of data can only settle between. Ours, for every method whose prior is a number.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from prefactor.methods.base import RewardModel
from prefactor.methods.calibration import Calibration
from prefactor.preferences import PairBatch

STRENGTHS = (1.0, 0.1, 0.3, 3.0, 10.0, 30.0, 100.0)  # times the one that is given, which is the first of equals


@torch.no_grad()
def choose_strength(strength: Tensor, model: RewardModel, known: Sequence[PairBatch], pairs: PairBatch) -> None:
    """Set ``strength`` (), which ``model`` reads, to the best of STRENGTHS by log loss on ``pairs``.

    Users are known by few pairs up to many (``known``), and each strength has its margins calibrated first: how large
    rewards are is not what it is chosen for.
    """
    pairs = pairs.compact()
    losses = {}
    for factor in STRENGTHS:
        strength.fill_(factor)
        users = [model.adapt(reference) for reference in known]
        losses[factor] = Calibration().to(strength.device).fit_users(model, users, known, pairs)
    strength.fill_(min(losses, key=losses.__getitem__))
