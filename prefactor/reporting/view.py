"""One section of the report: result rows and their context, made into what the template shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from prefactor.evaluation.recovery import RECOVERY
from prefactor.reporting.context import DatasetFacts, ReportContext
from prefactor.reporting.data import (
    LEAKAGE,
    Check,
    SplitLine,
    checks,
    chosen_longer,
    distribution,
    embedding,
    most_behind,
    split_lines,
)
from prefactor.reporting.doubts import DoubtView, view_of_doubts
from prefactor.reporting.draws import DrawsView, view_of_draws
from prefactor.reporting.encoder import vrf_and_eb
from prefactor.reporting.halves import halves_table, pooled_with
from prefactor.reporting.latency import LatencyView, view_of_latency
from prefactor.reporting.panels import (
    Panel,
    Styles,
    accuracy_panels,
    difference_panels,
    few_shot_curve,
    loss_panels,
    recovery_panels,
)
from prefactor.reporting.portrait import NoTaste, PortraitView, view_of_portrait
from prefactor.reporting.probabilities import reliability_panels, selective_panels
from prefactor.reporting.sensitivity import VariantsView, view_of_variants
from prefactor.reporting.signal import SignalView, view_of_signal
from prefactor.reporting.slices import SlicesView, view_of_slices
from prefactor.reporting.tables import (
    ACCURACY,
    FROM_VRF,
    Section,
    Table,
    accuracy_table,
    by_condition,
    calibration_table,
    differences_from_vrf,
    few_shot_table,
    further_table,
    metric_name,
    settings_table,
)
from prefactor.reporting.terciles import TercileView, view_of_terciles
from prefactor.reporting.training import TrainingView, size_table, training_views, trainings_of, validated
from prefactor.reporting.verdict import BASELINE, above_vrf, headline, verdict, vrf_and

SPLITS = ("unseen", "seen", "overall")  # in the order that sentences are read in

SIZES = {"trained": "Trained, in all steps together", "kept": "Kept in the saved model"}


@dataclass(frozen=True)
class View:
    """All that the template shows of one section.

    ``pooled``: where it is one half of the same people, both halves together; the sentences are about them first.
    ``halves``: where it is both together, a metric's name and each half beside both.
    """

    section: Section
    pooled: Section | None
    halves: tuple[tuple[str, Table], ...]
    title: str
    verdicts: tuple[str, ...]
    panels: tuple[Panel, ...]
    differences: tuple[Panel, ...]
    above_vrf: tuple[str, ...]
    vrf_and_bt: tuple[str, ...]
    vrf_and_eb: tuple[str, ...]
    from_vrf: Table | None
    losses: tuple[Panel, ...]
    calibration: tuple[Panel, ...]
    calibration_table: Table | None
    error_by_shots: Table | None
    selective: tuple[Panel, ...]
    doubts: DoubtView | None
    terciles: TercileView | None
    slices: SlicesView | None
    recovery: tuple[Panel, ...]
    recovery_tables: tuple[tuple[str, Table], ...]
    signal: SignalView | None
    accuracy: Table
    settings: Table | None
    further: Table | None
    curve: Markup | None
    curve_table: Table | None
    draws: DrawsView | None
    variants: VariantsView | None
    portrait: PortraitView | None
    no_taste: NoTaste | None
    latency: LatencyView | None
    trainings: tuple[TrainingView, ...]
    sizes: tuple[tuple[str, Table], ...]
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


def view_of(section: Section, styled: Styles, context: ReportContext, found: Sequence[Section] = ()) -> View:
    """Everything the page says about one section; ``found`` are all of the page's."""
    pooled = pooled_with(section, found)
    about = (pooled, section) if pooled else (section,)  # what is said, of the most people first
    facts = context.datasets.get(section.dataset, DatasetFacts())
    found_portrait, known = facts.portraits.get(section.backbone), trainings_of(section, context.trainings)
    portrait = view_of_portrait(found_portrait, section.anchor) if found_portrait else None
    return View(
        section=section,
        pooled=pooled,
        halves=_halves(section, styled, found),
        title=headline(about[0], validated(about[0], context.trainings)),
        verdicts=tuple(words for at in about for split in SPLITS if (words := verdict(at, split))),
        panels=accuracy_panels(section, styled),
        differences=difference_panels(section, styled),
        above_vrf=tuple(sentence for at in about for sentence in above_vrf(at)),
        vrf_and_bt=tuple(sentence for at in about if (sentence := vrf_and(at, BASELINE))),
        vrf_and_eb=vrf_and_eb(about, facts.timings.get(section.backbone)),
        from_vrf=differences_from_vrf(section, styled),
        losses=loss_panels(section, styled),
        calibration=reliability_panels(section, styled, context.trainings),
        calibration_table=calibration_table(section, styled),
        error_by_shots=few_shot_table(section, styled, "ece"),
        selective=selective_panels(section, styled, context.trainings),
        doubts=view_of_doubts(section, styled),
        terciles=view_of_terciles(section, styled),
        slices=view_of_slices(section, styled, context.parameters),
        recovery=recovery_panels(section, styled),
        recovery_tables=_recovery_tables(section, styled),
        signal=view_of_signal(section, context),
        accuracy=accuracy_table(section, styled),
        settings=settings_table(section, styled),
        further=further_table(section, styled),
        curve=few_shot_curve(section, styled),
        curve_table=few_shot_table(section, styled),
        draws=view_of_draws(section, styled, known),
        variants=view_of_variants(section, styled, known),
        portrait=portrait if isinstance(portrait, PortraitView) else None,
        no_taste=portrait if isinstance(portrait, NoTaste) else None,
        latency=view_of_latency(section, styled, facts.timings.get(section.backbone)),
        trainings=training_views(section, styled, context.trainings),
        sizes=tuple(
            (words, table)
            for count, words in SIZES.items()
            if (table := size_table(section, styled, context.trainings, count))
        ),
        facts=facts,
        words=distribution(section, facts.words, "words per response"),
        pairs_per_user=distribution(section, facts.pairs_per_user, "pairs per user"),
        chosen_longer=chosen_longer(facts),
        checks=checks(facts),
        split=split_lines(facts.manifest),
        leakage=LEAKAGE.get(section.protocol, ""),
        embedding=embedding(facts.embeddings.get(section.backbone, {})),
        users=most_behind(section, "n_users"),
        pairs=most_behind(section, "n_pairs"),
    )


def _halves(section: Section, styled: Styles, found: Sequence[Section]) -> tuple[tuple[str, Table], ...]:
    parts = [other for name in section.halves for other in found if _is_half(other, name, section)]
    if len(parts) < len(section.halves) or not parts:
        return ()
    tables = {"Accuracy, %": ACCURACY, "Minus VRF, points": FROM_VRF}
    named = ((words, halves_table(section, parts, styled, metric)) for words, metric in tables.items())
    return tuple((words, table) for words, table in named if table.rows)


def _is_half(other: Section, name: str, section: Section) -> bool:
    return (other.dataset, other.protocol, other.backbone) == (name, section.protocol, section.backbone)


def _recovery_tables(section: Section, styled: Styles) -> tuple[tuple[str, Table], ...]:
    """Rewards and their w against the true ones, where the truth is known: a table of each figure, with its name."""
    tables = ((metric_name(metric), by_condition(section, styled, section.contenders(), metric)) for metric in RECOVERY)
    return tuple((name, table) for name, table in tables if table is not None)
