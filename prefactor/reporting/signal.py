"""The test for a personal signal in sentences: is there one, what is it worth, what would show more."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from prefactor.evaluation.signal import COMMON
from prefactor.reporting import curves
from prefactor.reporting.context import ReportContext
from prefactor.reporting.estimates import POINTS, Estimate
from prefactor.reporting.tables import DIFFERENCE, Contender, Section
from prefactor.reporting.training import validated
from prefactor.reporting.verdict import IMPERSONAL, paired_words

CLEAR = 0.05
FAR_BELOW = 0.5  # of what a trained method gains
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
    said, unit = sentences(found.findings), f"gain over {COMMON}, nats per pair"
    said += bound(found.findings, section, validated(section, context.trainings))
    observed = float(found.findings["gain"]["log_loss"])
    name = f"{section.anchor}-signal"
    return SignalView(curves.null_distribution(found.null, observed, unit, name, said[0]), said)


def sentences(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Findings of ``evaluation.signal`` in words."""
    return _answer(found), _worth(found), _needed(found)


def bound(found: Mapping[str, Any], section: Section, validated: Mapping[Contender, float]) -> tuple[str, ...]:
    """That there is more, where the personal method that validated best gains far more over the trained BT.

    On unseen users, from the most pairs that are no more than the panel's, by the wider interval. Without validation it
    is the method that gains most.
    """
    gains = _gains(section, found["pairs_per_user"] / 2)
    judged = [item for item in gains if item in validated]
    item = max(judged or gains, key=lambda item: (validated.get(item, gains[item][1].value), item), default=None)
    if item is None:
        return ()
    shots, gain = gains[item]
    if not gain.widest.low > 0 or found["gain"]["accuracy"] >= FAR_BELOW * gain.value:
        return ()
    why = "which validated best" if judged else f"which of {len(gains)} methods gains most" if len(gains) > 1 else ""
    return (
        f"{item.name}{f', {why},' if why else ''} gains {paired_words(gain)}, over the trained BT from {shots} "
        f"pair{'' if shots == 1 else 's'} of unseen users: the gain here is that of a cheap model, and a lower bound.",
    )


def _gains(section: Section, most: float) -> dict[Contender, tuple[int, Estimate]]:
    """Of each personal method the largest number of pairs up to ``most``, and what it gains over BT from them."""
    personal = [item for item in section.contenders() if item.method not in IMPERSONAL]
    points = {item: [at for at in section.shots(item, DIFFERENCE) if at[0] <= most] for item in personal}
    return {item: own[-1] for item, own in points.items() if own}


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
        f"{POINTS.text(gain['accuracy'])} points a pair on the other half over {COMMON}; by chance "
        f"{SIGNED.format(chance['mean'])} nats ({spread}){_of_all(found)}."
    )


def _of_all(found: Mapping[str, Any]) -> str:
    """What all pairs would gain, where there is a signal to go by."""
    gain = found.get("gain_of_all")
    if not gain or gain["log_loss"] is None or found["p_value"] > CLEAR:
        return ""
    points = POINTS.text(gain["accuracy"])
    return f". From all of them it would be about {SIGNED.format(gain['log_loss'])} nats and {points} points"


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
