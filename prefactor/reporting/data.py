"""The data behind a section: how much, of what kind, how it was split, and whether it passed its checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from prefactor.reporting import figures
from prefactor.reporting.context import DatasetFacts
from prefactor.reporting.distribution import Distribution
from prefactor.reporting.estimates import PERCENT
from prefactor.reporting.facts import flat, number
from prefactor.reporting.tables import ACCURACY, SPLITS, Section

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
EMBEDDING = {"cut": "truncated in the response"}  # figures of the report that have another name on the page
GATES = {"tables": "The tables", "split": "The split"}


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


def distribution(section: Section, found: Distribution | None, unit: str) -> Markup | None:
    """A histogram; None where nothing is known or every value is the same."""
    if found is None or found.least == found.most:
        return None
    words = f"{unit}: median {found.median:,.0f}, 95 % at most {found.high:,.0f}, most {found.most:,.0f}"
    return figures.histogram(found.edges, found.counts, unit, f"{section.anchor}-{unit}", words)


def chosen_longer(facts: DatasetFacts) -> str:
    """The share of pairs whose longer response was chosen, in percent; empty where the gate did not look."""
    share = facts.quality.get("tables", {}).get("observed", {}).get("label_balance", {}).get("chosen_longer")
    return "" if share is None else PERCENT.text(share)


def embedding(report: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What the backbone made of the texts; reports of older runs do not tell how many responses lost a part."""
    return tuple((EMBEDDING.get(name, name), value) for name, value in flat(report))


def checks(facts: DatasetFacts) -> tuple[Check, ...]:
    """The gates that the data went through."""
    known = [gate for gate in GATES if gate in facts.pages or gate in facts.quality]
    return tuple(Check(GATES[gate], facts.pages.get(gate, ""), _outcome(facts.quality.get(gate, {}))) for gate in known)


def _outcome(result: Mapping[str, Any]) -> str:
    if "success" not in result:
        return ""
    passed = sum(suite.get("passed", 0) for suite in result.get("suites", {}).values())
    if not result["success"]:
        return "did not pass"
    return f"passed all {number(passed)} checks" if passed else "passed"


def split_lines(manifest: Mapping[str, Any]) -> tuple[SplitLine, ...]:
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


def most_behind(section: Section, field: str) -> dict[str, int]:
    """Split -> users or pairs behind its accuracy (the most of any contender)."""
    found: dict[str, int] = {}
    for key, estimate in section.estimates.items():
        count = getattr(estimate, field)
        if key.metric == ACCURACY and key.shots is None and count is not None:
            found[key.split] = max(count, found.get(key.split, 0))
    return {split: found[split] for split in SPLITS if split in found}
