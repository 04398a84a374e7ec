"""Basis rewards phi: hidden state -> R^K, shared by every factorised method."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

MINIMUM_SCALE = 1e-6
Form = Literal["mlp", "linear"]


@dataclass(frozen=True)
class BasisParameters:
    """phi's form: ``mlp`` is H -> H/4 -> K with GELU (VRF, section 5), ``linear`` is H -> K.

    ``bases`` is K. ``dropout`` acts on the standardised input. ``standardise`` scales every dimension of the
    states to mean 0 and variance 1 over the training responses: frozen states need it, fine-tuned ones do not.
    """

    form: Form = "mlp"
    bases: int = 8
    dropout: float = 0.0
    standardise: bool = True

    def __post_init__(self) -> None:
        if self.bases < 1:
            raise ValueError(f"bases must be at least 1, got {self.bases}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")


@dataclass(frozen=True)
class CommonParameters:
    """A network of its own for the reward that all users share; ours.

    form            as phi's
    learning_rate   in the first step, as a multiple of phi's
    weight_decay    in the first step; None is phi's
    """

    form: Form = "mlp"
    learning_rate: float = 3.0
    weight_decay: float | None = 3.0

    def __post_init__(self) -> None:
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if self.weight_decay is not None and self.weight_decay < 0:
            raise ValueError(f"weight_decay must not be negative, got {self.weight_decay}")


class Standardise(nn.Module):
    """(h - mean) / scale per dimension, with constants fitted once and saved with the model."""

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def fit(self, states: Tensor) -> None:
        """Take the constants from (T, H) states."""
        self.mean.copy_(states.mean(0))
        spread = states.std(0) if states.shape[0] > 1 else torch.ones_like(self.scale)
        self.scale.copy_(torch.where(spread > MINIMUM_SCALE, spread, torch.ones_like(spread)))

    def forward(self, states: Tensor) -> Tensor:
        """(..., H) -> (..., H)."""
        return (states - self.mean) / self.scale


class Dropout(nn.Module):
    """Dropout whose noise comes from an explicit generator, so that a run is a function of its seed.

    A random byte decides for each element, so the rate is rounded to 1/256: drawing a float for each took a sixth of a
    training step.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.dropped = round(256 * rate)  # of 256 byte values
        self.generator: torch.Generator | None = None

    def forward(self, values: Tensor) -> Tensor:
        """Same shape; the identity at evaluation."""
        if not self.training or self.dropped == 0:
            return values
        words = torch.empty(-(-values.numel() // 8), dtype=torch.int64, device=values.device)
        noise = words.random_(-(2**63), None, generator=self.generator).view(torch.uint8)[: values.numel()]
        keep = (noise >= self.dropped).view_as(values)
        return values * keep * (256 / (256 - self.dropped))


class Basis(nn.Module):
    """phi(h): K basis rewards in logits, each defined up to a constant."""

    def __init__(self, parameters: BasisParameters, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.dropout = Dropout(parameters.dropout)
        self.layers = _layers(parameters.form, width, parameters.bases)
        initialise(self.layers, generator)

    def forward(self, states: Tensor) -> Tensor:
        """(T, H) -> (T, K)."""
        return self.layers(self.dropout(states))

    def parts(self) -> Iterator[tuple[nn.Module, slice]]:
        """The networks that phi consists of, and which of its outputs each gives."""
        yield self.layers, slice(None)

    def used(self, personal: int) -> int:
        """How many of the ``personal`` outputs, the first ones, are not zero for every state.

        A start by detected directions leaves those beyond them at zero, and so does training; VRF may fill them.
        """
        return int((self.last.weight[:personal].abs().amax(-1) > 0).sum())

    def live(self, personal: int) -> int:
        """The same, but at least 1: how many a user's weight is about."""
        return max(self.used(personal), 1)

    @property
    def last(self) -> nn.Linear:
        """The layer that the basis rewards come out of; of the personal ones where the common one has its own."""
        layers = self.layers[-1] if isinstance(self.layers, nn.Sequential) else self.layers
        assert isinstance(layers, nn.Linear)
        return layers


class BasisAndCommon(Basis):
    """phi with a reward for everyone as its last output, by a network of its own: (T, H) -> (T, K + 1)."""

    def __init__(self, parameters: BasisParameters, common: Form, width: int, generator: torch.Generator) -> None:
        super().__init__(parameters, width, generator)
        self.personal = parameters.bases
        self.common = _layers(common, width, 1)
        initialise(self.common, generator)

    def forward(self, states: Tensor) -> Tensor:
        states = self.dropout(states)
        return torch.cat([self.layers(states), self.common(states)], -1)

    def parts(self) -> Iterator[tuple[nn.Module, slice]]:
        yield self.layers, slice(self.personal)
        yield self.common, slice(self.personal, None)


def _layers(form: Form, width: int, outputs: int) -> nn.Module:
    if form == "linear":
        return nn.Linear(width, outputs)
    hidden = max(width // 4, 1)
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, outputs))


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw linear layers from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), torch's own rule, with an explicit generator."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            with torch.no_grad():
                for tensor in layer.parameters():
                    tensor.uniform_(-bound, bound, generator=generator)
