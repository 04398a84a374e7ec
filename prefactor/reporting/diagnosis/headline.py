"""The page's finding in one sentence: what more candidates bring and by whom, and what fails with the others."""

from collections.abc import Sequence

from prefactor.reporting.diagnosis.failure import Failure, failures
from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.names import name_of
from prefactor.reporting.estimates import Scale
from prefactor.reporting.printed import Standing, beside, listed, standing
from prefactor.reporting.verdict import PERCENT_SIGN

SPREADS = Scale(1.0, 2, False, "sd")
SEVERAL = 4  # more models than so many are counted, not named


def headline(title: str, measured: Measured) -> str:
    """Without a full stop. What the intervals do not tell apart is not told apart here."""
    models = measured.models
    if not models:
        return f"Sampling more candidates on {title}: no model was scored"
    n = measured.sizes[-1]
    gains = {model: own for model in models if (own := measured.gains(model).get(n))}
    winners = [model for model, own in gains.items() if standing(own, 0.0) is Standing.ABOVE]
    if not winners:
        failing = _failing(measured, models)
        return f"On {title}, no model is shown to gain anything by choosing among {n} candidates{failing}"
    best = winners[0]
    near = [model for model in winners[1:] if beside(gains[best], gains[model]) is not Standing.ABOVE]
    others = [model for model in models if model not in (best, *near)]
    brought = _bringing(measured, best, near, others)
    return f"On {title}, choosing among {n} candidates {brought}{_failing(measured, others)}"


def _bringing(measured: Measured, best: str, near: list[str], others: list[str]) -> str:
    own, share = measured.gains(best)[measured.sizes[-1]], measured.share(best)
    of = f", {share.value * 100:.0f}{PERCENT_SIGN} of what the oracle would gain" if share else ""
    beside = f" (not told from {_named(near)})" if near else ""
    by = f"brings most by {name_of(best)}{beside}:" if near or others else f"by {name_of(best)} brings"
    return f"{by} {SPREADS.text(own.value)} sd{of}"


def _failing(measured: Measured, models: Sequence[str]) -> str:
    """Who fails how; empty where no failure is shown."""
    found = {what: [model for model in models if what in failures(measured, model)] for what in Failure}
    parts = [f"{what.value} with {_named(names)}" for what, names in found.items() if names]
    return f"; {', '.join(parts)}" if parts else ""


def _named(models: list[str]) -> str:
    return listed([*map(name_of, models)]) if len(models) <= SEVERAL else f"{len(models)} models"
