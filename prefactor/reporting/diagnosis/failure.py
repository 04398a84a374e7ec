"""What keeps a model from gaining as much as the oracle: only what the wider interval shows."""

from enum import Enum

from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.estimates import Estimate
from prefactor.reporting.printed import Standing, beside, standing

NOTABLE = 0.1  # a share of users or queries that is worth a name: its wider interval lies above it


class Failure(Enum):
    """In words, what fails with some models."""

    COLLAPSE = "users collapse"
    HACKING = "queries are hacked"


def failures(measured: Measured, model: str) -> tuple[Failure, ...]:
    """Those of the two that more than NOTABLE of users, or of queries beyond what noise makes, are shown to suffer."""
    shares = {Failure.COLLAPSE: collapsed(measured, model), Failure.HACKING: hacked(measured, model)}
    return tuple(
        what for what, share in shares.items() if share is not None and standing(share, NOTABLE) is Standing.ABOVE
    )


def collapsed(measured: Measured, model: str) -> Estimate | None:
    """The share of users truly collapsed: with the noise of few candidates taken out, where that is known."""
    return measured.one(model, "collapse_rate_corrected") or measured.one(model, "collapse_rate")


def hacked(measured: Measured, model: str) -> Estimate | None:
    """The share of queries truly hacked: with the noise of few candidates taken out."""
    return measured.one(model, "hacking_rate_corrected")


def beside_noise(measured: Measured, model: str) -> Standing | None:
    """Where the share of hacked queries lies beside what noise alone would make; None where either is unknown."""
    own, noise = (measured.one(model, name) for name in ("hacking_rate", "hacking_rate_of_noise"))
    return None if own is None or noise is None else beside(own, noise)
