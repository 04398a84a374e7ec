"""The findings in words, computed from the rows: who beats BT, who does not, and what the best one reaches.

A claim has to clear the wider of two intervals, over users and over users and what they share. Of two halves of the
same people both together are the better evidence: their sentences stand in each half's section too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from prefactor.reporting.estimates import PERCENT, POINTS, Estimate
from prefactor.reporting.tables import ACCURACY, DIFFERENCE, FROM_VRF, SPLITS, Contender, Section, place_order

BASELINE = "bt"
IMPERSONAL = (BASELINE, "surface", "longer_text", "item_mean", "ref")  # one reward for everybody
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


@dataclass(frozen=True)
class Standing:
    """Where VRF's paired interval lies above another method, reaches zero, or lies below."""

    above: tuple[Place, ...]
    level: tuple[Place, ...]
    below: tuple[Place, ...]


def baseline(section: Section) -> Contender | None:
    """BT, the reward that is the same for everybody: the variant that differences were taken from, else the best."""
    return rival(section, BASELINE)


def rival(section: Section, method: str) -> Contender | None:
    """Of a method the variant that VRF is held against: BT's is everyone's, another's is VRF's own; else the best."""
    wanted = section.against if method == BASELINE else section.against_vrf
    found = [item for item in section.contenders() if item.method == method]
    return next((item for item in found if item.variant == wanted), found[0] if found else None)


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
    return f"On {_users(section, split)}, {none}{'; '.join(part for part in parts if part)}."


def above_vrf(section: Section) -> tuple[str, ...]:
    """For all splits and numbers of reference pairs: whose paired interval lies above VRF's.

    Places where it is the same methods' share a sentence. Where it is no other method's, one says so for all, and one
    more names whose would lie above by the interval over users alone. Empty without paired differences from VRF, of
    which its own variants have none.
    """
    alike: dict[tuple[Contender, ...], list[Place]] = {}
    for place in _places(section):
        alike.setdefault(_above(section, place), []).append(place)
    vrf = Contender("vrf", section.against_vrf).name
    clear = alike.pop((), [])
    none = f"No other method's paired interval lies above {vrf} on {_joined(section, clear)}."
    some = [_lie_above(section, items, places, vrf) for items, places in alike.items()]
    return (*([none] if clear else []), *some, *_above_by_users_alone(section, vrf))


def standing(section: Section, method: str) -> Standing | None:
    """VRF against one method, for all splits and numbers of reference pairs, by the wider interval.

    The method's differences are from VRF: below zero, VRF is above. None without intervals of them.
    """
    other = rival(section, method)
    paired = {place: section.get(other, FROM_VRF, *place) for place in _places(section)} if other else {}
    ends = {place: estimate.widest for place, estimate in paired.items() if estimate and estimate.widest.has_interval}
    if not ends:
        return None
    by = {outcome: tuple(at for at, own in ends.items() if _outcome(own, 0.0, 0.0) is outcome) for outcome in Outcome}
    return Standing(above=by[Outcome.BELOW], level=by[Outcome.OPEN], below=by[Outcome.ABOVE])


def vrf_and(section: Section, method: str) -> str:
    """One sentence: how VRF stands to one method. Empty without intervals of their paired differences."""
    found, other = standing(section, method), rival(section, method)
    if found is None or other is None:
        return ""
    vrf = Contender("vrf", section.against_vrf).name
    reached = f"it reaches zero {_on(section, found.level)}; " if found.level else ""
    return (
        f"{vrf}'s paired interval lies above {other.name} {_on(section, found.above, 'nowhere')}; {reached}"
        f"by these intervals {vrf} is below {other.name} {_on(section, found.below, 'nowhere')}."
    )


def _places(section: Section) -> list[Place]:
    """Where there are paired differences from VRF: seen users, unseen ones by number of reference pairs, overall."""
    found = {(key.split, key.shots) for key in section.estimates if key.metric == FROM_VRF and key.split in SPLITS}
    return sorted(found, key=place_order)


def _above(section: Section, place: Place) -> tuple[Contender, ...]:
    return tuple(item for item, own in _from_vrf(section, place).items() if own.widest.low > 0)


def _lie_above(section: Section, items: tuple[Contender, ...], places: list[Place], vrf: str) -> str:
    words = []
    for item in items:
        estimates = [_from_vrf(section, place)[item].widest for place in places]
        words.append(f"{unbroken(item.label)} ({_range(estimates)})")
    return f"On {_joined(section, places)}, {_listed(words)} {'lie' if len(items) > 1 else 'lies'} above {vrf}."


def _above_by_users_alone(section: Section, vrf: str) -> list[str]:
    """That nobody lies above VRF is easier said by the wider interval: whoever the narrower one puts there is named."""
    found: dict[Contender, list[Place]] = {}
    for place in _places(section):
        for item, own in _from_vrf(section, place).items():
            if own.low > 0 >= own.widest.low:
                found.setdefault(item, []).append(place)
    words = [
        f"{unbroken(item.label)} on {_joined(section, places)} "
        f"({_range([_from_vrf(section, place)[item] for place in places])})"
        for item, places in found.items()
    ]
    return (
        [f"By the interval over users alone, not by the wider one, above {vrf}: {'; '.join(words)}."] if words else []
    )


def _from_vrf(section: Section, place: Place) -> dict[Contender, Estimate]:
    paired = {item: section.get(item, FROM_VRF, *place) for item in section.everyone()}
    return {item: estimate for item, estimate in paired.items() if estimate}


def _on(section: Section, places: Sequence[Place], nowhere: str = "") -> str:
    return f"on {_joined(section, places)}" if places else nowhere


def _joined(section: Section, places: Sequence[Place]) -> str:
    """``seen users and on unseen users at |C| = 1, 9 and all``; without sizes, all is what is meant anyway."""
    sizes = [str(shots) for _, shots in places if shots is not None]
    words = []
    for split in dict.fromkeys(split for split, _ in places):
        few = sizes if split == "unseen" else []
        whole = " and all" if few and (split, None) in places else ""
        at = f" at |C|\N{NO-BREAK SPACE}= {', '.join(few)}{whole}" if few else ""
        words.append(f"{_users(section, split)}{at}")
    return " and on ".join(words)


def _users(section: Section, split: str) -> str:
    """``unseen users``, or ``unseen users of both halves``; overall is the mean of seen and unseen ones."""
    users = "seen and unseen users together" if split == "overall" else f"{split} users"
    return f"{users} of both halves" if section.halves else users


def headline(section: Section, validated: Mapping[Contender, float] | None = None) -> str:
    """The section's finding on unseen users as a sentence, about the personal method that validated best.

    ``validated`` holds accuracies on held-out users: naming the best on evaluation pairs would quote a winner's luck.
    Without them nothing else is left to go by.
    """
    best = _best(section, validated or {})
    if best is None:
        return f"What reward models learn from {section.of}"
    value = section.get(best, ACCURACY, "unseen")
    assert value is not None
    share = f"{PERCENT.text(value.value)}{PERCENT_SIGN} of the choices of people it was not trained on"
    bt = baseline(section)
    common = section.get(bt, ACCURACY, "unseen") if bt else None
    if bt is None or common is None or best == bt:
        return f"On {section.of}, {best.name} predicts {share}"
    against = f"{PERCENT.text(common.value)}{PERCENT_SIGN} with one reward for everybody"
    outcome = {item.contender: item.outcome for item in comparisons(section, "unseen")}.get(best)
    if outcome is Outcome.ABOVE:
        return f"On {section.of}, {best.name} predicts {share}, against {against}"
    finding = "no personal reward is shown to beat one reward for everybody"
    if outcome is Outcome.BELOW:
        finding = f"{best.name} falls short of one reward for everybody"
    return f"On {section.of}, {finding}: {_versus(best, value, common)}"


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
    """A paired difference with the interval over users; to two places where an end would print as a zero it is not."""
    touches = any(end and not round(end * POINTS.factor, POINTS.decimals) for end in (paired.low, paired.high))
    scale = replace(POINTS, decimals=2) if paired.has_interval and touches else POINTS
    return f"{scale.text(paired.value)} points, {paired.interval(scale) or 'no interval'}"


def _range(paired: list[Estimate]) -> str:
    """One difference with its interval; of several that are not the same, the least and the most."""
    words = {difference_words(estimate) for estimate in paired}
    if len(words) == 1:
        return words.pop()
    ends = [POINTS.text(end(estimate.value for estimate in paired)) for end in (min, max)]
    return f"{' to '.join(dict.fromkeys(ends))} points"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _clause(outcome: Outcome, found: list[Comparison]) -> str:
    if not found:
        return ""
    names = [f"{unbroken(item.contender.label)} ({item.evidence})" for item in found]
    one = {Outcome.ABOVE: "beats", Outcome.BELOW: "falls short of"}.get(outcome, outcome.value)
    return f"{_listed(names)} {one if len(names) == 1 else outcome.value} BT"


def unbroken(label: str) -> str:
    """A label that no line breaks."""
    return label.replace(" ", "\N{NO-BREAK SPACE}")
