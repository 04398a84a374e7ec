"""The findings in words, computed from the rows: who beats BT, who does not, and what the best one reaches.

A claim has to clear the wider of two intervals, over users and over users and what they share.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from prefactor.reporting.estimates import PERCENT, POINTS, Estimate
from prefactor.reporting.tables import ACCURACY, DIFFERENCE, FROM_VRF, Contender, Section

BASELINE = "bt"
IMPERSONAL = (BASELINE, "surface", "longer_text", "item_mean")  # one reward for everybody
PERCENT_SIGN = "\N{NO-BREAK SPACE}%"
Place = tuple[str, int | None]  # split, number of reference pairs: None for all of them


class Outcome(Enum):
    """Where the interval lies: of the paired difference about zero, or else beside BT's own."""

    ABOVE = "beat"
    OPEN = "cannot be told from"
    BELOW = "fall short of"


@dataclass(frozen=True)
class Comparison:
    """One contender against BT on one split; ``evidence`` is the figures in words."""

    contender: Contender
    outcome: Outcome
    evidence: str


def baseline(section: Section) -> Contender | None:
    """BT, the reward that is the same for everybody: the variant that differences were taken from, else the best."""
    found = [item for item in section.contenders() if item.method == BASELINE]
    return next((item for item in found if item.variant == section.against), found[0] if found else None)


def comparisons(section: Section, split: str) -> list[Comparison]:
    """Each contender that has a figure on ``split`` against BT, best first; empty without BT."""
    bt = baseline(section)
    reference = section.get(bt, ACCURACY, split) if bt else None
    if bt is None:
        return []
    found = [_compare(section, item, split, reference) for item in section.contenders() if item.method != BASELINE]
    return [comparison for comparison in found if comparison is not None]


def verdict(section: Section, split: str) -> str:
    """One sentence: which methods beat BT on ``split``, which do not. Empty where nothing can be compared."""
    found = comparisons(section, split)
    if not found:
        return ""
    parts = [_clause(outcome, [item for item in found if item.outcome is outcome]) for outcome in Outcome]
    none = "" if any(item.outcome is Outcome.ABOVE for item in found) else "no method beats BT: "
    return f"On {split} users, {none}{'; '.join(part for part in parts if part)}."


def above_vrf(section: Section) -> tuple[str, ...]:
    """For seen users, unseen users and each number of reference pairs: whose paired interval lies above VRF's.

    Where no other method's does, one sentence says so for all, and one more names whose would by the interval over
    users alone. Empty without paired differences from VRF, of which its own variants have none.
    """
    above = {place: _above(section, place) for place in _places(section)}
    vrf = Contender("vrf", section.against_vrf).name
    clear = [place for place, found in above.items() if not found]
    none = f"No other method's paired interval lies above {vrf} on {_joined(clear)}."
    some = [f"On {_joined([at])}, {' and '.join(found)} lies above {vrf}." for at, found in above.items() if found]
    return (*([none] if clear else []), *some, *_above_by_users_alone(section, vrf))


def vrf_and_bt(section: Section) -> str:
    """One sentence: for which users and numbers of reference pairs VRF's paired interval lies above BT, reaches zero or
    lies below. BT's differences are from VRF: below zero, VRF is above. Empty without intervals of them.
    """
    bt = baseline(section)
    paired = {place: section.get(bt, FROM_VRF, *place) for place in _places(section)} if bt else {}
    ends = {place: estimate.widest for place, estimate in paired.items() if estimate and estimate.widest.has_interval}
    if not ends:
        return ""
    by_bt = {outcome: [at for at, own in ends.items() if _outcome(own, 0.0, 0.0) is outcome] for outcome in Outcome}
    higher, level, lower = (by_bt[outcome] for outcome in (Outcome.BELOW, Outcome.OPEN, Outcome.ABOVE))
    vrf = Contender("vrf", section.against_vrf).name
    reached = f"it reaches zero {_on(level)}; " if level else ""
    return (
        f"{vrf}'s paired interval lies above BT {_on(higher, 'nowhere')}; {reached}"
        f"by these intervals {vrf} is below BT {_on(lower, 'at no |C|')}."
    )


def _places(section: Section) -> list[Place]:
    """Where there are paired differences from VRF: seen users, unseen users, then numbers of reference pairs."""
    keys = [key for key in section.estimates if key.metric == FROM_VRF and key.split != "overall"]
    return sorted({(key.split, key.shots) for key in keys}, key=lambda place: (place[0], place[1] or 0))


def _above(section: Section, place: Place) -> list[str]:
    paired = _from_vrf(section, place)
    return [f"{unbroken(item.label)} ({paired_words(own)})" for item, own in paired.items() if own.widest.low > 0]


def _above_by_users_alone(section: Section, vrf: str) -> list[str]:
    """That nobody lies above VRF is easier said by the wider interval: whoever the narrower one puts there is named."""
    found = [
        f"{unbroken(item.label)} {_on([place])} ({difference_words(own)})"
        for place in _places(section)
        for item, own in _from_vrf(section, place).items()
        if own.low > 0 >= own.widest.low
    ]
    by = f"By the interval over users alone, not by the wider one, above {vrf}"
    return [f"{by}: {'; '.join(found)}."] if found else []


def _from_vrf(section: Section, place: Place) -> dict[Contender, Estimate]:
    paired = {item: section.get(item, FROM_VRF, *place) for item in section.everyone()}
    return {item: estimate for item, estimate in paired.items() if estimate}


def _on(places: list[Place], nowhere: str = "") -> str:
    return f"on {_joined(places)}" if places else nowhere


def _joined(places: list[Place]) -> str:
    """``seen users and on unseen users at |C| = 1, 9``."""
    whole = [f"{split} users" for split, shots in places if shots is None]
    few = ", ".join(str(shots) for _, shots in places if shots is not None)
    return " and on ".join([*whole, *([f"unseen users at |C|\N{NO-BREAK SPACE}= {few}"] if few else [])])


def headline(section: Section, validated: Mapping[Contender, float] | None = None) -> str:
    """The section's finding on unseen users as a sentence, about the personal method that validated best.

    ``validated`` holds accuracies on held-out users: naming the best on evaluation pairs would quote a winner's luck.
    Without them nothing else is left to go by.
    """
    best = _best(section, validated or {})
    if best is None:
        return f"What reward models learn from {section.dataset}"
    value = section.get(best, ACCURACY, "unseen")
    assert value is not None
    share = f"{PERCENT.text(value.value)}{PERCENT_SIGN} of the choices of people it was not trained on"
    bt = baseline(section)
    common = section.get(bt, ACCURACY, "unseen") if bt else None
    if bt is None or common is None or best == bt:
        return f"On {section.dataset}, {best.name} predicts {share}"
    against = f"{PERCENT.text(common.value)}{PERCENT_SIGN} with one reward for everybody"
    if any(item.contender == best and item.outcome is Outcome.ABOVE for item in comparisons(section, "unseen")):
        return f"On {section.dataset}, {best.name} predicts {share}, against {against}"
    finding = f"On {section.dataset}, no personal reward is shown to beat one reward for everybody"
    return f"{finding}: {_versus(best, value, common)}"


def _versus(best: Contender, value: Estimate, common: Estimate) -> str:
    own, bt = f"{PERCENT.text(value.value)}{PERCENT_SIGN}", f"{PERCENT.text(common.value)}{PERCENT_SIGN}"
    return f"{best.name} predicts {own} of unseen users' choices, BT {bt}"


def _best(section: Section, validated: Mapping[Contender, float]) -> Contender | None:
    """The best of the personal ones that have a figure on unseen users; else of whoever has one."""
    scored = [item for item in section.contenders() if _value(section, item) is not None]
    pool = [item for item in scored if item.method not in IMPERSONAL] or scored
    known = [item for item in pool if item in validated]
    return max(known or pool, key=lambda item: (validated.get(item, _value(section, item)), item), default=None)


def _value(section: Section, contender: Contender) -> float | None:
    estimate = section.get(contender, ACCURACY, "unseen")
    return estimate.value if estimate is not None and math.isfinite(estimate.value) else None


def _compare(section: Section, item: Contender, split: str, bt: Estimate | None) -> Comparison | None:
    paired = section.get(item, DIFFERENCE, split)
    if paired is not None and math.isfinite(paired.value):
        return Comparison(item, _outcome(paired.widest, 0.0, 0.0), paired_words(paired))
    own = section.get(item, ACCURACY, split)
    if own is None or bt is None or not math.isfinite(own.value):
        return None
    words = f"{_words(own)} against {_words(bt)}"
    return Comparison(item, _outcome(own.widest, bt.widest.low, bt.widest.high), words)


def _outcome(estimate: Estimate, low: float, high: float) -> Outcome:
    """Where an interval lies beside [low, high]; NaN ends compare false, so that no interval leaves it open."""
    if estimate.low > high:
        return Outcome.ABOVE
    return Outcome.BELOW if estimate.high < low else Outcome.OPEN


def _words(estimate: Estimate) -> str:
    return f"{PERCENT.text(estimate.value)}{PERCENT_SIGN} [{estimate.widest.interval(PERCENT) or 'no interval'}]"


def paired_words(paired: Estimate) -> str:
    """A paired difference with the wider of its intervals."""
    return difference_words(paired.widest)


def difference_words(paired: Estimate) -> str:
    """A paired difference with the interval over users."""
    return f"{POINTS.text(paired.value)} points, {paired.interval(POINTS) or 'no interval'}"


def _clause(outcome: Outcome, found: list[Comparison]) -> str:
    if not found:
        return ""
    names = [f"{unbroken(item.contender.label)} ({item.evidence})" for item in found]
    subject = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    one = {Outcome.ABOVE: "beats", Outcome.BELOW: "falls short of"}.get(outcome, outcome.value)
    return f"{subject} {one if len(names) == 1 else outcome.value} BT"


def unbroken(label: str) -> str:
    """A label that no line breaks."""
    return label.replace(" ", "\N{NO-BREAK SPACE}")
