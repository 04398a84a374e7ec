"""Language models of our own: what stage language-model found each to make of the attributes that are asked for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from prefactor import layout
from prefactor.errors import InputError
from prefactor.reading import read_json, read_object
from prefactor.reporting.estimates import PERCENT, TO, Estimate, Scale
from prefactor.reporting.figures import Mark, forest, limits_of
from prefactor.reporting.style import Style
from prefactor.reporting.tables import Cell, Row, Table
from prefactor.reporting.verdict import PERCENT_SIGN

BY_LINE = "By a line \N{LEFT DOUBLE QUOTATION MARK}Attributes:\N{RIGHT DOUBLE QUOTATION MARK}"
TRAINED, FOUND = "trained.json", "perplexity.json"
FIX = "rerun stage language-model"
COIN = 0.5
ALL = "all"  # of all attributes together
COUNTS = ("parameters", "vocabulary", "training_responses", "responses", "prompts", "tokens")
FIGURES = ("perplexity", "ratio", "nats_per_response", "ordered")
PERPLEXITY, RATIO, NATS = Scale(1.0, 3, False, ""), Scale(1.0, 4, False, ""), Scale(1.0, 2, True, "nats")
ROWS = {  # what is asked for: by system prompt, and by a line
    "Nothing": ("plain", "plain"),
    "Neutral": ("neutral", None),
    "A right attribute": ("system_right", "line_right"),
    "A wrong attribute": ("system_wrong", "line_wrong"),
}
CONDITIONS = {
    "plain": "nothing",
    "neutral": "the neutral system prompt",
    "system_right": "right attribute by system prompt",
    "system_wrong": "wrong attribute by system prompt",
    "line_right": "right attribute by a line",
    "line_wrong": "wrong attribute by a line",
}
RIGHT_AND_WRONG = {"system_right/system_wrong": "by system prompt", "line_right/line_wrong": "by a line"}


@dataclass(frozen=True)
class LanguageModel:
    """One model as the stage judged it on held-out ``responses`` to ``prompts``, of so many ``tokens``.

    ``perplexity`` by condition; ``ratio`` of perplexities and ``nats_per_response`` by two conditions, ``one/other``;
    ``ordered``, the share of pairs that it orders as an attribute's score does, by attribute and of ALL. Intervals are
    over prompts.
    """

    name: str
    dataset: str
    parameters: int
    vocabulary: int
    training_responses: int
    responses: int
    prompts: int
    tokens: int
    perplexity: Mapping[str, Estimate]
    ratio: Mapping[str, Estimate]
    nats_per_response: Mapping[str, Estimate]
    ordered: Mapping[str, Estimate]

    @property
    def attributes(self) -> dict[str, Estimate]:
        """The share of pairs by attribute, of those that any pair tells about; the best followed first."""
        known = {name: own for name, own in self.ordered.items() if name != ALL and math.isfinite(own.value)}
        return dict(sorted(known.items(), key=lambda item: (-item[1].value, item[0])))


@dataclass(frozen=True)
class LanguageModelView:
    """What the page shows of one: ``size`` in millions of parameters, sentences, two tables, the drawing."""

    model: LanguageModel
    size: str
    sentences: tuple[str, ...]
    perplexity: Table
    paired: Table
    drawing: Markup | None


def read_language_models(root: Path) -> tuple[LanguageModel, ...]:
    """Those that the stage left below ``root``; none where it left nothing. InputError for a file that is broken."""
    folder = root / layout.LANGUAGE_MODEL_REPORTS
    if not folder.is_dir():
        return ()
    names = read_json(folder / TRAINED, FIX)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{folder / TRAINED} must hold a list of names: {FIX}")
    return tuple(_read(folder / name / FOUND) for name in names)


def views_of_language_models(models: tuple[LanguageModel, ...]) -> tuple[LanguageModelView, ...]:
    """All of them as the page shows them."""
    return tuple(
        LanguageModelView(
            model=model,
            size=f"{model.parameters / 1e6:.1f}",
            sentences=(*_likelier(model), *_followed(model)),
            perplexity=_perplexity(model),
            paired=_paired(model),
            drawing=_drawing(model),
        )
        for model in models
    )


def _read(path: Path) -> LanguageModel:
    found = read_object(path, FIX)
    missing = [key for key in ("name", "dataset", *COUNTS, *FIGURES) if key not in found]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}: {FIX}")
    try:
        values: dict[str, Any] = {key: int(found[key]) for key in COUNTS}
        values |= {key: {name: _estimate(own) for name, own in found[key].items()} for key in FIGURES}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} holds something that is no figure ({error!r}): {FIX}") from error
    return LanguageModel(str(found["name"]), str(found["dataset"]), **values)


def _estimate(own: Mapping[str, Any]) -> Estimate:
    """The stage writes null where no pair or response counted."""
    value, low, high = (math.nan if own[end] is None else float(own[end]) for end in ("value", "low", "high"))
    return Estimate(value, low, high, n_pairs=int(own["n"]))


def _perplexity(model: LanguageModel) -> Table:
    rows = (
        Row(name, None, tuple(_cell(model.perplexity.get(at) if at else None, PERPLEXITY) for at in conditions))
        for name, conditions in ROWS.items()
    )
    return Table(("By system prompt", BY_LINE), tuple(rows))


def _paired(model: LanguageModel) -> Table:
    """Two conditions on the same responses: the ratio of perplexities, and how much likelier a response is."""
    rows = (
        Row(_against(pair), None, (_cell(ratio, RATIO), _cell(model.nats_per_response.get(pair), NATS)))
        for pair, ratio in model.ratio.items()
    )
    return Table(("Ratio of perplexities", "Likelier by, nats a response"), tuple(rows))


def _against(pair: str) -> str:
    one, _, other = pair.partition("/")
    words = f"{CONDITIONS.get(one, one)}, against {CONDITIONS.get(other, other)}"
    return words[:1].upper() + words[1:]


def _cell(estimate: Estimate | None, scale: Scale) -> Cell:
    if estimate is None or not math.isfinite(estimate.value):
        return Cell(TO)
    return Cell(scale.text(estimate.value), estimate.interval(scale), estimate.value)


def _drawing(model: LanguageModel) -> Markup | None:
    """The share of pairs by attribute, hollow where it is not shown to be above a coin's; None where none is known."""
    shares = {name: model.ordered[name] for name in (ALL, *model.attributes) if name in model.ordered}
    if not model.attributes:
        return None
    marks = [
        Mark(
            name if name != ALL else "all of them",
            f"{own.n_pairs:,} pairs",
            Style("grey" if name == ALL else "blue", open=not own.low > COIN),
            own,
        )
        for name, own in shares.items()
    ]
    limits = limits_of([*shares.values()], PERCENT, include=[COIN])
    said = "; ".join(f"{mark.name} {_percent(mark.estimate)}" for mark in marks)
    words = f"{model.name}: pairs ordered as the attribute's score, % [95 % interval]: {said}"
    return forest(marks, PERCENT, limits, COIN, f"language-model-{model.name}", words)


def _likelier(model: LanguageModel) -> tuple[str, ...]:
    """Whether asking for the right attribute tells, against asking for a wrong one."""
    found = {how: model.nats_per_response.get(pair) for pair, how in RIGHT_AND_WRONG.items()}
    known = {how: own for how, own in found.items() if own is not None and own.has_interval}
    if not known:
        return ()
    figures = " and ".join(f"{NATS.text(own.value)} nats [{own.interval(NATS)}] {how}" for how, own in known.items())
    shown = all(own.low > 0 for own in known.values())
    said = "Conditioning is visible" if shown else "That conditioning works in both ways is not shown"
    return (
        f"{said}: asked for an attribute that it has rather than for one that it lacks, a held-out response is "
        f"likelier by {figures}. Few of its words depend on any one attribute, so perplexities lie close together.",
    )


def _followed(model: LanguageModel) -> tuple[str, ...]:
    """Which attributes the model is shown to follow, and which not."""
    shares, whole = model.attributes, model.ordered.get(ALL)
    if not shares:
        return ()
    open_ = [name for name, own in shares.items() if not own.low > COIN and not own.high < COIN]
    against = [name for name, own in shares.items() if own.high < COIN]
    clear = len(shares) - len(open_) - len(against)
    begun = f"Of all pairs it orders {_percent(whole)} as the attribute's score does. " if whole else ""
    said = f"{begun}For {_count(clear, len(shares))} the interval lies above a coin's 50{PERCENT_SIGN}"
    no = f"; not shown to be followed, for the interval reaches 50{PERCENT_SIGN}: {', '.join(open_)}" if open_ else ""
    wrong = f"; ordered the wrong way round: {', '.join(against)}" if against else ""
    return (f"{said}{no}{wrong}.",)


def _count(clear: int, of: int) -> str:
    return f"all {of} attributes" if clear == of else f"{clear} of {of} attributes"


def _percent(own: Estimate) -> str:
    return f"{PERCENT.text(own.value)}{PERCENT_SIGN} [{own.interval(PERCENT)}]"
