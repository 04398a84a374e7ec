"""Every candidate has a name, a role and a meaning."""

from prefactor.evaluation.uncertainty import GENERAL
from prefactor.reporting.candidates import CANDIDATES, Role, meanings, name_of, role_of, roles


def test_every_candidate_of_any_method_has_a_name_of_its_own_and_a_meaning() -> None:
    names = [candidate.name for candidate in CANDIDATES.values()]
    assert {*GENERAL} <= {*CANDIDATES} and len({*names}) == len(names)
    assert all(meaning for _, meaning in meanings(CANDIDATES))


def test_roles_are_those_of_the_evaluation() -> None:
    """``evaluation.uncertainty`` says in what lack of data and inconsistency show; what combines them ranks."""
    found = {role: {key for key, candidate in CANDIDATES.items() if candidate.role is role} for role in Role}
    assert {"sigma", "weight_spread", "entropy", "expected_error"} == found[Role.DATA]
    assert {"reference_nll", "held_out_nll", "flip_rate"} < found[Role.INCONSISTENCY]
    assert {"combined", "combined_more", "combined_flips", "fitted", "low_confidence", "bt"} < found[Role.RANKING]


def test_the_line_of_roles_has_only_what_is_used_and_known() -> None:
    assert roles(["flip_rate", "sigma", "of its own"]) == "lack of data (σ as published); inconsistency (flip rate)"
    assert roles(["of its own"]) == "" and meanings(["of its own"]) == ()
    assert (name_of("of its own"), role_of("of its own")) == ("of its own", "")
