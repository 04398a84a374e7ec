"""The packed attention refuses what it would otherwise leave out."""

import numpy as np
import pytest
import torch
from torch import nn

from prefactor.backbones.attention import packed_attention
from prefactor.backbones.forest import Forest
from prefactor.backbones.packing import Packing


def test_a_mask_of_the_models_own_is_not_ignored() -> None:
    packing = Packing.of(Forest.plain([np.arange(3)]))
    states = torch.ones(1, 2, 3, 4)
    packed_attention(nn.Identity(), states, states, states, None, packing=packing)
    with pytest.raises(ValueError, match="the model masks by itself"):
        packed_attention(nn.Identity(), states, states, states, torch.zeros(1, 1, 3, 3), packing=packing)
