"""What the papers claim, and what it looks like here: claim by claim, with what the intervals let one say."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import pandas as pd

from prefactor.evaluation.comparison import metric_name
from prefactor.evaluation.generation import against_bt, entropy, exhaustive
from prefactor.evaluation.generation.win_rates import WIN_RATE
from prefactor.reporting.estimates import PERCENT, POINTS, Estimate, Scale
from prefactor.reporting.generation.measured import Measured
from prefactor.reporting.generation.printed import COIN, RATIO, Standing, standing, words
from prefactor.reporting.generation.scorers import VARIED
from prefactor.reporting.generation.speed import OVERHEAD, SIGNED_BITS
from prefactor.reporting.generation.win_rates import judges

LITTLE = -0.02  # accuracy that a reduction may cost and still be modest: our reading
NEAR = 0.90  # the least ratio of greedy to the best that EXACT reports
PUBLISHED_SHARE = 0.0527


class Verdict(Enum):
    """What the figures here say of a claim."""

    SEEN = "seen here"
    OPEN = "not shown here"
    REVERSE = "the reverse seen here"


@dataclass(frozen=True)
class Finding:
    """What was found of a claim, in figures, and the verdict."""

    here: str
    verdict: Verdict


Read = Callable[[Measured, pd.DataFrame], Finding | None]


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


def lines_of_claims(measured: Measured, speed: pd.DataFrame) -> tuple[Line, ...]:
    """Those of CLAIMS that can be held against figures."""
    found = ((claim, claim.read(measured, speed)) for claim in CLAIMS)
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

    def read(measured: Measured, _: pd.DataFrame) -> Finding | None:
        found = [own for judge in judges(measured)[:1] for own in _of(measured, WIN_RATE, method, judge)]
        return _above(found[0], COIN, PERCENT) if found else None

    return read


def _wins_more(method: str, reference: str) -> Read:
    """That they win more often than another's, prompt by prompt."""

    def read(measured: Measured, _: pd.DataFrame) -> Finding | None:
        for one, other, sign in ((method, reference, 1), (reference, method, -1)):
            for judge in judges(measured)[:1]:
                for own in _of(measured, f"{WIN_RATE}_minus_{other}", one, judge):
                    return _above(_signed(own, sign), 0.0, POINTS)
        return None

    return read


def _predicts_more(method: str, reference: str, **setting: str | None) -> Read:
    """That a method predicts more choices than another, user by user, of those known by the most pairs."""

    def read(measured: Measured, _: pd.DataFrame) -> Finding | None:
        wanted = VARIED | setting
        for one, other, sign in ((method, reference, 1), (reference, method, -1)):
            own = measured.one(metric_name(other), one, **wanted)
            if own is not None:
                return _above(_signed(own, sign), 0.0, POINTS)
        return None

    return read


def _more_attributes(measured: Measured, _: pd.DataFrame) -> Finding | None:
    return _above(measured.one(metric_name("exact"), "exact", k="5", against="k=1"), 0.0, POINTS)


def _fewer_attributes(measured: Measured, _: pd.DataFrame) -> Finding | None:
    own = measured.one(metric_name("drift"), "drift", m="10") or measured.one(metric_name("drift"), "drift", m="7")
    return _above(own, LITTLE, POINTS)


def _greedy(measured: Measured, _: pd.DataFrame) -> Finding | None:
    found = [own for _, own in measured.find(exhaustive.RATIO)]
    return _above(found[-1], NEAR, RATIO) if found else None


def _entropy(measured: Measured, _: pd.DataFrame) -> Finding | None:
    return _above(measured.one(entropy.CHANGE, "drift"), 0.0, SIGNED_BITS)


def _overhead(_: Measured, speed: pd.DataFrame) -> Finding | None:
    shares = speed.loc[(speed["method"] == "exact") & speed["overhead"].notna(), "overhead"]
    if not len(shares):
        return None
    share = float(shares.max())
    verdict = Verdict.SEEN if share <= PUBLISHED_SHARE else Verdict.REVERSE
    return Finding(f"{OVERHEAD.text(share)}\N{NO-BREAK SPACE}%, no interval", verdict)


def _over_bt(measured: Measured, _: pd.DataFrame) -> Finding | None:
    """VRF's choices against BT's in all groups of |C|."""
    found = measured.find(against_bt.WIN_RATE, against_bt.VRF)
    return _everywhere([(key.parsed[against_bt.KNOWN], own) for key, own in found], COIN, PERCENT)


def _over_all(measured: Measured, _: pd.DataFrame) -> Finding | None:
    """VRF's choices against every other method's in all groups of |C|."""
    found = measured.find(f"{against_bt.WIN_RATE}_minus_{against_bt.VRF}")
    return _everywhere([(key.parsed[against_bt.KNOWN], _signed(own, -1)) for key, own in found], 0.0, POINTS)


def _everywhere(found: Sequence[tuple[str, Estimate]], against: float, scale: Scale) -> Finding | None:
    if not found:
        return None
    where = [standing(own, against) for _, own in found]
    ends = [scale.text(end(own.value for _, own in found)) for end in (min, max)]
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
        _predicts_more("exact", "exact_global", topic_shift="on"),
    ),
    Claim(
        "The same, by what attributes add over none",
        "EXACT, Table 8",
        "+6.5 to +8.8 points",
        _predicts_more("exact_anchored", "exact_global_anchored", topic_shift="on"),
    ),
    Claim("Five attributes predict better than one", "EXACT, Figure 1", "a figure", _more_attributes),
    Claim(
        "Keeping the weightiest attributes alone costs Drift little (here: at most two points)",
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
