"""The test for a personal signal in three sentences: is there one, what is it worth, what would show more."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from prefactor.reporting import curves
from prefactor.reporting.context import ReportContext
from prefactor.reporting.estimates import POINTS
from prefactor.reporting.tables import Section

CLEAR = 0.05
SIGNED = "{:+.4f}"


@dataclass(frozen=True)
class SignalView:
    """Do users differ at all: the null distribution with what was observed, and what it says."""

    drawing: Markup
    sentences: tuple[str, ...]


def view_of_signal(section: Section, context: ReportContext) -> SignalView | None:
    """None where no test was made."""
    found = context.signals.get((section.dataset, section.backbone))
    if found is None or not found.null:
        return None
    said, unit = sentences(found.findings), "gain over one reward for all, nats per pair"
    observed = float(found.findings["gain"]["log_loss"])
    name = f"{section.anchor}-signal"
    return SignalView(curves.null_distribution(found.null, observed, unit, name, said[0]), said)


def sentences(found: Mapping[str, Any]) -> tuple[str, str, str]:
    """Findings of ``evaluation.signal`` in words."""
    return _answer(found), _worth(found), _needed(found)


def _answer(found: Mapping[str, Any]) -> str:
    p, deals = found["p_value"], found["permutations"]
    reached = round(p * (deals + 1)) - 1
    none = "none reaches" if reached == 0 else f"{reached} reach{'es' if reached == 1 else ''}"
    deal = f"of {deals:,} deals of the same pairs to users at random, {none} the observed gain (p = {p:.3g})"
    if p <= CLEAR:
        return f"There is a personal signal: {deal}."
    return f"No personal signal is shown: {deal}."


def _worth(found: Mapping[str, Any]) -> str:
    gain, chance = found["gain"], found["null"]["log_loss"]
    spread = f"{SIGNED.format(chance['low'])} to {SIGNED.format(chance['high'])}"
    return _minus(
        f"A linear deviation of each of {found['users']:,} users, fitted on one half of their "
        f"{found['pairs_per_user']:.0f} pairs, gains {SIGNED.format(gain['log_loss'])} nats and "
        f"{POINTS.text(gain['accuracy'])} points a pair on the other half over one reward for all; by chance "
        f"{SIGNED.format(chance['mean'])} nats ({spread})."
    )


def _needed(found: Mapping[str, Any]) -> str:
    whole, pairs, users = found["reliability"]["whole"], found["pairs_for_reliability"], found["users_for_power"]
    known = f"A user's pairs fix what is personal about them with reliability {whole:.2f}"
    more = ", ".join(f"{_number(count)} pairs for {goal}" for goal, count in pairs.items() if count is not None)
    least = f"; {more}, if more of the same came in" if more else ", which no number of pairs can be read from"
    enough = (
        f"{_number(users)} users would show the gain four times of five"
        if users is not None
        else ("the gain is not above chance, so no number of users follows from it")
    )
    return f"{known}{least}; {enough}."


def _number(value: float) -> str:
    """A count as it may be claimed: two digits."""
    digits = 10 ** max(math.floor(math.log10(max(value, 1))) - 1, 0)
    return f"{math.ceil(value / digits) * digits:,}"


def _minus(text: str) -> str:
    return text.replace(" -", " \N{MINUS SIGN}").replace("(-", "(\N{MINUS SIGN}")
