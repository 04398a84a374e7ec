"""Candidate uncertainties as the page names them: what each is meant to show, and what it is made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from prefactor.evaluation.uncertainty import BT, BY_CONFIDENCE, COMBINED, FITTED, FITTED_BEFORE


class Role(Enum):
    """What a candidate is meant to show, whether or not it does."""

    DATA = "lack of data"
    INCONSISTENCY = "inconsistency"
    RANKING = "ranking users by error"


@dataclass(frozen=True)
class Candidate:
    """``meaning`` may call on the candidate before it: "the same without ..."."""

    name: str
    role: Role
    meaning: str


CANDIDATES = {
    "sigma": Candidate("σ as published", Role.DATA, "mean deviation of the user's posterior (VRF, section 5)"),
    "weight_spread": Candidate(
        "spread of weights", Role.DATA, "mean deviation of the user's weights, in units of their prior"
    ),
    "disagreement": Candidate(
        "disagreement",
        Role.INCONSISTENCY,
        "of the shares that the encoder gives with those that the pairs' evidence gives",
    ),
    "entropy": Candidate("entropy of weights", Role.DATA, "of the user's shares of the bases"),
    "expected_error": Candidate(
        "expected error",
        Role.DATA,
        "mean probability of being wrong on a pool of unlabelled pairs, the same for all users",
    ),
    "plain_doubt": Candidate("low confidence on a pool", Role.RANKING, "the same without the reward's variance"),
    "reference_nll": Candidate(
        "surprise", Role.INCONSISTENCY, "mean negative log-likelihood of the user's own known pairs"
    ),
    "held_out_nll": Candidate(
        "held-out surprise",
        Role.INCONSISTENCY,
        "the same of each half of them, by the model that knows the other half",
    ),
    "flip_rate": Candidate(
        "flip rate", Role.INCONSISTENCY, "share of known pairs that those probabilities take for slips"
    ),
    COMBINED: Candidate(
        "combined", Role.RANKING, "expected error and held-out surprise, on scales from validation users"
    ),
    "combined_more": Candidate("combined with disagreement", Role.RANKING, "the same and disagreement"),
    "combined_flips": Candidate(
        "combined with flips", Role.RANKING, "expected error and flip rate, on scales from validation users"
    ),
    FITTED: Candidate(
        "fitted",
        Role.RANKING,
        "expected error, both surprises and low confidence, weighed by a fit to validation users' error; it reads the "
        "pairs to predict, without their labels",
    ),
    FITTED_BEFORE: Candidate(
        "fitted beforehand",
        Role.RANKING,
        "the same without low confidence: what can be known before the pairs to predict are",
    ),
    BY_CONFIDENCE: Candidate(
        "low confidence",
        Role.RANKING,
        "one minus mean confidence in the very pairs to predict, without their labels",
    ),
    BT: Candidate("BT's low confidence", Role.RANKING, "the same by BT, whose reward is everybody's"),
}


def name_of(candidate: str) -> str:
    """As it is printed; a method may offer some that are not listed here."""
    return CANDIDATES[candidate].name if candidate in CANDIDATES else candidate


def role_of(candidate: str) -> str:
    """As it is printed; empty for one that is not listed here."""
    return CANDIDATES[candidate].role.value if candidate in CANDIDATES else ""


def meanings(used: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Name and meaning of those that are used."""
    return tuple((CANDIDATES[key].name, CANDIDATES[key].meaning) for key in _listed(used))


def roles(used: Iterable[str]) -> str:
    """One line: which of those that are used are for what."""
    shown = [CANDIDATES[key] for key in _listed(used)]
    names = {role: ", ".join(item.name for item in shown if item.role is role) for role in Role}
    return "; ".join(f"{role.value} ({named})" for role, named in names.items() if named)


def _listed(used: Iterable[str]) -> list[str]:
    known = {*used}
    return [key for key in CANDIDATES if key in known]
