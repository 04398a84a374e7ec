"""The gate: what good data is, checked by Great Expectations before anything is built on it."""

from prefactor.quality.gate import validate_split, validate_tables
from prefactor.quality.parameters import QualityParameters

__all__ = ["QualityParameters", "validate_split", "validate_tables"]
