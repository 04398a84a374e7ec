"""Prefactor: personal reward models, from raw pairwise preferences to a served model that knows how sure it is."""

__version__ = "0.1.0"
