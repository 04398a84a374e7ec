"""stylebench, the embedded default: a generated world in which texts, tastes and choices are fully known."""

from prefactor.datasets.stylebench.parameters import StylebenchParameters
from prefactor.datasets.stylebench.world import load

__all__ = ["StylebenchParameters", "load"]
