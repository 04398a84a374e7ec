"""Every method where VRF is least and most sure of a user (VRF Figures 3b and 6b): drawn, in numbers, in a sentence."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prefactor.evaluation.ranking import THIRDS
from prefactor.evaluation.terciles import difference_metric, tercile_metric
from prefactor.reporting import figures
from prefactor.reporting.estimates import PERCENT, Estimate
from prefactor.reporting.panels import Panel, Styles, mark_of
from prefactor.reporting.tables import ACCURACY, Contender, Row, Section, Table, cell_of
from prefactor.reporting.verdict import difference_words, paired_words, unbroken

SPLIT = "unseen"
NAMES = dict(zip(THIRDS, ("least", "middle", "most"), strict=True))
AXIS = "third of unseen users by VRF's uncertainty, σ"
UNKNOWN = Estimate(math.nan)
Size = int | None  # known pairs; None for all of them
Place = tuple[Size, str]  # and which third


@dataclass(frozen=True)
class TercileView:
    """Sentences, a figure for each number of known pairs, and a table for each, with its name."""

    sentences: tuple[str, ...]
    panels: tuple[Panel, ...]
    tables: tuple[tuple[str, Table], ...]


def view_of_terciles(section: Section, styled: Styles) -> TercileView | None:
    """None where nothing is held against VRF on thirds of users."""
    sizes = _sizes(section)
    if not sizes:
        return None
    return TercileView(
        (_above(section, sizes), _claim(section, sizes), *_by_users_alone(section, sizes)),
        tuple(_panel(section, styled, size) for size in sizes),
        tuple((_caption(section, size), _table(section, styled, size)) for size in sizes),
    )


def _sizes(section: Section) -> list[Size]:
    """Numbers of known pairs, all of them last; a number at which all figures are those of all pairs is left out."""
    whole = _figures(section, None)
    shots = {key.shots for key in section.estimates if key.metric == difference_metric(THIRDS[0])}
    kept = sorted(size for size in shots if size is not None and _figures(section, size) != whole)
    return [*kept, *([None] if None in shots else [])]


def _figures(section: Section, size: Size) -> dict[tuple[Contender, str], Estimate]:
    metrics = {name(third) for third in THIRDS for name in (tercile_metric, difference_metric)}
    known = section.estimates.items()
    return {key[:2]: estimate for key, estimate in known if key.metric in metrics and key.shots == size}


def _judged(section: Section, size: Size) -> list[Contender]:
    return [item for item in section.contenders() if section.get(item, tercile_metric(THIRDS[0]), SPLIT, size)]


def _panel(section: Section, styled: Styles, size: Size) -> Panel:
    curves = [_curve(section, styled, item, size) for item in _judged(section, size)]
    words = (f"{curve.mark.name} {curve.mark.detail}: {_spoken(curve)}" for curve in curves)
    name = f"{section.anchor}-terciles-{'all' if size is None else size}"
    description = f"{section.dataset}, accuracy by {AXIS}, {_known(size)}. {'; '.join(words)}"
    title = _known(size)
    return Panel(f"{title[0].upper()}{title[1:]}", figures.by_bin(curves, [*NAMES.values()], AXIS, name, description))


def _curve(section: Section, styled: Styles, item: Contender, size: Size) -> figures.Curve:
    found = [section.get(item, tercile_metric(third), SPLIT, size) or UNKNOWN for third in THIRDS]
    return figures.Curve(mark_of(section, item, styled, ACCURACY, SPLIT), tuple(range(len(THIRDS))), tuple(found))


def _spoken(curve: figures.Curve) -> str:
    return ", ".join(f"{PERCENT.text(own.value)} ({own.interval(PERCENT)})" for own in curve.estimates)


def _table(section: Section, styled: Styles, size: Size) -> Table:
    metrics = [*map(tercile_metric, THIRDS), *map(difference_metric, THIRDS)]
    rows = (
        Row(item.label, styled.get(item), tuple(cell_of(section.get(item, m, SPLIT, size), m) for m in metrics))
        for item in _judged(section, size)
    )
    names = [name.capitalize() for name in NAMES.values()]
    return Table((*names, *(f"{name}, minus VRF" for name in names)), tuple(rows))


def _caption(section: Section, size: Size) -> str:
    name, counts = f"Accuracy, %, and points, {_known(size)}", []
    for item in _judged(section, size)[:1]:  # of all methods the same users
        found = (section.get(item, tercile_metric(third), SPLIT, size) for third in THIRDS)
        counts = [f"{own.n_users:,}" for own in found if own and own.n_users is not None]
    return f"{name}: {', '.join(counts)} users" if counts else name


def _above(section: Section, sizes: Sequence[Size]) -> str:
    """On which thirds whose paired interval lies above VRF."""
    paired = _paired(section, sizes)
    found = [f"{_at(item, place)} ({paired_words(own)})" for item, place, own in paired if own.widest.low > 0]
    thirds = f"Of {len(sizes) * len(THIRDS)} thirds, three each with {', '.join(map(_known, sizes))},"
    if not found:
        return f"{thirds} there is none on which another method's paired interval lies above {_vrf(section)}."
    return f"{thirds} above {_vrf(section)}: {'; '.join(found)}."


def _claim(section: Section, sizes: Sequence[Size]) -> str:
    """The paper says that VRF is above everyone on every third: on how many it is, and of whom it is not shown."""
    paired = [*_paired(section, sizes)]
    level = [(item, place) for item, place, own in paired if not own.widest.high < 0]
    clear = {place for _, place, _ in paired}.difference(place for _, place in level)
    first = f"{_vrf(section)}'s paired interval lies above every other method on"
    if not level:
        return f"{first} all of them."
    times = Counter(item for item, _ in level)
    rest = ", ".join(f"{unbroken(item.name)} on {count}" for item, count in times.most_common())
    return f"{first} {len(clear) or 'none'} of them; it does not lie above {rest}."


def _by_users_alone(section: Section, sizes: Sequence[Size]) -> tuple[str, ...]:
    """Whom the narrower interval would put above VRF is named too."""
    paired = _paired(section, sizes)
    found = [
        f"{_at(item, place)} ({difference_words(own)})" for item, place, own in paired if own.low > 0 >= own.widest.low
    ]
    by = f"By the interval over users alone, not by the wider one, above {_vrf(section)}"
    return (f"{by}: {'; '.join(found)}.",) if found else ()


def _paired(section: Section, sizes: Sequence[Size]) -> Iterator[tuple[Contender, Place, Estimate]]:
    """Differences from VRF, by number of pairs and then by third."""
    for size in sizes:
        for third in THIRDS:
            for item in section.contenders():
                own = section.get(item, difference_metric(third), SPLIT, size)
                if own is not None:
                    yield item, (size, third), own


def _at(item: Contender, place: Place) -> str:
    size, third = place
    where = "the middle third" if third == "mid" else f"the {NAMES[third]} uncertain third"
    return f"{unbroken(item.name)} on {where}, {_known(size)}"


def _known(size: Size) -> str:
    return "all reference pairs" if size is None else f"|C|\N{NO-BREAK SPACE}= {size}"


def _vrf(section: Section) -> str:
    return Contender("vrf", section.against_vrf).name
