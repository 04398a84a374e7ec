"""The source ``jester``: real people's ratings of a hundred jokes, as pairs that they rated clearly apart."""

from prefactor.datasets.jester.parameters import JesterParameters
from prefactor.datasets.jester.people import load

__all__ = ["JesterParameters", "load"]
