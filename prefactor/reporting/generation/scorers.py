"""How well each method predicts users' choices between two responses, by how many of their pairs it knows."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from prefactor.evaluation.comparison import DIFFERENCES, metric_name
from prefactor.reporting.estimates import PERCENT, POINTS, Estimate
from prefactor.reporting.figures import Curve, Mark, few_shot
from prefactor.reporting.generation.measured import Key, Measured
from prefactor.reporting.generation.names import name_of, style_of
from prefactor.reporting.name import Name
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import COIN, TOLD_APART, Standing, cell, clauses
from prefactor.reporting.tables import Row, Table

ACCURACY = "accuracy"
VARIED = {"m": None, "k": None, "topic_shift": None}  # what other sections are about
EVERYBODY = {**VARIED, "users": None}  # and who was trained on single people has a section of the few of them
ALL_PAIRS = "all"
Setting = Mapping[str, str | None]
Curves = Mapping[tuple[str, str], Mapping[int | None, Estimate]]  # by method and setting, then by known pairs


def scorers_part(measured: Measured) -> Part | None:
    """All users; None where nothing predicted pairs."""
    return _part(measured, EVERYBODY, "Predicting choices", "")


def few_users_part(measured: Measured) -> Part | None:
    """The few for whom something of their own was trained, with the others beside it on just them; None without."""
    few = measured.values("users", ACCURACY)
    if not few:
        return None
    lead = f" Here are the {few[0]} users for whom models of their own were trained, and every method on just them."
    return _part(measured, {**VARIED, "users": few[0]}, "Beside models trained for single users", lead)


def _part(measured: Measured, setting: Setting, title: str, lead: str) -> Part | None:
    curves = _by_contender(measured.find(ACCURACY, **setting))
    if not curves:
        return None
    shots = _shots(curves)
    drawing = _drawing(curves)
    return Part(
        title,
        "The share of held-out choices between two responses that a method gets right, averaged per user and then "
        "over users nobody was trained on, whose first |C| pairs are known; a tie is half right. All methods are asked "
        f"about the same users and pairs.{lead}",
        sentences=(*_verdict(curves, shots[-1]), *_paired(measured, setting)),
        panels=(Panel("Accuracy, %, by number of known pairs", drawing),) if drawing else (),
        brief="" if lead else _brief(curves, shots[-1]),
        tables=(_accuracies(curves, shots), *_differences(measured, setting)),
        note="Intervals are of 95 %, over users, and in italics over users and the prompts that they share. What is "
        "claimed clears the wider one.",
    )


def by_contender_words(known: int | None) -> str:
    """``known by 40 pairs``."""
    return "known by all their pairs" if known is None else f"known by {known} pair{'s' if known != 1 else ''}"


def _by_contender(found: Sequence[tuple[Key, Estimate]]) -> Curves:
    curves: dict[tuple[str, str], dict[int | None, Estimate]] = {}
    for key, estimate in found:
        curves.setdefault((key.method, key.setting), {})[key.shots] = estimate
    return curves


def _shots(curves: Curves) -> list[int | None]:
    """Every number of known pairs, ascending, all of them last."""
    every = {shots for curve in curves.values() for shots in curve}
    return [*sorted(number for number in every if number is not None), *([None] if None in every else [])]


def _drawing(curves: Curves) -> Markup | None:
    """Contenders with at least two points."""
    drawn = []
    for (method, setting), curve in curves.items():
        numbers = sorted(number for number in curve if number is not None)
        if len(numbers) > 1:
            mark = Mark(*name_of(method, setting), style_of(method))
            drawn.append(Curve(mark, tuple(numbers), tuple(curve[number] for number in numbers)))
    words = "accuracy on unseen users by number of known pairs; the table below has the numbers"
    return few_shot(drawn, [], "scorers", words) if drawn else None


def _accuracies(curves: Curves, shots: Sequence[int | None]) -> Titled:
    rows = tuple(
        Row(
            name_of(method, setting).label,
            style_of(method),
            tuple(cell(curve.get(number), PERCENT) for number in shots),
        )
        for (method, setting), curve in curves.items()
    )
    return Titled("Accuracy, %", Table(tuple(_heading(number) for number in shots), rows))


def _heading(number: int | None) -> str:
    return ALL_PAIRS.capitalize() if number is None else f"|C| = {number}"


def _verdict(curves: Curves, known: int | None) -> tuple[str, ...]:
    """Who predicts better than a coin, of those who know the most pairs."""
    parts = clauses(_of(curves, known), COIN, "a coin", PERCENT)
    return (f"Of users {by_contender_words(known)}: {'; '.join(parts)}.",)


def _brief(curves: Curves, known: int | None) -> str:
    parts = clauses(_of(curves, known), COIN, "a coin")
    return f"Predicting choices of users {by_contender_words(known)}: {'; '.join(parts)}."


def _of(curves: Curves, known: int | None) -> dict[Name, Estimate]:
    return {name_of(*item): curve[known] for item, curve in curves.items() if known in curve}


def _references(measured: Measured, setting: Setting) -> list[str]:
    """The scorers that others are held against."""
    metrics = dict.fromkeys(key.metric for key in measured.estimates if key.metric.startswith(DIFFERENCES))
    return [metric.removeprefix(DIFFERENCES) for metric in metrics if measured.find(metric, **setting)]


def _paired(measured: Measured, setting: Setting) -> tuple[str, ...]:
    return tuple(_against(measured, name, setting) for name in _references(measured, setting))


def _against(measured: Measured, reference: str, setting: Setting) -> str:
    """Who is above and below a reference, user by user, of those who know the most pairs."""
    curves = _by_contender(measured.find(metric_name(reference), **setting))
    most = _shots(curves)[-1]
    found = _of(curves, most)
    parts = clauses(found, 0.0, "it", POINTS, TOLD_APART) + clauses(found, 0.0, "it", told=[Standing.OPEN])
    return f"User by user against {name_of(reference).words}, {by_contender_words(most)}: {'; '.join(parts)}."


def _differences(measured: Measured, setting: Setting) -> tuple[Titled, ...]:
    return tuple(_table(measured, reference, setting) for reference in _references(measured, setting))


def _table(measured: Measured, reference: str, setting: Setting) -> Titled:
    curves = _by_contender(measured.find(metric_name(reference), **setting))
    shots = _shots(curves)
    rows = tuple(
        Row(name_of(*item).label, style_of(item[0]), tuple(cell(curve.get(number), POINTS) for number in shots))
        for item, curve in curves.items()
    )
    label = name_of(reference).label
    return Titled("Points", Table(tuple(map(_heading, shots)), rows), f"Minus {label}, user by user")
