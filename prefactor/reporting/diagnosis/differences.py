"""Models against one another, user by user: who collapses less, whose queries are hacked less."""

from collections.abc import Iterator

from prefactor.reporting.diagnosis.measured import Measured, scaled
from prefactor.reporting.diagnosis.names import VARIANT, Styles, name_of
from prefactor.reporting.diagnosis.quantities import ALPHA, BETA, MINUS, PLUS, RHO
from prefactor.reporting.estimates import POINTS, SIGNED, Estimate, Scale
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import IN_SPREADS, Standing, cell, standing, words
from prefactor.reporting.tables import Row, Table

COLUMNS: dict[str, tuple[str, Scale]] = {
    "collapse_rate_minus": (f"{ALPHA}, points", POINTS),
    "hacking_rate_minus": (f"{BETA}, points", POINTS),
    "hacking_rate_corrected_minus": (f"{BETA} corrected, points", POINTS),
    "healthy_correlation_minus": (PLUS, SIGNED),
    "hacked_correlation_minus": (MINUS, SIGNED),
    "correlation_minus": (f"Mean {RHO}", SIGNED),
}
GAIN_MINUS = "gain_minus"
ASKED = {
    "collapse_rate_minus": "fewer collapsed users",
    "hacking_rate_minus": "fewer hacked queries",
    "hacking_rate_corrected_minus": "fewer once noise is taken out",
}
LEARNED_VARIANCE = {("prob", "det"), ("prob_global", "det_global")}  # differ, in one variant, in that alone
ANSWERS = {Standing.BELOW: "yes", Standing.ABOVE: "no, more", Standing.OPEN: "cannot tell"}
Pair = tuple[str, str]


def differences_part(measured: Measured, styles: Styles) -> Part | None:
    """None where no model was held against another."""
    pairs = _pairs(measured)
    if not pairs:
        return None
    return Part(
        "Models against one another",
        "Each figure of one model less the other's, user by user and on the same queries.",
        sentences=tuple(_answer(measured, pair) for pair in pairs),
        tables=(_table(measured, pairs, styles),),
        note="Yes and no are said where the wider of two 95 % intervals does not reach 0. Below 0 is better for "
        f"{ALPHA}, {BETA} and {MINUS}, above 0 for the rest.",
    )


def verdict(measured: Measured, pair: Pair) -> dict[str, Standing]:
    """By metric of ASKED, where the difference lies beside 0."""
    found = {metric: measured.one(pair[0], metric, pair[1]) for metric in ASKED}
    return {metric: standing(own, 0.0) for metric, own in found.items() if own is not None}


def _pairs(measured: Measured) -> list[Pair]:
    found = [(key.model, key.law) for key in measured.estimates if key.metric in COLUMNS or key.metric == GAIN_MINUS]
    return sorted(dict.fromkeys(found), key=lambda pair: (not _of_variance(pair), pair))


def _of_variance(pair: Pair) -> bool:
    (own, _, variant), (other, _, others) = (name.partition(VARIANT) for name in pair)
    return (own, other) in LEARNED_VARIANCE and variant == others


def _answer(measured: Measured, pair: Pair) -> str:
    own, other = map(name_of, pair)
    question = f"{own} against {other}"
    if _of_variance(pair):
        question = f"Does the learned variance reduce collapse and hacking? {question}"
    return f"{question}: {'; '.join([*_answers(measured, pair), *_gained(measured, pair)])}."


def _answers(measured: Measured, pair: Pair) -> Iterator[str]:
    for metric, where in verdict(measured, pair).items():
        own = measured.one(pair[0], metric, pair[1])
        if own is not None:
            yield f"{ASKED[metric]}: {ANSWERS[where]} ({words(own, POINTS)})"


def _gained(measured: Measured, pair: Pair) -> Iterator[str]:
    gained = _gain(measured, pair)
    if gained is not None:
        said = {Standing.ABOVE: "yes", Standing.BELOW: "no, less", Standing.OPEN: "cannot tell"}
        yield f"more gain at N = {measured.sizes[-1]}: {said[standing(gained, 0.0)]} ({words(gained, IN_SPREADS)})"


def _gain(measured: Measured, pair: Pair) -> Estimate | None:
    own = measured.one(pair[0], GAIN_MINUS, pair[1], measured.sizes[-1])
    return None if own is None else scaled(own, 1 / measured.spread)


def _table(measured: Measured, pairs: list[Pair], styles: Styles) -> Titled:
    rows = tuple(
        Row(
            f"{name_of(own)} − {name_of(other)}",
            styles.get(own),
            (
                *(cell(measured.one(own, metric, other), scale) for metric, (_, scale) in COLUMNS.items()),
                cell(_gain(measured, (own, other)), IN_SPREADS),
            ),
        )
        for own, other in pairs
    )
    headings = (*(heading for heading, _ in COLUMNS.values()), f"Gain at N = {measured.sizes[-1]}, sd")
    return Titled("Difference", Table(headings, rows))
