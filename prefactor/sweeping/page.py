"""A sweep as one self-contained HTML page, in the manner of the report: the best, its course, all trials."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from prefactor.atomic import write_text
from prefactor.reporting.style import css_variables, method_name
from prefactor.reporting.svg import blank, drawing, ink, inline
from prefactor.reporting.templates import environment
from prefactor.sweeping.outcome import Outcome, State
from prefactor.sweeping.settings import SweepSettings
from prefactor.sweeping.summary import Summary, percent, said_value

TEMPLATE = "page.html.j2"
PAGE = "report.html"
WIDTH, HEIGHT = 640.0, 280.0
MARGINS = (52.0, 16.0, 12.0, 44.0)  # left, right, above, below
DRAWN_BELOW = 0.02  # of the best score: what did worse than any trial that is worth a look lies at the edge


def write_page(folder: Path, settings: SweepSettings, outcomes: Sequence[Outcome]) -> Path:
    """Write the page of the sweep in ``folder``, whole or not at all; the same outcomes give the same bytes."""
    summary = Summary(folder.name, outcomes)
    page = (
        environment(Path(__file__).parent)
        .get_template(TEMPLATE)
        .render(
            title=f"{method_name(settings.method)} ({settings.variant}) on {settings.dataset}, {settings.backbone}",
            summary=summary,
            rows=summary.rows(),
            facts=_facts(settings, outcomes),
            best=_best(summary),
            course=_course(summary),
            light=Markup(css_variables(dark=False)),
            dark=Markup(css_variables(dark=True)),
        )
    )
    write_text(folder / PAGE, page)
    return folder / PAGE


def _facts(settings: SweepSettings, outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    seconds = sum(outcome.seconds for outcome in outcomes)
    return [
        ("Chosen by", settings.how),
        ("Pruning", settings.pruning),
        ("Seeds", ", ".join(map(str, settings.seeds))),
        ("Threads of a trial", str(settings.threads)),
        ("Time of all trials", f"{seconds / 60:.1f} min"),
        ("Data", settings.data),
    ]


def _best(summary: Summary) -> list[tuple[str, str]]:
    """What the best trial changes: key and value."""
    return [(key, said_value(value)) for key, value in (summary.best.changes if summary.best else {}).items()]


def _course(summary: Summary) -> Markup | None:
    """Every score by its trial's number, and the best so far; None until two trials have one."""
    scored = [outcome for outcome in summary.outcomes if outcome.state is State.COMPLETE]
    if len(scored) < 2:
        return None
    best = max(outcome.score or 0.0 for outcome in scored)
    least = max(min(outcome.score or 0.0 for outcome in scored), best - DRAWN_BELOW)
    steps = summary.curve()
    words = (
        f"scores of {len(scored)} whole trials; the best so far rises from {percent(steps[0][1])} to {percent(best)}"
    )
    with drawing("course"):
        figure, axes = blank(WIDTH, HEIGHT, *MARGINS)
        axes.set_xlabel("trial", color=ink("muted"))
        axes.set_ylabel("score, %", color=ink("muted"))
        axes.grid(axis="y", color=ink("rule"), linewidth=0.75)
        last = max(outcome.number for outcome in summary.outcomes)
        at = [number for number, _ in steps] + [last]
        axes.step(at, [100 * score for _, score in steps] + [100 * best], where="post", color=ink("ink"))
        points = [max(outcome.score or 0.0, least) for outcome in scored]
        numbers = [outcome.number for outcome in scored]
        axes.scatter(numbers, [100 * point for point in points], 16, color=ink("muted"), zorder=3)
        room = max(best - least, 0.001) * 8
        axes.set_ylim(100 * least - room, 100 * best + room)
        return inline(figure, words)
