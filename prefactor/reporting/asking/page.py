"""The page of interviews: curves of accuracy by questions, differences user by user, doubts, several at a time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from prefactor.asking.criteria import INFORMATION, RANDOM
from prefactor.atomic import write_text
from prefactor.evaluation.comparison import metric_name
from prefactor.reporting.asking.found import ACCURACY, STYLES, Found, Model, words_of
from prefactor.reporting.estimates import PERCENT, PLAIN, POINTS, Estimate, Scale
from prefactor.reporting.facts import flat
from prefactor.reporting.figures import Curve, Mark
from prefactor.reporting.lines import lines
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import COIN, cell, words
from prefactor.reporting.style import css_variables
from prefactor.reporting.tables import Row, Table
from prefactor.reporting.templates import environment

TEMPLATE = "page.html.j2"
DOUBTS = {
    "weight_entropy": "Entropy of the shares of bases, nats",
    "weight_spread": "Mean deviation of the weights",
    "sigma": "Published σ_u",
}
TOLD = 5  # questions that sentences are about, or the last number up to it
LEAD = (
    "Users of whom nothing is known answer questions from a pool, each chosen by what they answered before. Accuracy "
    "on their evaluation pairs, of prompts or items that no question is about."
)
NOTE = (
    "Bands, and the second interval in tables, are 95 % over users and what they share. They cover neither other pools "
    "nor other training seeds: figures are means over seeds, each with a pool of its own. Pairs that users came with "
    "are no questions: they tell by what they are about what those users care for."
)


def write_page(out: Path, title: str, rows: pd.DataFrame, about: Mapping[str, Any]) -> None:
    """Write the page of a dataset called ``title`` to ``out``, whole or not at all; the same input, the same bytes."""
    found = Found.of(rows)
    page = (
        environment(Path(__file__).parent)
        .get_template(TEMPLATE)
        .render(
            title=headline(title, found),
            parts=parts_of(found),
            briefs=[],
            left_out={},
            facts=flat(dict(about)),
            light=Markup(css_variables(dark=False)),
            dark=Markup(css_variables(dark=True)),
        )
    )
    write_text(out, page)


def headline(title: str, found: Found) -> str:
    """Without a full stop."""
    model, number = found.models[0], _told(found)
    well, blindly = (found.curve(model, asked).get(number) for asked in (INFORMATION, RANDOM))
    if well is None or blindly is None:
        return f"Questions put to users of {title}"
    shares = (f"{PERCENT.text(own.value)} %" for own in (well, blindly))
    right, less = shares
    return f"{title}: {number} questions chosen by information make {right} of choices foreseen, at random {less}"


def parts_of(found: Found) -> tuple[Part, ...]:
    """The sections for which there are figures."""
    parts = [_curves_part(found, model) for model in found.models]
    return tuple(part for part in (*parts, _shares_part(found), *_together_parts(found), _doubts_part(found)) if part)


def _curves_part(found: Found, model: Model) -> Part:
    asked = found.asked(model)
    drawn = [_curve(found, model, name) for name in asked]
    values = [*map(str, found.questions)]
    said = f"{model.name}: accuracy by number of questions; the table below has the numbers"
    drawing = lines(drawn, values, "questions", PERCENT, f"asked-{model.method}-{model.shares}", said, COIN)
    tables = [_table(found, model, asked, ACCURACY, PERCENT, "Accuracy, %")]
    for other in (RANDOM, "pref"):
        metric = metric_name(other)
        titled = _table(found, model, found.asked(model, metric), metric, POINTS, f"Minus {words_of(other)}, points")
        tables += [titled] if titled.table.rows else []
    panels = (Panel("Accuracy, %", drawing),)
    return Part(model.name, LEAD, _sentences(found, model), panels, tuple(tables), NOTE)


def _curve(found: Found, model: Model, asked: str) -> Curve:
    points = found.curve(model, asked)
    places = tuple(found.questions.index(number) for number in points)
    return Curve(Mark(_short(asked), "", STYLES[asked]), places, tuple(points.values()))


def _short(asked: str) -> str:
    """A criterion at the end of its curve."""
    return asked.replace("_", " ")


def _sentences(found: Found, model: Model) -> tuple[str, ...]:
    """What information gains over random questions, and over PReF's choice."""
    number = _told(found)
    own = found.curve(model, INFORMATION).get(number)
    if own is None:
        return ()
    said = [f"After {number} questions chosen by information {words(own, PERCENT)} of choices are foreseen."]
    for other in (RANDOM, "pref"):
        difference = found.curve(model, INFORMATION, metric_name(other)).get(number)
        if difference is not None:
            said.append(f"That less {words_of(other)}: {words(difference, POINTS)}.")
    return tuple(said)


def _shares_part(found: Found) -> Part | None:
    """What it is worth to know users by their answers alone."""
    metric = metric_name("trained")
    asked = {model: found.asked(model, metric) for model in found.models}
    tables = tuple(_table(found, model, names, metric, POINTS, "Points") for model, names in asked.items() if names)
    lead = (
        "Accuracy when users are known by their answers alone, less that of VRF as it was trained, whose encoder reads "
        "answers as it reads pairs that users came with."
    )
    return Part("Without the encoder", lead, tables=tables) if tables else None


def _together_parts(found: Found) -> list[Part]:
    parts = []
    for count in found.several:
        for model in found.models:
            asked, metric = found.asked(model, together=count), metric_name("one_by_one")
            if asked:
                tables = (
                    _table(found, model, asked, ACCURACY, PERCENT, "Accuracy, %", count),
                    _table(found, model, asked, metric, POINTS, "Minus one at a time, points", count),
                )
                lead = f"{count} questions are chosen before the first of them is answered, by {model.name}."
                parts.append(Part(f"{count} at a time", lead, tables=tables))
    return parts


def _doubts_part(found: Found) -> Part | None:
    """What a model itself says of its doubt."""
    tables = [
        _table(found, model, asked, metric, PLAIN, f"{name}: {model.name}")
        for metric, name in DOUBTS.items()
        for model in found.models
        if (asked := found.asked(model, metric))
    ]
    return Part("How uncertain users are", "Means over users; less is surer.", tables=tuple(tables)) if tables else None


def _table(
    found: Found, model: Model, asked: Sequence[str], metric: str, scale: Scale, first: str, together: int = 1
) -> Titled:
    curves: dict[str, dict[int, Estimate]] = {name: found.curve(model, name, metric, together) for name in asked}
    numbers = sorted({number for curve in curves.values() for number in curve})
    rows = tuple(
        Row(words_of(name), STYLES[name], tuple(cell(curve.get(number), scale) for number in numbers))
        for name, curve in curves.items()
    )
    return Titled(first, Table(tuple(map(str, numbers)), rows))


def _told(found: Found) -> int:
    return max((number for number in found.questions if number <= TOLD), default=0)
