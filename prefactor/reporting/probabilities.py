"""How honest a model's probabilities are: reliability diagrams, and accuracy when the least sure are set aside."""

from collections.abc import Mapping, Sequence

from prefactor.evaluation.uncertainty import COMBINED, FITTED
from prefactor.reporting import curves
from prefactor.reporting.panels import Panel, Styles, mark_of
from prefactor.reporting.tables import ACCURACY, Section
from prefactor.reporting.training import trainings_of
from prefactor.trainings import Training

FORMS = {"attenuated": "with the reward's variance", "plain": "plain"}
SET_ASIDE = {  # what is set aside first, by its name in the table
    "pairs": "Least confident pairs set aside",
    "users": "Least confident users set aside",
    COMBINED: "Most uncertain users set aside",
    FITTED: "Users of most expected error set aside",
}


def reliability_panels(section: Section, styled: Styles, trainings: Sequence[Training]) -> tuple[Panel, ...]:
    """Unseen users, in MacKay's form and plain, known by all their reference pairs."""
    panels = []
    for form, title in FORMS.items():
        lines = _lines(section, styled, trainings, "reliability", {"form": form}, ("confidence", "accuracy", "share"))
        name = f"{section.anchor}-reliability-{form}"
        words = f"{section.dataset}, unseen users: accuracy by confidence; a table below has the errors"
        if lines:
            panels.append(Panel(f"Unseen users, {title}", curves.reliability(lines, name, words)))
    return tuple(panels)


def selective_panels(section: Section, styled: Styles, trainings: Sequence[Training]) -> tuple[Panel, ...]:
    """Unseen users: accuracy when pairs, or users, of least confidence or most uncertainty are set aside."""
    panels = []
    for by, title in SET_ASIDE.items():
        lines = _lines(section, styled, trainings, "selective", {"by": by}, ("coverage", "accuracy"))
        name, words = f"{section.anchor}-coverage-{by}", f"{section.dataset}: accuracy by the share kept. {title}"
        if lines:
            panels.append(Panel(title, curves.coverage(lines, name, words)))
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
    for item, training in trainings_of(section, trainings).items():
        rows = getattr(training, table)
        if not len(rows):
            continue
        rows = rows[(rows["split"] == "unseen") & rows["shots"].isna()]
        for name, value in wanted.items():
            rows = rows[rows[name] == value]
        mark = mark_of(section, item, styled, ACCURACY, "unseen")
        lines.append(curves.Line(mark, *(tuple(map(float, rows[column])) for column in columns)))
    return lines
