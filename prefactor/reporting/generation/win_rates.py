"""Whose texts users prefer to the base model's (Drift, Table 2; EXACT, Table 3), as each judge has it."""

from collections.abc import Sequence

from prefactor.evaluation.generation.defects import EMPTY, UNFINISHED
from prefactor.evaluation.generation.verdicts import BASE
from prefactor.evaluation.generation.win_rates import GAIN, GOLD, MALFORMED, MISSING, RAW_GAIN, TIES, WIN_RATE
from prefactor.reporting.estimates import PERCENT, POINTS, SIGNED, TO, Estimate
from prefactor.reporting.figures import Mark, forest, limits_of
from prefactor.reporting.generation.measured import Key, Measured
from prefactor.reporting.generation.names import name_of, style_of
from prefactor.reporting.name import Name
from prefactor.reporting.panels import Panel, spoken
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import COIN, COUNT, IN_SPREADS, TOLD_APART, cell, clauses
from prefactor.reporting.tables import Cell, Row, Table

MINUS = f"{WIN_RATE}_minus_"
COLUMNS = {
    WIN_RATE: ("Win rate, %", PERCENT),
    TIES: ("Ties, %", PERCENT),
    GAIN: ("Gain, sd", IN_SPREADS),
    RAW_GAIN: ("Gain in utility", SIGNED),
}
COUNTED = {MISSING: "Not judged", MALFORMED: "Malformed"}
DEFECTS = {EMPTY: "Empty texts", UNFINISHED: "Cut off"}
SPREADS = " Gains are in standard deviations of the user's utility over a pool of responses."
JUDGES = {GOLD: "gold utility"}
Found = Sequence[tuple[Key, Estimate]]


def judges(measured: Measured) -> list[str]:
    """Who judged texts, gold utility first."""
    return sorted(measured.values("judge", WIN_RATE, MISSING), key=lambda judge: (judge != GOLD, judge))


def judge_words(judge: str) -> str:
    """``gold utility``, or the judge model's name."""
    return JUDGES.get(judge, f"the judge {judge}")


def win_rate_parts(measured: Measured) -> tuple[Part, ...]:
    """A section for each judge."""
    return tuple(_part(measured, judge) for judge in judges(measured))


def verdict(measured: Measured, judge: str) -> tuple[str, ...]:
    """One sentence on who beats the base model, who is not shown to, who falls short."""
    parts = clauses(_won(measured, judge), COIN, "the base model", PERCENT)
    return (f"By {judge_words(judge)}: {'; '.join(parts) or 'nothing was judged'}.",)


def _won(measured: Measured, judge: str) -> dict[Name, Estimate]:
    return {name_of(key.method, key.setting): own for key, own in measured.find(WIN_RATE, judge=judge)}


def _brief(measured: Measured, judge: str) -> str:
    parts = clauses(_won(measured, judge), COIN, "the base model")
    return f"Texts by {judge_words(judge)}: {'; '.join(parts)}." if parts else ""


def _part(measured: Measured, judge: str) -> Part:
    won = measured.find(WIN_RATE, judge=judge)
    people = max((own.n_users or 0 for _, own in won), default=0)
    prompts = max((measured.prompts.get(key, 0) for key, _ in won), default=0)
    return Part(
        f"Win rate over the base model, by {judge_words(judge)}",
        "Each method and the base model answered the same prompts for the same users, with the same settings of "
        "sampling. The share of prompts where the method's text is the better one for the user, a tie being half, "
        f"averaged per user and then over users{_asked(people, prompts)}.",
        sentences=(*verdict(measured, judge), *_unjudged(measured, judge), *_paired(measured, judge)),
        panels=_forest(won, judge),
        brief=_brief(measured, judge),
        tables=(_table(measured, judge), *_differences(measured, judge)),
        note="The dotted line is half: a method that changes nothing. Equal texts, and utilities that differ by less "
        "than a billionth, are ties. Thick bars are 95 % intervals over users, thin lines over users and prompts; each "
        "method is tested by itself, so of twenty that change nothing one would be expected to seem to."
        + (SPREADS if measured.find(GAIN, judge=judge) else ""),
    )


def _asked(people: int, prompts: int) -> str:
    return f", at most {people:,} of them, with {prompts:,} prompts" if people and prompts else ""


def _forest(won: Found, judge: str) -> tuple[Panel, ...]:
    marks = [Mark(*name_of(key.method, key.setting), style_of(key.method), own) for key, own in won]
    if not marks:
        return ()
    limits = limits_of([mark.estimate for mark in marks], PERCENT, include=[COIN])
    said = f"win rate over the base model, %, by {judge_words(judge)}: {spoken(marks, PERCENT)}"
    drawing = forest(marks, PERCENT, limits, COIN, f"win-rates-{judge}", said)
    return (Panel("Win rate over the base model, %", drawing),)


def _table(measured: Measured, judge: str) -> Titled:
    asked = measured.find(WIN_RATE, judge=judge) or measured.find(MISSING, judge=judge)
    contenders = list(dict.fromkeys((key.method, key.setting) for key, _ in asked))
    columns = [metric for metric in COLUMNS if measured.find(metric, judge=judge)]
    defects = [metric for metric in DEFECTS if judge == judges(measured)[0] and measured.find(metric)]
    headings = [*(COLUMNS[metric][0] for metric in columns), "Users", *COUNTED.values()]
    headings += [DEFECTS[metric] for metric in defects]
    at = {key[:3]: own for key, own in measured.estimates.items()}
    rows = [
        Row(
            name_of(*item).label,
            style_of(item[0]),
            (
                *(_cell(metric, at.get((metric, *item))) for metric in columns),
                _users(at.get((MISSING, *item)) or at.get((WIN_RATE, *item))),
                *(_count(at.get((metric, *item))) for metric in COUNTED),
                *(_count(measured.one(metric, item[0])) for metric in defects),
            ),
        )
        for item in contenders
    ]
    return Titled("Method", Table(tuple(headings), tuple(rows), _base(measured, len(headings), defects)))


def _base(measured: Measured, width: int, defects: Sequence[str]) -> tuple[Row, ...]:
    """The base model's own texts may be empty or cut off too."""
    cells = tuple(_count(measured.one(metric, BASE)) for metric in defects)
    unknown = tuple(Cell(TO) for _ in range(width - len(cells)))
    return (Row(name_of(BASE).label, style_of(BASE), (*unknown, *cells)),) if cells else ()


def _cell(metric: str, estimate: Estimate | None) -> Cell:
    """Ties have no interval: they are no finding."""
    found = cell(estimate, COLUMNS[metric][1])
    return Cell(found.text, order=found.order) if metric == TIES else found


def _count(estimate: Estimate | None) -> Cell:
    return Cell(TO) if estimate is None else Cell(COUNT.text(estimate.value), order=estimate.value)


def _users(estimate: Estimate | None) -> Cell:
    """For how many a method wrote: what is dear writes for few."""
    number = estimate.n_users if estimate else None
    return Cell(TO) if number is None else Cell(f"{number:,}", order=float(number))


def _unjudged(measured: Measured, judge: str) -> tuple[str, ...]:
    """How many texts nobody judged, of how many; empty where all were."""
    lost = {name: measured.find(name, judge=judge) for name in COUNTED}
    missing, malformed = (int(sum(own.value for _, own in lost[name])) for name in COUNTED)
    asked = sum(own.n_pairs or 0 for _, own in lost[MISSING])
    if not missing + malformed:
        return ()
    return (
        f"Of {asked:,} texts {missing:,} were not judged and {malformed:,} got an answer that is no verdict; they "
        "count neither way.",
    )


def _references(measured: Measured, judge: str) -> list[str]:
    metrics = dict.fromkeys(key.metric for key in measured.estimates if key.metric.startswith(MINUS))
    return [metric.removeprefix(MINUS) for metric in metrics if measured.find(metric, judge=judge)]


def _paired(measured: Measured, judge: str) -> tuple[str, ...]:
    """Who is shown to win more often than a reference, on the same prompts, and who less often."""
    said = []
    for reference in _references(measured, judge):
        found = {name_of(k.method, k.setting): own for k, own in measured.find(f"{MINUS}{reference}", judge=judge)}
        parts = clauses(found, 0.0, "it", POINTS, TOLD_APART)
        told = "; ".join(parts) or "nobody is told apart from it"
        said.append(f"Prompt by prompt against {name_of(reference).words}: {told}.")
    return tuple(said)


def _differences(measured: Measured, judge: str) -> tuple[Titled, ...]:
    """One table: methods by references, in points."""
    references = _references(measured, judge)
    found = {name: measured.find(f"{MINUS}{name}", judge=judge) for name in references}
    contenders = list(dict.fromkeys((key.method, key.setting) for rows in found.values() for key, _ in rows))
    if not contenders:
        return ()
    at = {(name, key.method, key.setting): own for name, rows in found.items() for key, own in rows}
    rows = tuple(
        Row(name_of(*item).label, style_of(item[0]), tuple(cell(at.get((name, *item)), POINTS) for name in references))
        for item in contenders
    )
    headings = tuple(f"Minus {name_of(name).label}" for name in references)
    return (Titled("Points of win rate", Table(headings, rows), "Differences of win rates, prompt by prompt"),)
