"""One section of the report: result rows and their context, made into what the template shows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from prefactor.reporting import curves, figures
from prefactor.reporting.context import DatasetFacts, Distribution, ReportContext
from prefactor.reporting.draws import DrawsView, view_of_draws
from prefactor.reporting.estimates import PERCENT, Estimate, Scale, scale_of
from prefactor.reporting.portrait import PortraitView, view_of_portrait
from prefactor.reporting.signal import sentences
from prefactor.reporting.style import Style, method_name
from prefactor.reporting.tables import (
    ACCURACY,
    DIFFERENCE,
    SPLITS,
    Contender,
    Key,
    Section,
    Table,
    accuracy_table,
    calibration_table,
    differences_from_vrf,
    few_shot_table,
    further_table,
    settings_table,
)
from prefactor.reporting.verdict import above_vrf, baseline, headline, verdict
from prefactor.trainings import Training

LEAKAGE = {
    "within-user": "no prompt or interaction of a user's evaluation pairs occurs among the same user's other pairs; "
    "other users may have met it",
    "global": "no evaluation prompt occurs anywhere in training, for any user",
    "items-within-user": "no text of a user's evaluation pairs occurs among the same user's other pairs; other users "
    "have judged it, and the model was trained on what they said",
    "items-global": "no text of an evaluation pair occurs anywhere in training, for any user",
    "pairs": "only the pairs are disjoint: the texts of evaluation pairs were met in training. These figures say "
    "less about new texts than those of any other rule",
}
TRAINED = {
    "trainable_parameters": "Trainable parameters",
    "best_step": "Step kept, by seed",
    "validation_accuracy": "Validation accuracy, %",
}
FORMS = {"attenuated": "with the reward's variance", "plain": "plain"}
GATES = {"tables": "The tables", "split": "The split"}
COIN = 0.5
COIN_LOG_LOSS = math.log(2)

Styles = Mapping[Contender, Style]


@dataclass(frozen=True)
class Panel:
    """A figure with what stands above it."""

    title: str
    drawing: Markup


@dataclass(frozen=True)
class TrainingView:
    """How one contender was trained: the curves, and per seed what came of it."""

    label: str
    style: Style
    drawing: Markup | None
    cells: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SplitLine:
    """A line of the split's table: who, how many, and pairs per user: known (C) and to predict (D), or both at once."""

    who: str
    users: str
    both: str
    known: str
    predicted: str


@dataclass(frozen=True)
class Check:
    """A gate that the data passed or not: its title, the path of its page (empty if there is none), what came out."""

    title: str
    page: str
    outcome: str


@dataclass(frozen=True)
class SignalView:
    """Do users differ at all: the null distribution with what was observed, and what it says."""

    drawing: Markup
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """All that the template shows of one section."""

    section: Section
    title: str
    verdicts: tuple[str, ...]
    panels: tuple[Panel, ...]
    differences: tuple[Panel, ...]
    above_vrf: tuple[str, ...]
    from_vrf: Table | None
    losses: tuple[Panel, ...]
    calibration: tuple[Panel, ...]
    calibration_table: Table | None
    error_by_shots: Table | None
    selective: tuple[Panel, ...]
    signal: SignalView | None
    accuracy: Table
    settings: Table | None
    further: Table | None
    curve: Markup | None
    curve_table: Table | None
    draws: DrawsView | None
    portrait: PortraitView | None
    trainings: tuple[TrainingView, ...]
    facts: DatasetFacts
    words: Markup | None
    pairs_per_user: Markup | None
    chosen_longer: str
    checks: tuple[Check, ...]
    split: tuple[SplitLine, ...]
    leakage: str
    embedding: tuple[tuple[str, str], ...]
    users: Mapping[str, int]
    pairs: Mapping[str, int]


def view_of(section: Section, styled: Styles, context: ReportContext) -> View:
    """Everything the page says about one section."""
    facts = context.datasets.get(section.dataset, DatasetFacts())
    verdicts = tuple(sentence for split in ("unseen", "seen") if (sentence := verdict(section, split)))
    portrait = facts.portraits.get(section.backbone)
    return View(
        section=section,
        title=headline(section, _validated(section, context.trainings)),
        verdicts=verdicts,
        panels=_accuracy_panels(section, styled),
        differences=_difference_panels(section, styled),
        above_vrf=above_vrf(section),
        from_vrf=differences_from_vrf(section, styled),
        losses=_loss_panels(section, styled),
        calibration=_reliability_panels(section, styled, context.trainings),
        calibration_table=calibration_table(section, styled),
        error_by_shots=few_shot_table(section, styled, "ece"),
        selective=_selective_panels(section, styled, context.trainings),
        signal=_signal(section, context),
        accuracy=accuracy_table(section, styled),
        settings=settings_table(section, styled),
        further=further_table(section, styled),
        curve=_curve(section, styled),
        curve_table=few_shot_table(section, styled),
        draws=view_of_draws(section, styled, _known(section, context.trainings)),
        portrait=view_of_portrait(portrait, section.anchor) if portrait else None,
        trainings=_trainings(section, styled, context.trainings),
        facts=facts,
        words=_distribution(section, facts.words, "words per response"),
        pairs_per_user=_distribution(section, facts.pairs_per_user, "pairs per user"),
        chosen_longer=_chosen_longer(facts),
        checks=_checks(facts),
        split=_split(facts.manifest),
        leakage=LEAKAGE.get(section.protocol, ""),
        embedding=tuple(_flat(facts.embeddings.get(section.backbone, {}))),
        users=_most(section, "n_users"),
        pairs=_most(section, "n_pairs"),
    )


def _accuracy_panels(section: Section, styled: Styles) -> tuple[Panel, ...]:
    bt = baseline(section)
    panels = []
    for split in ("unseen", "seen"):
        common = section.get(bt, ACCURACY, split) if bt else None
        reference = common.value if common else COIN
        panels.append(_panel(section, styled, ACCURACY, split, reference, f"{split} users"))
    return tuple(panel for panel in panels if panel)


def _difference_panels(section: Section, styled: Styles) -> tuple[Panel, ...]:
    names = {split: f"minus BT, {split} users" for split in ("unseen", "seen")}
    panels = (_panel(section, styled, DIFFERENCE, split, 0.0, name) for split, name in names.items())
    return tuple(panel for panel in panels if panel)


def _loss_panels(section: Section, styled: Styles) -> tuple[Panel, ...]:
    names = {split: f"log-loss, {split} users" for split in ("unseen", "seen")}
    panels = (_panel(section, styled, "log_loss", split, COIN_LOG_LOSS, name) for split, name in names.items())
    return tuple(panel for panel in panels if panel)


def _panel(section: Section, styled: Styles, metric: str, split: str, reference: float, title: str) -> Panel | None:
    """One forest; all splits of a metric share their range. None if nothing is known."""
    marks = _marks(section, styled, metric, split)
    if not marks:
        return None
    scale = scale_of(metric)
    both = [mark.estimate for name in ("unseen", "seen") for mark in _marks(section, styled, metric, name)]
    limits = figures.limits_of(both, scale, include=[reference])
    name = f"{section.anchor}-{metric}-{split}"
    words = f"{section.dataset}, {title}: {_spoken(marks, scale)}"
    return Panel(title.capitalize().replace("bt", "BT"), figures.forest(marks, scale, limits, reference, name, words))


def _marks(section: Section, styled: Styles, metric: str, split: str) -> list[figures.Mark]:
    items = [*section.contenders(), *section.ceilings()]
    return [_mark(section, item, styled, metric, split) for item in items if section.get(item, metric, split)]


def _mark(section: Section, item: Contender, styled: Styles, metric: str, split: str) -> figures.Mark:
    detail = " ".join(part for part in (item.variant, item.setting) if part)
    estimate = section.get(item, metric, split) or Estimate(math.nan)
    seeds = section.seeds.get(Key(item, metric, split), {})
    values = tuple(seeds[seed] for seed in sorted(seeds))
    return figures.Mark(method_name(item.method), detail, styled.get(item), estimate, values)


def _spoken(marks: Sequence[figures.Mark], scale: Scale) -> str:
    """The figure for those who hear the page."""
    figures_of = ((mark, scale.text(mark.estimate.value), mark.estimate.interval(scale)) for mark in marks)
    return "; ".join(f"{mark.name} {mark.detail} {value} ({interval})" for mark, value, interval in figures_of)


def _curve(section: Section, styled: Styles) -> Markup | None:
    items = [*section.contenders(), *section.ceilings()]
    curves = []
    for item in items:
        points = section.shots(item)
        if points:
            mark = _mark(section, item, styled, ACCURACY, "unseen")
            curves.append(figures.Curve(mark, tuple(shot for shot, _ in points), tuple(e for _, e in points)))
    if not curves:
        return None
    drawn = {(curve.mark.name, curve.mark.detail) for curve in curves}
    ceilings = [mark for mark in _marks(section, styled, ACCURACY, "unseen") if mark.style is None]
    flat = [mark for mark in ceilings if (mark.name, mark.detail) not in drawn and math.isfinite(mark.estimate.value)]
    words = f"{section.dataset}: accuracy on unseen users by number of reference pairs; a table below has the numbers"
    return figures.few_shot(curves, flat, f"{section.anchor}-few-shot", words)


def _signal(section: Section, context: ReportContext) -> SignalView | None:
    found = context.signals.get((section.dataset, section.backbone))
    if found is None or not found.null:
        return None
    said, unit = sentences(found.findings), "gain over one reward for all, nats per pair"
    observed = float(found.findings["gain"]["log_loss"])
    name = f"{section.anchor}-signal"
    return SignalView(curves.null_distribution(found.null, observed, unit, name, said[0]), said)


def _reliability_panels(section: Section, styled: Styles, trainings: Sequence[Training]) -> tuple[Panel, ...]:
    """Unseen users, in MacKay's form and plain, known by all their reference pairs."""
    panels = []
    for form, title in FORMS.items():
        lines = _lines(section, styled, trainings, "reliability", {"form": form}, ("confidence", "accuracy", "share"))
        name = f"{section.anchor}-reliability-{form}"
        words = f"{section.dataset}, unseen users: accuracy by confidence; a table below has the errors"
        if lines:
            panels.append(Panel(f"Unseen users, {title}", curves.reliability(lines, name, words)))
    return tuple(panels)


def _selective_panels(section: Section, styled: Styles, trainings: Sequence[Training]) -> tuple[Panel, ...]:
    """Unseen users: accuracy when pairs, or users, of least confidence are set aside."""
    panels = []
    for by in ("pairs", "users"):
        lines = _lines(section, styled, trainings, "selective", {"by": by}, ("coverage", "accuracy"))
        name, words = f"{section.anchor}-coverage-{by}", f"{section.dataset}: accuracy by the share of {by} kept"
        if lines:
            panels.append(Panel(f"Least confident {by} set aside", curves.coverage(lines, name, words)))
    return tuple(panels)


def _lines(
    section: Section,
    styled: Styles,
    trainings: Sequence[Training],
    table: str,
    wanted: Mapping[str, str],
    columns: tuple[str, ...],
) -> list[curves.Line]:
    """A line per contender from its table, unseen users with all their reference pairs."""
    lines = []
    for item, training in _known(section, trainings).items():
        rows = getattr(training, table)
        if not len(rows):
            continue
        rows = rows[(rows["split"] == "unseen") & rows["shots"].isna()]
        for name, value in wanted.items():
            rows = rows[rows[name] == value]
        mark = _mark(section, item, styled, ACCURACY, "unseen")
        lines.append(curves.Line(mark, *(tuple(map(float, rows[column])) for column in columns)))
    return lines


def _known(section: Section, trainings: Sequence[Training]) -> dict[Contender, Training]:
    """The trainings behind a section's contenders."""
    by_name = {
        (item.method, item.variant): item
        for item in trainings
        if (item.dataset, item.backbone) == (section.dataset, section.backbone)
    }
    return {item: by_name[item[:2]] for item in section.contenders() if item[:2] in by_name}


def _validated(section: Section, trainings: Sequence[Training]) -> dict[Contender, float]:
    """Validation accuracy of the contenders, mean over seeds."""
    return {item: training.validation_accuracy for item, training in _known(section, trainings).items()}


def _trainings(section: Section, styled: Styles, trainings: Sequence[Training]) -> tuple[TrainingView, ...]:
    known = _known(section, trainings)
    limits = _training_limits([*known.values()])
    return tuple(_training(section, item, styled[item], training, limits) for item, training in known.items())


def _training_limits(trainings: Sequence[Training]) -> tuple[float, float]:
    columns = [item.history.get(name) for item in trainings for name in _VALIDATION]
    values = [Estimate(float(value)) for column in columns if column is not None for value in column.dropna()]
    return figures.limits_of(values, PERCENT)


_VALIDATION = ("validation_users_accuracy", "validation_seen_accuracy")


def _training(
    section: Section, item: Contender, style: Style, training: Training, limits: tuple[float, float]
) -> TrainingView:
    kept: Mapping[str, Mapping[str, Any]] = training.summary.get("seeds", {})
    paths = _paths(training.history, kept)
    words = f"{item.label}: validation accuracy by step, one line per seed; kept steps: " + ", ".join(
        f"seed {seed} step {result.get('best_step', '?')}" for seed, result in kept.items()
    )
    name = f"{section.anchor}-training-{item.method}-{item.variant}"
    drawing = figures.training(paths, style.hex, limits, name, words) if paths else None
    cells = tuple(_over_seeds(kept, key) for key in TRAINED)
    return TrainingView(item.label, style, drawing, cells, tuple(_flat(training.summary.get("parameters", {}))))


def _over_seeds(kept: Mapping[str, Mapping[str, Any]], key: str) -> str:
    """One value for all seeds where they agree, else each seed's."""
    values = [result[key] for result in kept.values() if key in result]
    texts = [PERCENT.text(value) if "accuracy" in key else number(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def _paths(history: pd.DataFrame, kept: Mapping[str, Mapping[str, Any]]) -> list[figures.Path]:
    if not {"seed", "step", *_VALIDATION} <= set(history.columns):
        return []
    paths = []
    for seed, rows in history.dropna(subset=_VALIDATION).groupby("seed", sort=True):
        steps = tuple(int(step) for step in rows["step"])
        users, pairs = (tuple(map(float, rows[name])) for name in _VALIDATION)
        best = kept.get(str(seed), {}).get("best_step")
        paths.append(figures.Path(str(seed), steps, users, pairs, None if best is None else int(best)))
    return paths


def _distribution(section: Section, found: Distribution | None, unit: str) -> Markup | None:
    """A histogram; None where nothing is known or every value is the same."""
    if found is None or found.least == found.most:
        return None
    words = f"{unit}: median {found.median:,.0f}, 95 % at most {found.high:,.0f}, most {found.most:,.0f}"
    return figures.histogram(found.edges, found.counts, unit, f"{section.anchor}-{unit}", words)


def _chosen_longer(facts: DatasetFacts) -> str:
    """The share of pairs whose longer response was chosen, in percent; empty where the gate did not look."""
    share = facts.quality.get("tables", {}).get("observed", {}).get("label_balance", {}).get("chosen_longer")
    return "" if share is None else PERCENT.text(share)


def _checks(facts: DatasetFacts) -> tuple[Check, ...]:
    known = [gate for gate in GATES if gate in facts.pages or gate in facts.quality]
    return tuple(Check(GATES[gate], facts.pages.get(gate, ""), _outcome(facts.quality.get(gate, {}))) for gate in known)


def _outcome(result: Mapping[str, Any]) -> str:
    if "success" not in result:
        return ""
    passed = sum(suite.get("passed", 0) for suite in result.get("suites", {}).values())
    if not result["success"]:
        return "did not pass"
    return f"passed all {number(passed)} checks" if passed else "passed"


def _split(manifest: Mapping[str, Any]) -> tuple[SplitLine, ...]:
    """The layout of VRF's Table 3: who gives how many pairs to learn from, and how many to predict."""
    users, averages = manifest.get("users", {}), manifest.get("averages", {})
    lines = (
        ("Seen users, training", "seen", "seen training"),
        ("Seen users, evaluation", "seen", "seen evaluation"),
        ("Unseen users, evaluation", "unseen", "unseen"),
        ("Held-out users, for validation", "validation", "validation"),
    )
    return tuple(
        SplitLine(who, number(users[role]), *(_average(averages[name], of) for of in ("pairs", "C", "D")))
        for who, role, name in lines
        if users.get(role) and name in averages
    )


def _average(averages: Mapping[str, float], of: str) -> str:
    return f"{averages[of]:,.1f}" if of in averages else ""


def _most(section: Section, field: str) -> dict[str, int]:
    """Split -> users or pairs behind its accuracy (the most of any contender)."""
    found: dict[str, int] = {}
    for key, estimate in section.estimates.items():
        count = getattr(estimate, field)
        if key.metric == ACCURACY and key.shots is None and count is not None:
            found[key.split] = max(count, found.get(key.split, 0))
    return {split: found[split] for split in SPLITS if split in found}


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested parameters as dotted keys."""
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        pairs += _flat(value, f"{name}.") if isinstance(value, Mapping) else [(name, _exact(value))]
    return pairs


def _exact(value: Any) -> str:
    """A parameter as it was given, with separators in a large number."""
    plain = isinstance(value, bool) or not isinstance(value, (int, float))
    return str(value) if plain else f"{value:,}"


def number(value: Any) -> str:
    """Counts with separators, other numbers to one place, anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
