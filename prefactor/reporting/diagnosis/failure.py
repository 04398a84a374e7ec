"""What keeps a model from gaining as much as the oracle: only what the wider interval shows."""

from enum import Enum

from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.estimates import Estimate
from prefactor.reporting.printed import Standing, standing

NOTABLE = 0.1  # a share of users or queries that is worth a name: its wider interval lies above it


class Failure(Enum):
    """In words, what fails with some models."""

    COLLAPSE = "users collapse"
    HACKING = "queries are hacked"


def failures(measured: Measured, model: str) -> tuple[Failure, ...]:
    """Those of the two that more than NOTABLE of users, or of queries beyond what noise makes, are shown to suffer."""
    shares = {Failure.COLLAPSE: measured.one(model, "collapse_rate"), Failure.HACKING: hacked(measured, model)}
    return tuple(
        what for what, share in shares.items() if share is not None and standing(share, NOTABLE) is Standing.ABOVE
    )


def hacked(measured: Measured, model: str) -> Estimate | None:
    """The share of queries truly hacked: with the noise of few candidates taken out."""
    return measured.one(model, "hacking_rate_corrected")


def beside_noise(measured: Measured, model: str) -> Standing | None:
    """Where the observed share of hacked queries lies beside what noise alone would make; None where either is unknown.

    The two are told apart where their wider intervals do not meet.
    """
    own, noise = (measured.one(model, name) for name in ("hacking_rate", "hacking_rate_of_noise"))
    if own is None or noise is None:
        return None
    widest = noise.widest
    low, high = (widest.low, widest.high) if widest.has_interval else (noise.value, noise.value)
    if standing(own, high) is Standing.ABOVE:
        return Standing.ABOVE
    return Standing.BELOW if standing(own, low) is Standing.BELOW else Standing.OPEN
