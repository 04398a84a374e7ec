"""The source ``lamp``: texts that a policy wrote for people of LaMP and LongLaMP, scored against what they wrote.

The files are those of LaMP-4 (news headlines) and LaMP-5 (titles of papers; Salemi et al. 2024) and of LongLaMP's
product reviews (Kumar et al. 2024). ``prefactor policy-candidates`` writes the candidates beside them.
"""

from prefactor.datasets.lamp.parameters import LampParameters
from prefactor.datasets.lamp.source import load

__all__ = ["LampParameters", "load"]
