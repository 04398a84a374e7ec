"""Panels of the page: a figure with its title. Forests of a metric by split, and the few-shot curves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from prefactor.evaluation.recovery import UTILITY_CORRELATION, WEIGHT_COSINE
from prefactor.reporting import figures
from prefactor.reporting.estimates import Estimate, Scale, scale_of
from prefactor.reporting.style import Style, method_name
from prefactor.reporting.tables import ACCURACY, DIFFERENCE, Contender, Key, Section
from prefactor.reporting.verdict import baseline

COIN = 0.5
COIN_LOG_LOSS = math.log(2)

Styles = Mapping[Contender, Style]


@dataclass(frozen=True)
class Panel:
    """A figure with what stands above it."""

    title: str
    drawing: Markup


def accuracy_panels(section: Section, styled: Styles) -> tuple[Panel, ...]:
    """Unseen and seen users; the line is BT's accuracy, or a coin's."""
    bt = baseline(section)
    panels = []
    for split in ("unseen", "seen"):
        common = section.get(bt, ACCURACY, split) if bt else None
        reference = common.value if common else COIN
        panels.append(_panel(section, styled, ACCURACY, split, reference, f"{split} users"))
    return tuple(panel for panel in panels if panel)


def difference_panels(section: Section, styled: Styles) -> tuple[Panel, ...]:
    """Paired differences from BT."""
    return _both_splits(section, styled, DIFFERENCE, 0.0, "minus BT, {} users")


def loss_panels(section: Section, styled: Styles) -> tuple[Panel, ...]:
    """Log-loss; the line is a coin's."""
    return _both_splits(section, styled, "log_loss", COIN_LOG_LOSS, "log-loss, {} users")


def recovery_panels(section: Section, styled: Styles) -> tuple[Panel, ...]:
    """Rank correlation with true utility, and the cosine with the true w; the line is that of knowing nothing."""
    orders = _both_splits(section, styled, UTILITY_CORRELATION, 0.0, "correlation with true utility, {} users")
    return *orders, *_both_splits(section, styled, WEIGHT_COSINE, 0.0, "cosine with true w, {} users")


def _both_splits(section: Section, styled: Styles, metric: str, reference: float, title: str) -> tuple[Panel, ...]:
    found = (_panel(section, styled, metric, split, reference, title.format(split)) for split in ("unseen", "seen"))
    return tuple(panel for panel in found if panel)


def few_shot_curve(section: Section, styled: Styles) -> Markup | None:
    """Accuracy on unseen users by number of reference pairs; None where there is none."""
    items = [*section.contenders(), *section.ceilings()]
    curves = []
    for item in items:
        points = section.shots(item)
        if points:
            mark = mark_of(section, item, styled, ACCURACY, "unseen")
            curves.append(figures.Curve(mark, tuple(shot for shot, _ in points), tuple(e for _, e in points)))
    if not curves:
        return None
    drawn = {(curve.mark.name, curve.mark.detail) for curve in curves}
    ceilings = [mark for mark in _marks(section, styled, ACCURACY, "unseen") if mark.style is None]
    flat = [mark for mark in ceilings if (mark.name, mark.detail) not in drawn and math.isfinite(mark.estimate.value)]
    words = f"{section.dataset}: accuracy on unseen users by number of reference pairs; a table below has the numbers"
    return figures.few_shot(curves, flat, f"{section.anchor}-few-shot", words)


def _panel(section: Section, styled: Styles, metric: str, split: str, reference: float, title: str) -> Panel | None:
    """One forest; all splits of a metric share their range. None if nothing is known."""
    marks = _marks(section, styled, metric, split)
    if not marks:
        return None
    scale = scale_of(metric)
    both = [mark.estimate for name in ("unseen", "seen") for mark in _marks(section, styled, metric, name)]
    limits = figures.limits_of(both, scale, include=[reference])
    name = f"{section.anchor}-{metric}-{split}"
    words = f"{section.dataset}, {title}: {spoken(marks, scale)}"
    return Panel(title.capitalize().replace("bt", "BT"), figures.forest(marks, scale, limits, reference, name, words))


def _marks(section: Section, styled: Styles, metric: str, split: str) -> list[figures.Mark]:
    items = [*section.contenders(), *section.ceilings()]
    return [mark_of(section, item, styled, metric, split) for item in items if section.get(item, metric, split)]


def mark_of(section: Section, item: Contender, styled: Styles, metric: str, split: str) -> figures.Mark:
    """A contender's row of a forest, or its curve's identity."""
    detail = " ".join(part for part in (item.variant, item.setting) if part)
    estimate = section.get(item, metric, split) or Estimate(math.nan)
    seeds = section.seeds.get(Key(item, metric, split), {})
    values = tuple(seeds[seed] for seed in sorted(seeds))
    return figures.Mark(method_name(item.method), detail, styled.get(item), estimate, values)


def spoken(marks: Sequence[figures.Mark], scale: Scale) -> str:
    """The figure for those who hear the page."""
    figures_of = ((mark, scale.text(mark.estimate.value), mark.estimate.interval(scale)) for mark in marks)
    return "; ".join(f"{mark.name} {mark.detail} {value} ({interval})" for mark, value, interval in figures_of)
