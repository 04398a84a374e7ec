"""What the papers claim, and what it looks like here: claim by claim, with what the intervals let one say."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import pandas as pd

from prefactor.evaluation.comparison import metric_name
from prefactor.evaluation.generation import against_bt, entropy, exhaustive
from prefactor.evaluation.generation.win_rates import WIN_RATE
from prefactor.reporting.estimates import PERCENT, POINTS, UNSIGNED, Estimate, Scale
from prefactor.reporting.generation.measured import Measured
from prefactor.reporting.generation.names import name_of
from prefactor.reporting.generation.scorers import VARIED
from prefactor.reporting.generation.speed import OVERHEAD, SIGNED_BITS
from prefactor.reporting.generation.win_rates import judges
from prefactor.reporting.printed import COIN, Standing, listed, standing, words

LITTLE = -0.02  # accuracy that a reduction may cost and still be modest: our reading
NEAR = 0.90  # the least ratio of greedy to the best that EXACT reports
KEPT = 3  # attributes: few enough beside the library for their number to matter


class Verdict(Enum):
    """What the figures here say of a claim."""

    SEEN = "seen here"
    OPEN = "not shown here"
    UNTOLD = "not told"  # by a figure without an interval
    REVERSE = "the reverse seen here"


@dataclass(frozen=True)
class Finding:
    """What was found of a claim, in figures, and the verdict."""

    here: str
    verdict: Verdict


@dataclass(frozen=True)
class Evidence:
    """What claims are held against.

    measured    figures of the dataset that texts are written for
    everywhere  those of all datasets
    speed       the table ``speed``
    about       what all was made with
    """

    measured: Measured
    everywhere: Measured
    speed: pd.DataFrame
    about: Mapping[str, Any]


Read = Callable[[Evidence], Finding | None]


@dataclass(frozen=True)
class Claim:
    """A claim as published; ``read`` finds what there is of it here, None where it was not measured."""

    words: str
    source: str
    published: str
    read: Read


@dataclass(frozen=True)
class Line:
    """A claim of which something was measured."""

    claim: Claim
    finding: Finding


def lines_of_claims(evidence: Evidence) -> tuple[Line, ...]:
    """Those of CLAIMS that can be held against figures."""
    found = ((claim, claim.read(evidence)) for claim in CLAIMS)
    return tuple(Line(claim, finding) for claim, finding in found if finding is not None)


def tally(lines: Sequence[Line]) -> str:
    """How many claims are seen, not shown, reversed; empty without any."""
    if not lines:
        return ""
    count = {verdict: sum(line.finding.verdict is verdict for line in lines) for verdict in Verdict}
    parts = [f"{number} {verdict.value.replace(' here', '')}" for verdict, number in count.items() if number]
    return f"Of {len(lines)} published claims that could be tried here: {', '.join(parts)}."


def _above(estimate: Estimate | None, against: float, scale: Scale) -> Finding | None:
    """Whether a figure is shown to be above ``against``."""
    if estimate is None:
        return None
    verdicts = {Standing.ABOVE: Verdict.SEEN, Standing.OPEN: Verdict.OPEN, Standing.BELOW: Verdict.REVERSE}
    return Finding(words(estimate, scale), verdicts[standing(estimate, against)])


def _wins(method: str) -> Read:
    """That a method's texts win against the base model's more often than not, by the first judge."""

    def read(evidence: Evidence) -> Finding | None:
        measured = evidence.measured
        found = [own for judge in judges(measured)[:1] for own in _of(measured, WIN_RATE, method, judge)]
        return _above(found[0], COIN, PERCENT) if found else None

    return read


def _wins_more(method: str, reference: str) -> Read:
    """That they win more often than another's, prompt by prompt."""

    def read(evidence: Evidence) -> Finding | None:
        measured = evidence.measured
        for one, other, sign in ((method, reference, 1), (reference, method, -1)):
            for judge in judges(measured)[:1]:
                for own in _of(measured, f"{WIN_RATE}_minus_{other}", one, judge):
                    return _above(_signed(own, sign), 0.0, POINTS)
        return None

    return read


def _predicts_more(method: str, reference: str) -> Read:
    """That a method predicts more choices than another, user by user, of those known by the most pairs."""

    def read(evidence: Evidence) -> Finding | None:
        return _above(_ahead(evidence.measured, method, reference, VARIED), 0.0, POINTS)

    return read


def _retrieves(method: str, reference: str) -> Read:
    """The same in every world whose tastes depend on the topic; a format check shows nothing of it."""

    def read(evidence: Evidence) -> Finding | None:
        every, shifted = evidence.everywhere, VARIED | {"topic_shift": "on"}
        worlds = [every.of_dataset(name) for name in every.datasets if name not in every.checks]
        found = [own for world in worlds if (own := _ahead(world, method, reference, shifted)) is not None]
        return _above(found[0], 0.0, POINTS) if len(found) == 1 else _everywhere(found, 0.0, POINTS)

    return read


def _ahead(measured: Measured, method: str, reference: str, setting: Mapping[str, str | None]) -> Estimate | None:
    """By how much a method is ahead of another, whichever way round the difference was taken."""
    for one, other, sign in ((method, reference, 1), (reference, method, -1)):
        own = measured.one(metric_name(other), one, **setting)
        if own is not None:
            return _signed(own, sign)
    return None


def _more_attributes(evidence: Evidence) -> Finding | None:
    return _above(evidence.measured.one(metric_name("exact"), "exact", k="5", against="k=1"), 0.0, POINTS)


def _fewer_attributes(evidence: Evidence) -> Finding | None:
    """Of a library that has more than are kept."""
    found = _above(evidence.measured.one(metric_name("drift"), "drift", m=str(KEPT)), LITTLE, POINTS)
    size = evidence.about.get("attributes")
    if found is None or (size is not None and size <= KEPT):
        return None
    return replace(found, here=f"{found.here}, m = {KEPT}{f' of {size}' if size is not None else ''}")


def _greedy(evidence: Evidence) -> Finding | None:
    found = [own for _, own in evidence.measured.find(exhaustive.RATIO)]
    return _above(found[-1], NEAR, UNSIGNED) if found else None


def _entropy(evidence: Evidence) -> Finding | None:
    return _above(evidence.measured.one(entropy.CHANGE, "drift"), 0.0, SIGNED_BITS)


def _overhead(evidence: Evidence) -> Finding | None:
    """A timing has no interval: it tells neither way."""
    speed = evidence.speed
    shares = speed.loc[(speed["method"] == "exact") & speed["overhead"].notna(), "overhead"]
    if not len(shares):
        return None
    here = f"{OVERHEAD.text(float(shares.max()))}\N{NO-BREAK SPACE}%, a single timing without an interval"
    return Finding(here, Verdict.UNTOLD)


def _over_bt(evidence: Evidence) -> Finding | None:
    """VRF's choices against BT's in all groups of |C|."""
    found = evidence.measured.find(against_bt.WIN_RATE, against_bt.VRF)
    return _everywhere([own for _, own in found], COIN, PERCENT)


def _over_all(evidence: Evidence) -> Finding | None:
    """VRF's choices against every other method's in all groups of |C|."""
    rows = evidence.measured.find(f"{against_bt.WIN_RATE}_minus_{against_bt.VRF}")
    found = _everywhere([_signed(own, -1) for _, own in rows], 0.0, POINTS)
    others = dict.fromkeys(name_of(key.method).words for key, _ in rows)
    return None if found is None else replace(found, here=f"{found.here}; against {listed([*others])}")


def _everywhere(found: Sequence[Estimate], against: float, scale: Scale) -> Finding | None:
    if not found:
        return None
    where = [standing(own, against) for own in found]
    ends = [scale.text(end(own.value for own in found)) for end in (min, max)]
    clear = sum(one is Standing.ABOVE for one in where)
    here = f"{' to '.join(dict.fromkeys(ends))} {scale.unit}; clear in {clear} of {len(found)}"
    if all(one is Standing.ABOVE for one in where):
        return Finding(here, Verdict.SEEN)
    return Finding(here, Verdict.REVERSE if Standing.BELOW in where else Verdict.OPEN)


def _of(measured: Measured, metric: str, method: str, judge: str) -> Iterable[Estimate]:
    return [own for _, own in measured.find(metric, method, judge=judge)]


def _signed(own: Estimate, sign: int) -> Estimate:
    """The estimate, or its negative with the ends exchanged."""
    if sign > 0:
        return own
    return Estimate(-own.value, -own.high, -own.low, own.n_users, own.n_pairs, -own.high_items, -own.low_items)


DRIFT, EXACT = "Drift, Table 2", "EXACT, Table 3"
CLAIMS = (
    Claim("Drift's texts win against the base model's", f"{DRIFT}; {EXACT}", "61 to 63 %; 66 to 69 %", _wins("drift")),
    Claim("EXACT's texts win against the base model's", EXACT, "72 to 78 %", _wins("exact")),
    Claim("EXACT's texts win more often than Drift's", EXACT, "+3 to +12 points", _wins_more("exact", "drift")),
    Claim("Best-of-N wins against the base model (here: by BT)", DRIFT, "52 to 54 %", _wins("best_of_n-bt")),
    Claim(
        "Drift's texts win more often than Best-of-N's (here: by BT)",
        DRIFT,
        "+8 to +10 points",
        _wins_more("drift", "best_of_n-bt"),
    ),
    Claim("ARGS wins against the base model (here: by VRF)", DRIFT, "50 to 51 %", _wins("args-vrf")),
    Claim("DPO per user wins against the base model", DRIFT, "51 to 53 %", _wins("dpo")),
    Claim(
        "EXACT predicts choices better than Drift",
        "EXACT, Table 2",
        "+4.6 to +10.3 points",
        _predicts_more("exact", "drift"),
    ),
    Claim(
        "EXACT predicts choices better than history in the prompt",
        "EXACT, Table 2",
        "+2.4 to +11.6 points",
        _predicts_more("exact", "history"),
    ),
    Claim(
        "EXACT predicts choices better than a reward model per user",
        "EXACT, Table 2",
        "\N{MINUS SIGN}0.5 to +16.8 points",
        _predicts_more("exact", "lora_reward"),
    ),
    Claim(
        "Drift predicts choices better than a reward model per user",
        "Drift, Figure 3; EXACT, Table 2",
        "\N{MINUS SIGN}5.1 to +6.6 points",
        _predicts_more("drift", "lora_reward"),
    ),
    Claim(
        "Retrieval predicts better than one subset where tastes depend on the topic",
        "EXACT, Table 8",
        "+6.5 to +8.8 points",
        _retrieves("exact", "exact_global"),
    ),
    Claim(
        "The same, by what attributes add over none",
        "EXACT, Table 8",
        "+6.5 to +8.8 points",
        _retrieves("exact_anchored", "exact_global_anchored"),
    ),
    Claim("Five attributes predict better than one", "EXACT, Figure 1", "a figure", _more_attributes),
    Claim(
        "Keeping the weightiest attributes alone costs Drift little (here: three of them, at most two points)",
        "Drift, Figure 4",
        "a figure",
        _fewer_attributes,
    ),
    Claim("Greedy selection comes near the best subset", "EXACT, Table 7", "ratios of 0.90 to 0.97", _greedy),
    Claim("Finding attributes takes little of a text's time", "EXACT, section 4.2", "5.27 %", _overhead),
    Claim("Drift opens the choice of the next token", "Drift, section 5", "0.27 to 0.63 bits", _entropy),
    Claim("VRF's choices beat BT's for every number of known pairs", "VRF, Figure 3c", "a figure", _over_bt),
    Claim("VRF's choices beat every other method's", "VRF, Figure 3c", "a figure", _over_all),
)
