"""What Best-of-N gains by each reward, against the oracle and against choosing blindly."""

from collections.abc import Sequence

from prefactor.evaluation.generation.best_of_n import BT, GAIN, ORACLE, RANDOM, RAW_GAIN, WIN_RATE
from prefactor.reporting.estimates import PERCENT, SIGNED, Estimate, Scale
from prefactor.reporting.figures import Curve, Mark
from prefactor.reporting.generation.measured import Measured
from prefactor.reporting.generation.names import name_of, style_of
from prefactor.reporting.lines import lines
from prefactor.reporting.name import Name
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import COIN, IN_SPREADS, TOLD_APART, cell, clauses
from prefactor.reporting.tables import Row, Table

Curves = dict[str, dict[str, Estimate]]  # by reward, then by N


def best_of_n_part(measured: Measured) -> Part | None:
    """None where there are no candidates to choose from."""
    gain = GAIN if measured.find(GAIN) else RAW_GAIN
    sizes = measured.values("n", gain)
    if not sizes:
        return None
    scale, unit = (IN_SPREADS, "standard deviations") if gain == GAIN else (SIGNED, "its own unit")
    gains, wins = _curves(measured, gain, sizes), _curves(measured, WIN_RATE, sizes)
    panels = [_panel("Gain in gold utility over a blind choice", gains, sizes, scale, 0.0)]
    panels += [_panel("Win rate over one sample, %", wins, sizes, PERCENT, COIN)] if wins else []
    return Part(
        "Best-of-N",
        "Of N texts sampled for a user's prompt the one of the highest reward is kept. The gold utility of what is "
        f"kept, above that of a text picked blindly, in {unit}: exactly what to expect over all ways to draw N of the "
        "candidates.",
        sentences=_verdict(measured, gain, sizes[-1], scale),
        panels=tuple(panels),
        brief=_brief(measured, gain, sizes[-1]),
        tables=(_table(gains, sizes, scale), *_differences(measured, gain, sizes, scale)),
        note="Bands are 95 % intervals over users, and over users and prompts where that one is wider. The oracle "
        "chooses by gold utility itself: it bounds what any reward can gain from these candidates.",
    )


def _curves(measured: Measured, metric: str, sizes: Sequence[str]) -> Curves:
    curves: Curves = {}
    for key, own in measured.find(metric):
        if key.parsed.get("n") in sizes:
            curves.setdefault(key.method, {})[key.parsed["n"]] = own
    return curves


def _panel(title: str, curves: Curves, sizes: Sequence[str], scale: Scale, reference: float) -> Panel:
    drawn = []
    for method, curve in curves.items():
        known = [size for size in sizes if size in curve]
        places = tuple(sizes.index(size) for size in known)
        if method != RANDOM:  # the dotted line
            drawn.append(Curve(Mark(*name_of(method), style_of(method)), places, tuple(curve[at] for at in known)))
    words = f"{title} by number of candidates; the table below has the numbers"
    return Panel(title, lines(drawn, sizes, "candidates, N", scale, f"best-of-n-{title}", words, reference))


def _table(curves: Curves, sizes: Sequence[str], scale: Scale) -> Titled:
    rows = [
        Row(name_of(method).label, style_of(method), tuple(cell(curve.get(size), scale) for size in sizes))
        for method, curve in curves.items()
        if method != RANDOM  # nothing, by what a gain is
    ]
    best = name_of(ORACLE).label
    rewards, ends = ([row for row in rows if (row.label == best) == is_end] for is_end in (False, True))
    return Titled("Gain", Table(tuple(f"N = {size}" for size in sizes), tuple(rewards), tuple(ends)))


def _differences(measured: Measured, gain: str, sizes: Sequence[str], scale: Scale) -> tuple[Titled, ...]:
    curves = _curves(measured, f"{gain}_minus_{BT}", sizes)
    rewards = {method: curve for method, curve in curves.items() if method not in (ORACLE, RANDOM)}
    rows = tuple(
        Row(name_of(method).label, style_of(method), tuple(cell(curve.get(size), scale) for size in sizes))
        for method, curve in rewards.items()
    )
    table = Table(tuple(f"N = {size}" for size in sizes), rows)
    return (Titled("Gain", table, f"Minus {name_of(BT).label}, prompt by prompt"),) if rows else ()


def _verdict(measured: Measured, gain: str, size: str, scale: Scale) -> tuple[str, ...]:
    """Whose choice is better than a blind one at the most candidates, and whose better than BT's."""
    parts = clauses(_rewards(measured, gain, size), 0.0, "a blind choice", scale)
    paired = _rewards(measured, f"{gain}_minus_{BT}", size)
    beside = clauses(paired, 0.0, "it", scale, TOLD_APART)
    found = [f"Of {size} candidates: {'; '.join(parts)}."] if parts else []
    common = f"Prompt by prompt against {name_of(BT).label}, everybody's reward"
    return (*found, *([f"{common}: {'; '.join(beside) or 'nobody is told apart from it'}."] if paired else []))


def _brief(measured: Measured, gain: str, size: str) -> str:
    paired = _rewards(measured, f"{gain}_minus_{BT}", size)
    other = f"{name_of(BT).label}'s choice" if paired else "a blind choice"
    parts = clauses(paired or _rewards(measured, gain, size), 0.0, other)
    return f"Choosing among {size} candidates: {'; '.join(parts)}." if parts else ""


def _rewards(measured: Measured, metric: str, size: str) -> dict[Name, Estimate]:
    return {name_of(k.method): own for k, own in measured.find(metric, n=size) if k.method not in (ORACLE, RANDOM)}
