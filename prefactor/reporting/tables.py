"""Result rows -> what the page shows: sections, contenders in order, cells with intervals."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from prefactor.errors import InputError
from prefactor.evaluation import comparison
from prefactor.evaluation.comparison import BASE, DIFFERENCES
from prefactor.evaluation.halves import halves_of
from prefactor.evaluation.ranking import THIRDS, metric_of, third_metric
from prefactor.evaluation.recovery import RECOVERY, UTILITY_CORRELATION, WEIGHT_COSINE, WEIGHT_DISTANCE
from prefactor.evaluation.results import ALL_SEEDS
from prefactor.evaluation.slices import BY_ATTRIBUTE, FROM_OTHERS
from prefactor.reporting.estimates import TO, Estimate, scale_of, whole
from prefactor.reporting.style import Style, method_colours, method_name

IDENTITY = ["dataset", "protocol", "backbone", "method", "variant", "setting", "seed", "split", "shots", "metric"]
COLUMNS = [*IDENTITY, "value", "ci_low", "ci_high", "n_users", "n_pairs", "run"]
SHARED = ["low_items", "high_items", "resampled"]  # which a row need not have
SPLITS = ("seen", "unseen", "overall")
ACCURACY = "accuracy"
DIFFERENCE = comparison.metric_name("bt")
FROM_VRF = comparison.metric_name("vrf")
FROM_BASE = comparison.metric_name(BASE)  # of a variant from what it is a variant of
RATED = "true ratings"  # the oracle's variant on rated items
AGAINST = "against="  # in the setting of a paired difference: the variant it was taken from
METRIC_NAMES = {
    ACCURACY: "Accuracy, %",
    DIFFERENCE: "Accuracy minus BT, points",
    FROM_VRF: "Accuracy minus VRF, points",
    FROM_BASE: "Accuracy minus its base's, points",
    "log_loss": "Log-loss, nats",
    "log_loss_plain": "Log-loss, plain",
    "brier": "Brier score",
    "brier_plain": "Brier score, plain",
    "ece": "Calibration error, %",
    "ece_plain": "Calibration error, plain, %",
    UTILITY_CORRELATION: "Correlation with true utility",
    WEIGHT_COSINE: "Cosine with true w",
    WEIGHT_DISTANCE: "Distance from true w",
}
OF_DOUBTS = (metric_of(""), *(third_metric(third, "") for third in THIRDS))  # what metrics of uncertainties begin with
CALIBRATION = ("ece", "ece_plain", "brier", "brier_plain", "log_loss", "log_loss_plain")


class Contender(NamedTuple):
    """What is scored: a method in a variant and, beyond the default, a setting."""

    method: str
    variant: str
    setting: str = ""

    @property
    def label(self) -> str:
        """E.g. ``VRF · default``."""
        return " \N{MIDDLE DOT} ".join(part for part in (method_name(self.method), *self[1:]) if part)

    @property
    def name(self) -> str:
        """For a sentence: ``VRF``, or ``VRF (faithful)`` where it is not the default."""
        rest = ", ".join(part for part in self[1:] if part and part != "default")
        return f"{method_name(self.method)} ({rest})" if rest else method_name(self.method)

    @property
    def is_ceiling(self) -> bool:
        """An oracle knows what no method can: it bounds the others and does not compete."""
        return self.method == "oracle"


class Key(NamedTuple):
    """Which figure of a contender; ``shots`` is None for all reference pairs."""

    contender: Contender
    metric: str
    split: str
    shots: int | None = None


class Group(NamedTuple):
    """Which figure of a contender on the users who share a value of an attribute."""

    contender: Contender
    metric: str
    attribute: str
    split: str
    group: str


@dataclass(frozen=True)
class Section:
    """All rows of one dataset under one backbone, by key: means over seeds, and each seed's own value.

    ``against`` and ``against_vrf`` are the variants of BT and VRF that other methods' paired differences were taken
    from; empty where there are none. ``bases``: the variant that a variant's paired difference from its base was taken
    from. ``shares``: what users share, ``prompts`` or ``items``, where intervals account for it. ``groups`` are figures
    on users who share a value of an attribute, which are none of the contender's own.
    """

    dataset: str
    protocol: str
    backbone: str
    estimates: Mapping[Key, Estimate]
    seeds: Mapping[Key, Mapping[str, float]]
    against: str = ""
    against_vrf: str = ""
    bases: Mapping[Contender, str] = field(default_factory=dict)
    shares: str = ""
    groups: Mapping[Group, Estimate] = field(default_factory=dict)

    @property
    def halves(self) -> tuple[str, ...]:
        """The datasets that are pooled here; none for a dataset of its own."""
        return halves_of(self.dataset)

    @property
    def of(self) -> str:
        """What the figures are of, for a sentence: the dataset, or both halves of the first one."""
        return f"both halves of {self.halves[0]}" if self.halves else self.dataset

    @property
    def anchor(self) -> str:
        """Its place in the page's address."""
        text = f"{self.dataset}-{self.backbone}-{self.protocol}".lower()
        return "".join(letter if letter.isalnum() else "-" for letter in text).strip("-")

    def get(self, contender: Contender, metric: str, split: str, shots: int | None = None) -> Estimate | None:
        """The mean over seeds, or None if there is no such row."""
        return self.estimates.get(Key(contender, metric, split, shots))

    def everyone(self) -> list[Contender]:
        """All contenders and ceilings, highest overall accuracy first."""
        found = {key.contender for key in [*self.estimates, *self.seeds]}
        return sorted(found, key=lambda contender: (self._rank(contender), contender))

    def contenders(self) -> list[Contender]:
        """The methods in their default setting (in every setting where there is no default)."""
        methods = [contender for contender in self.everyone() if not contender.is_ceiling]
        return [contender for contender in methods if not contender.setting] or methods

    def others(self) -> list[Contender]:
        """Methods in further settings: ablations and the like."""
        return [item for item in self.everyone() if not item.is_ceiling and item not in self.contenders()]

    def ceilings(self) -> list[Contender]:
        """The oracles."""
        return [contender for contender in self.everyone() if contender.is_ceiling]

    @property
    def rated(self) -> bool:
        """Whether a ceiling is told true ratings, whose number its ``shots`` then are."""
        return any(item.variant == RATED for item in self.ceilings())

    def seed_names(self) -> list[str]:
        """All seeds, in order."""
        names = {seed for values in self.seeds.values() for seed in values}
        return sorted(names, key=lambda name: (len(name), name))

    def shots(self, contender: Contender, metric: str = ACCURACY, split: str = "unseen") -> list[tuple[int, Estimate]]:
        """The few-shot curve: (number of reference pairs, estimate), ascending."""
        found = [
            (key.shots, estimate)
            for key, estimate in self.estimates.items()
            if key[:3] == (contender, metric, split) and key.shots is not None
        ]
        return sorted(found, key=lambda point: point[0])

    def metrics(self) -> list[str]:
        """Metrics given for all reference pairs, accuracy first."""
        found = {key.metric for key in self.estimates if key.shots is None}
        return sorted(found, key=lambda metric: (metric != ACCURACY, metric != DIFFERENCE, metric))

    def _rank(self, contender: Contender) -> float:
        for split in ("overall", "unseen", "seen"):
            estimate = self.get(contender, ACCURACY, split)
            if estimate is not None and math.isfinite(estimate.value):
                return -estimate.value
        return math.inf


@dataclass(frozen=True)
class Cell:
    """One figure as printed, and what it sorts by; ``shared`` is its interval over users and items."""

    text: str
    interval: str = ""
    order: float | None = None
    shared: str = ""


@dataclass(frozen=True)
class Row:
    """One contender's line of a table."""

    label: str
    style: Style | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table of figures: one heading per cell, contenders first and then the ceilings."""

    headings: tuple[str, ...]
    rows: tuple[Row, ...]
    ceilings: tuple[Row, ...] = ()


def checked(results: pd.DataFrame) -> pd.DataFrame:
    """The result rows with one type per column, whether they came from CSV or parquet.

    Raises InputError for a missing column and for two rows that claim to be the same figure.
    """
    missing = [column for column in COLUMNS if column not in results.columns]
    if missing:
        raise InputError(f"results lack column(s) {missing}: they have {list(results.columns)}; rerun stage compare")
    table = results.reindex(columns=[*COLUMNS, *SHARED])
    for column in (name for name in (*IDENTITY, "run") if name != "shots"):
        table[column] = table[column].astype(object).where(table[column].notna(), "").map(str)
    for column in ("value", "ci_low", "ci_high", "low_items", "high_items"):
        table[column] = pd.to_numeric(table[column]).astype("float64")
    for column in ("shots", "n_users", "n_pairs"):
        table[column] = pd.to_numeric(table[column]).astype("Int64")
    twice = table[table.duplicated(IDENTITY)]
    if len(twice):
        raise InputError(f"results give one figure twice: {twice.iloc[0][IDENTITY].to_dict()}; rerun stage compare")
    return table


def sections(results: pd.DataFrame) -> list[Section]:
    """One section per dataset, protocol and backbone, in the order of the rows."""
    table = checked(results)
    groups = table.groupby(["dataset", "protocol", "backbone"], sort=False)
    return [_section(dataset, protocol, backbone, rows) for (dataset, protocol, backbone), rows in groups]


def styles(found: Iterable[Section]) -> dict[Contender, Style]:
    """Colour by method, the same in every section; the first variant in full, further ones open and dashed."""
    everyone = sorted({item for section in found for item in section.everyone() if not item.is_ceiling})
    colours = method_colours(item.method for item in everyone)
    return {item: Style(colours[item.method], open=not _is_first(item, everyone)) for item in everyone}


def accuracy_table(section: Section, styled: Mapping[Contender, Style]) -> Table:
    """Seen, unseen and overall accuracy, and where given the paired differences from BT."""
    given = {(key.metric, key.split) for key in section.estimates if key.shots is None}
    wanted = [split for split in SPLITS if not section.halves or (ACCURACY, split) in given]
    columns = [(ACCURACY, split) for split in wanted]
    columns += [(DIFFERENCE, split) for split in SPLITS if (DIFFERENCE, split) in given]
    names = {ACCURACY: "{}", DIFFERENCE: "{} minus BT"}
    headings = tuple(names[metric].format(split).capitalize().replace("bt", "BT") for metric, split in columns)
    return _table(section, styled, section.contenders(), section.ceilings(), columns, headings)


def further_table(section: Section, styled: Mapping[Contender, Style]) -> Table | None:
    """Every other metric of the contenders: what later work adds."""
    shown, families = (ACCURACY, *CALIBRATION), (DIFFERENCES, *OF_DOUBTS)
    others = [metric for metric in section.metrics() if metric not in shown and not metric.startswith(families)]
    return _metrics_table(section, styled, [metric for metric in others if metric not in RECOVERY])


def calibration_table(section: Section, styled: Mapping[Contender, Style]) -> Table | None:
    """Calibration error, Brier score and log-loss of the contenders, in MacKay's form and plain."""
    given = section.metrics()
    return _metrics_table(section, styled, [metric for metric in CALIBRATION if metric in given])


def differences_from_vrf(section: Section, styled: Mapping[Contender, Style]) -> Table | None:
    """Every other method's paired difference from VRF; VRF's own variants have theirs among the ablations."""
    return by_condition(section, styled, section.contenders(), FROM_VRF, SPLITS)


def by_condition(
    section: Section,
    styled: Mapping[Contender, Style],
    items: Iterable[Contender],
    metric: str,
    splits: Sequence[str] = SPLITS[:2],
) -> Table | None:
    """One metric of those that have it: seen, unseen, then unseen by number of reference pairs; other ``splits``."""
    keys = [key for key in section.estimates if key.metric == metric and key.split in splits]
    known = [item for item in items if any(key.contender == item for key in keys)]
    columns = sorted({key[2:] for key in keys if key.contender in known}, key=place_order)
    rows = tuple(
        Row(item.label, styled.get(item), tuple(cell_of(section.get(item, metric, *at), metric) for at in columns))
        for item in known
    )
    headings = tuple(split.capitalize() if shots is None else f"|C| = {shots}" for split, shots in columns)
    return Table(headings, rows) if rows else None


def place_order(place: tuple[str, int | None]) -> tuple[int, int]:
    """Sorts splits and numbers of reference pairs: seen, unseen, unseen by number, overall."""
    return SPLITS.index(place[0]), place[1] or 0


def settings_table(section: Section, styled: Mapping[Contender, Style]) -> Table | None:
    """Accuracy in further settings: ablations and the like."""
    columns = [(ACCURACY, split) for split in SPLITS]
    headings = tuple(split.capitalize() for split in SPLITS)
    return _table(section, styled, section.others(), [], columns, headings) if section.others() else None


def few_shot_table(section: Section, styled: Mapping[Contender, Style], metric: str = ACCURACY) -> Table | None:
    """Accuracy, or another figure, on unseen users by number of reference pairs."""
    curves = {item: dict(section.shots(item, metric)) for item in (*section.contenders(), *section.ceilings())}
    shots = sorted({shot for curve in curves.values() for shot in curve})
    rows = tuple(
        Row(item.label, styled.get(item), tuple(cell_of(curve.get(shot), metric) for shot in shots))
        for item, curve in curves.items()
        if curve
    )
    return Table(tuple(map(str, shots)), rows) if shots else None


def metric_name(metric: str) -> str:
    """The metric with its unit."""
    return METRIC_NAMES.get(metric, metric.replace("_", " ").capitalize())


def cell_of(estimate: Estimate | None, metric: str) -> Cell:
    """A figure as its metric is printed; a dash where there is none."""
    if estimate is None or not math.isfinite(estimate.value):
        return Cell(TO)
    scale = scale_of(metric)
    shared = estimate.with_items.interval(scale)
    return Cell(scale.text(estimate.value), estimate.interval(scale), estimate.value, shared)


def _is_first(item: Contender, everyone: list[Contender]) -> bool:
    """Whether its variant is the method's main one: `default` where there is one, else the first by name."""
    variants = [other.variant for other in everyone if other.method == item.method]
    return item.variant == ("default" if "default" in variants else min(variants))


def _splits_of(metric: str, given: set[tuple[str, str]]) -> list[str]:
    found = [split for name, split in given if name == metric]
    return sorted(found, key=lambda split: (SPLITS.index(split) if split in SPLITS else len(SPLITS), split))


def _metrics_table(section: Section, styled: Mapping[Contender, Style], metrics: list[str]) -> Table | None:
    """A column for every metric and split of these."""
    given = {(key.metric, key.split) for key in section.estimates if key.shots is None}
    columns = [(metric, split) for metric in metrics for split in _splits_of(metric, given)]
    headings = tuple(f"{metric_name(metric)}, {split}" for metric, split in columns)
    return _table(section, styled, section.contenders(), section.ceilings(), columns, headings) if columns else None


def _table(
    section: Section,
    styled: Mapping[Contender, Style],
    contenders: list[Contender],
    ceilings: list[Contender],
    columns: list[tuple[str, str]],
    headings: tuple[str, ...],
) -> Table:
    def row(item: Contender) -> Row:
        cells = tuple(cell_of(section.get(item, metric, split), metric) for metric, split in columns)
        return Row(item.label, styled.get(item), cells)

    return Table(headings, tuple(map(row, contenders)), tuple(map(row, ceilings)))


def _section(dataset: str, protocol: str, backbone: str, rows: pd.DataFrame) -> Section:
    estimates: dict[Key, Estimate] = {}
    seeds: dict[Key, dict[str, float]] = {}
    bases: dict[Contender, str] = {}
    against = {metric: _first_against(rows, metric) for metric in (DIFFERENCE, FROM_VRF)}
    of_groups = rows["metric"].isin([BY_ATTRIBUTE, FROM_OTHERS])
    for row in rows[~of_groups].itertuples(index=False):
        setting, other = _without_against(row.setting)
        if other != against.get(row.metric, other):
            continue
        key = Key(Contender(row.method, row.variant, setting), row.metric, row.split, whole(row.shots))
        if row.metric == FROM_BASE:
            bases[key.contender] = other
        if row.seed == ALL_SEEDS:
            estimates[key] = Estimate.of_row(row)
        else:
            seeds.setdefault(key, {})[row.seed] = row.value
    groups = {_group(row): Estimate.of_row(row) for row in rows[of_groups].itertuples(index=False)}
    named = against[DIFFERENCE], against[FROM_VRF], bases
    return Section(dataset, protocol, backbone, estimates, seeds, *named, _shares(rows), groups)


def _group(row: Any) -> Group:
    """The setting is ``attribute=value``, of the users and not of the method."""
    attribute, _, group = row.setting.partition("=")
    return Group(Contender(row.method, row.variant), row.metric, attribute, row.split, group)


def _shares(rows: pd.DataFrame) -> str:
    """``users; users and prompts`` -> ``prompts``; empty where no row has an interval over more than users."""
    named = rows.loc[rows["low_items"].notna(), "resampled"]
    return str(named.iloc[0]).rpartition(" and ")[2] if len(named) else ""


def _first_against(rows: pd.DataFrame, metric: str) -> str:
    """The page holds methods against one BT and one VRF: the first that differences were taken from."""
    settings = rows.loc[rows["metric"] == metric, "setting"]
    return _without_against(settings.iloc[0])[1] if len(settings) else ""


def _without_against(setting: str) -> tuple[str, str]:
    """``a=1;against=default`` -> ``a=1`` and ``default``: what a difference is from is no setting of the method."""
    parts = setting.split(";")
    named = [part.removeprefix(AGAINST) for part in parts if part.startswith(AGAINST)]
    return ";".join(part for part in parts if not part.startswith(AGAINST)), named[0] if named else ""
