"""EXACT's two choices, checked: greedy selection beside the best subset, retrieval beside one for all prompts."""

from collections.abc import Iterator
from dataclasses import dataclass

from prefactor.evaluation.comparison import metric_name
from prefactor.evaluation.generation.exhaustive import BEST, GAP, GREEDY, RATIO, SAME
from prefactor.reporting.estimates import PERCENT, POINTS, UNSIGNED, Estimate
from prefactor.reporting.generation.measured import Measured
from prefactor.reporting.generation.names import name_of, style_of
from prefactor.reporting.generation.scorers import ACCURACY, by_contender_words
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import NATS, Standing, cell, standing, words
from prefactor.reporting.tables import Row, Table

PAIRED = {"exact": "exact_global", "exact_anchored": "exact_global_anchored"}  # retrieval, one subset
LABELS = {
    "exact": "EXACT, retrieved",
    "exact_global": "EXACT, one subset",
    "exact_anchored": "EXACT, retrieved, anchored",
    "exact_global_anchored": "EXACT, one subset, anchored",
}
ANCHORED = "; anchored, by what attributes add over none"
COLUMNS = {
    GREEDY: ("Greedy, nats", NATS),
    BEST: ("Best, nats", NATS),
    GAP: ("Gap, nats", NATS),
    RATIO: ("Ratio", UNSIGNED),
    SAME: ("Same subset's value, %", PERCENT),
}
WORLDS = {"off": "users want the same whatever the topic", "on": "what users want depends on the topic"}


def exhaustive_part(measured: Measured) -> Part | None:
    """None where not all subsets were tried."""
    found = measured.find(RATIO)
    if not found:
        return None
    at = {(key.metric, key.method, key.setting): own for key, own in measured.estimates.items()}
    rows = tuple(
        Row(
            name_of(key.method, key.setting).label,
            style_of(key.method),
            tuple(cell(at.get((metric, key.method, key.setting)), scale) for metric, (_, scale) in COLUMNS.items()),
        )
        for key, _ in found
    )
    people = max((own.n_users or 0 for _, own in found), default=0)
    return Part(
        "Greedy selection against trying all",
        "EXACT adds the attribute that helps most, one at a time. For a small library every subset can be tried: what "
        "the objective, the log-probability gap that attributes add between the chosen and the rejected response, "
        f"reaches either way{f', of {people:,} users' if people else ''}.",
        tables=(Titled("Objective", Table(tuple(name for name, _ in COLUMNS.values()), rows)),),
        note="The ratio is that of the two means. Published, with three of 42 attributes: ratios of 0.90 to 0.97 and "
        "gaps of 1.00 to 3.04. Intervals are of 95 %, over users.",
    )


def retrieval_part(everywhere: Measured) -> Part | None:
    """Every dataset's world; None where retrieval and one global subset did not both predict pairs."""
    worlds = _worlds(everywhere)
    rows = tuple(row for world in worlds for row in _rows(world))
    if not rows:
        return None
    paired = ((world, method, _paired(world, method)) for world in worlds for method in PAIRED)
    said = tuple(_verdict(own, world, method) for world, method, own in paired if own is not None)
    found = [world.measured.find(metric_name(other), method) for world in worlds for method, other in PAIRED.items()]
    shots = [key.shots for keys in found for key, _ in keys]
    known = f" Users are {by_contender_words(shots[-1])}." if shots else ""
    return Part(
        "Retrieval against one subset for all prompts",
        "EXACT recalls the attributes of the user's most similar earlier prompt. Its claim is that this helps where "
        "what a user wants depends on the topic; one subset for all prompts is the alternative. Worlds are made either "
        f"way, so it is known where it should help.{known}",
        sentences=said,
        brief=said[-1] if said and not worlds[-1].is_check else "",
        tables=(Titled("Pairs", Table(("Accuracy, %", "Retrieved minus one subset, points"), rows)),),
        note="Published (real people, EXACT's Table 8): retrieval ahead by 6.5 to 8.8 points.",
    )


@dataclass(frozen=True)
class World:
    """The figures of one dataset; ``shift`` says whether tastes change with the topic there, ``among`` how many are."""

    measured: Measured
    dataset: str
    shift: str
    among: int

    @property
    def is_check(self) -> bool:
        """Whether its figures say only that everything runs."""
        return self.dataset in self.measured.checks

    @property
    def label(self) -> str:
        """With its name where there are several."""
        name = f"{self.dataset}, " if self.among > 1 else ""
        return f"{name}topic shift {self.shift}{', format check' if self.is_check else ''}"

    @property
    def words(self) -> str:
        """For a sentence."""
        said = WORLDS.get(self.shift, f"topic shift is {self.shift}")
        notes = [*([self.dataset] if self.among > 1 else []), *(["a format check"] if self.is_check else [])]
        return f"{said} ({', '.join(notes)})" if notes else said


def _worlds(everywhere: Measured) -> list[World]:
    """Those without a shift first."""
    names = everywhere.datasets
    found = [(name, everywhere.of_dataset(name)) for name in names]
    worlds = [
        World(own, name, shift, len(names)) for name, own in found for shift in own.values("topic_shift", ACCURACY)
    ]
    return sorted(worlds, key=lambda world: world.shift)


def _rows(world: World) -> Iterator[Row]:
    for method, label in LABELS.items():
        own, difference = world.measured.one(ACCURACY, method, topic_shift=world.shift), _paired(world, method)
        if own:
            cells = (cell(own, PERCENT), cell(difference, POINTS))
            yield Row(f"{label}, {world.label}", style_of(method), cells)


def _paired(world: World, method: str) -> Estimate | None:
    if method not in PAIRED:
        return None
    return world.measured.one(metric_name(PAIRED[method]), method, topic_shift=world.shift)


def _verdict(own: Estimate, world: World, method: str) -> str:
    said = {
        Standing.ABOVE: "retrieval predicts better than one subset",
        Standing.OPEN: "retrieval is not shown to differ from one subset",
        Standing.BELOW: "retrieval predicts worse than one subset",
    }[standing(own, 0.0)]
    form = ANCHORED if method == "exact_anchored" else ""
    return f"Where {world.words}, {said}: {words(own, POINTS)}{form}."
