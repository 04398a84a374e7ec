"""A diagnosis in a few lines of plain text: what a terminal shows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prefactor.evaluation.scaling.pool import ORACLE
from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.worth import worth, worth_text
from prefactor.reporting.estimates import PERCENT, SIGNED
from prefactor.reporting.printed import IN_SPREADS, words

if TYPE_CHECKING:
    from prefactor.evaluation.scaling.diagnosis import Diagnosis

FIGURES = {
    "collapse_rate": ("collapsed users {}", PERCENT),
    "hacking_rate": ("hacked queries {}", PERCENT),
    "hacking_rate_of_noise": ("of noise alone {}", PERCENT),
    "correlation": ("correlation {}", SIGNED),
}


def summary(diagnosis: "Diagnosis", cost: float | None = None) -> list[str]:
    """The candidates, then a few lines for each model, the one of the highest gain first."""
    measured = Measured.of(diagnosis.figures)
    models = (line for model in measured.models for line in _lines(measured, model, cost))
    return [*_of(diagnosis, measured), *models]


def _of(diagnosis: "Diagnosis", measured: Measured) -> Iterator[str]:
    about, n = diagnosis.about, measured.sizes[-1]
    yield f"{about['users']:,} users, {about['queries']:,} queries, {about['sets']:,} sets of candidates"
    best = measured.gains(ORACLE).get(n)
    if best is not None:
        yield f"oracle: gains {words(best, IN_SPREADS)} with N = {n}; sd: of gold within a query"


def _lines(measured: Measured, model: str, cost: float | None) -> Iterator[str]:
    n, share = measured.sizes[-1], measured.share(model)
    gain = measured.gains(model)[n]
    part = f", {words(share, PERCENT)} of the oracle's" if share else ""
    yield f"{model}: gains {words(gain, IN_SPREADS)} with N = {n}{part}"
    found = {metric: own for metric in FIGURES if (own := measured.one(model, metric)) is not None}
    figures = (FIGURES[metric][0].format(words(own, FIGURES[metric][1])) for metric, own in found.items())
    yield f"  {', '.join(figures)}"
    yield f"  N worth paying for: {worth_text(worth(measured, model, cost))}"
