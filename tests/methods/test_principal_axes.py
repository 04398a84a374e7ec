"""Principal axes: those of all differences at once, in whatever chunks they are summed."""

from dataclasses import replace

import pytest
import torch

from prefactor.methods import principal_axes as module
from prefactor.methods.principal_axes import principal_axes
from tests.worlds import WIDTH, make_pairs


def test_axes_are_those_of_all_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = make_pairs(7, 9)
    states = pairs.responses.views["states"]
    difference = states[pairs.chosen] - states[pairs.rejected]
    monkeypatch.setattr(module, "PAIRS_PER_CHUNK", 10)
    variance, axes = principal_axes(pairs, states)
    torch.testing.assert_close(axes.T @ axes, torch.eye(WIDTH), atol=1e-5, rtol=0)
    torch.testing.assert_close((difference @ axes).square().mean(0), variance, atol=1e-4, rtol=1e-4)
    assert (variance.diff() >= 0).all()
    swapped, _ = principal_axes(replace(pairs, chosen=pairs.rejected, rejected=pairs.chosen), states)
    torch.testing.assert_close(swapped, variance)
