"""Sections of the page: what intervals allow to be said, in the words that it is said in."""

from html import unescape

import pytest

from prefactor.reporting.diagnosis.differences import differences_part
from prefactor.reporting.diagnosis.failure import Failure, beside_noise, failures
from prefactor.reporting.diagnosis.gains import gains_part
from prefactor.reporting.diagnosis.headline import headline
from prefactor.reporting.diagnosis.known import known_part
from prefactor.reporting.diagnosis.law import law_part
from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.names import LAWS, name_of, styles_of
from prefactor.reporting.diagnosis.quantities import quantities_part
from prefactor.reporting.diagnosis.rules import rules_part
from prefactor.reporting.diagnosis.utilities import utilities_part
from prefactor.reporting.diagnosis.verdicts import verdicts_part
from prefactor.reporting.printed import Standing
from tests.reporting.diagnosis.made_up import KAPPA, SIZES, curve, figures, measured, rates, row, rules

NARROW_SPACE = "\N{NO-BREAK SPACE}"


def said(text: str) -> str:
    return text.replace(NARROW_SPACE, " ")


def test_the_head_claims_what_the_wider_interval_supports() -> None:
    apart = measured(*curve("vrf", 0.6), *curve("bt", 0.2), *rates("bt", collapse_rate=0.4))
    assert said(headline("Jester", apart)) == (
        "On Jester, choosing among 8 candidates brings most by VRF: 0.85 sd, 60 % of what the oracle would gain; "
        "users collapse with BT"
    )
    near = measured(*curve("vrf", 0.6, shared=0.3), *curve("bt", 0.5, shared=0.3))
    assert "brings most by VRF (not told from BT): 0.85 sd" in headline("Jester", near)
    alone = measured(*curve("vrf", 0.6))
    assert "candidates by VRF brings 0.85 sd" in headline("Jester", alone)
    nobody = measured(*curve("vrf", 0.6, shared=0.7), *rates("vrf", hacking_rate_corrected=0.3))
    assert headline("Jester", nobody).endswith(
        "gain anything by choosing among 8 candidates; queries are hacked with VRF"
    )


def test_a_failure_is_named_where_more_than_a_tenth_is_shown() -> None:
    found = measured(*curve("m", 1.0), *rates("m", collapse_rate=0.105, hacking_rate_corrected=0.12))
    assert failures(found, "m") == (Failure.HACKING,)
    wide = measured(*curve("m", 1.0), row("m", "hacking_rate_corrected", 0.12, shared=0.05))
    assert failures(wide, "m") == ()


@pytest.mark.parametrize(("noise", "where"), [(0.1, Standing.ABOVE), (0.19, Standing.OPEN), (0.3, Standing.BELOW)])
def test_hacking_is_held_beside_what_noise_makes(noise: float, where: Standing) -> None:
    found = measured(*curve("m", 1.0), *rates("m", hacking_rate=0.2, hacking_rate_of_noise=noise))
    assert beside_noise(found, "m") is where


def test_intervals_of_shares_end_where_shares_do() -> None:
    found = measured(row("m", "collapse_rate", 0.98, half=0.01, shared=0.5)).one("m", "collapse_rate")
    assert (
        found is not None and (found.high_items, found.high) == (1.0, 0.99) and found.low_items == pytest.approx(0.47)
    )


def test_the_words_name_criteria_noise_and_who_collapsed() -> None:
    rows = rates(
        "m",
        collapse_rate=0.3,
        collapse_by_spread=0.1,
        collapse_by_correlation=0.25,
        hacking_rate=0.2,
        hacking_rate_of_noise=0.1,
        hacking_rate_corrected=0.15,
    )
    traits = {"gold_spread": -0.4, "known_pairs": 0.005}
    rows += [row("m", "collapsed_minus_others", value, law=trait) for trait, value in traits.items()]
    rows += [row("m", "collapsed_minus_others", 0.0, half=0.0, law="queries")]
    part = verdicts_part(measured(*curve("m", 1.0), *rows), None)
    assert part is not None
    (text,) = (said(unescape(sentence)) for sentence in part.sentences)
    assert "30.0 % [29.0 – 31.0] of users have collapsed (10.0 % by spread and 25.0 % by correlation)" in text
    assert "the spread of their utilities within a query is smaller (−0.40 [−0.41 to −0.39]) than with others" in text
    assert "They are not told from others by the number of their known pairs." in text, "all have as many queries"
    assert "20.0 % [19.0 – 21.0] of the others' queries look hacked, more than the 10.0 % [9.0 – 11.0]" in text
    assert text.endswith("Worth paying for: N = 8 at least, the largest that was measured.")


def test_harm_and_nothing_shown_are_said() -> None:
    part = verdicts_part(measured(*curve("good", 0.1, shared=0.5), *curve("bad", -0.5)), None)
    assert part is not None
    assert "is not shown to gain anything with N = 8" in part.sentences[0]
    assert "does harm: −0.71 sd" in part.sentences[1]
    assert "No user has collapsed" not in part.sentences[0], "nobody said so"


def test_gains_are_in_spreads_and_shares_of_the_oracle() -> None:
    found = measured(*curve("m", 2.0), spread=4.0)
    part = gains_part(found, styles_of(found.models))
    assert part is not None
    cells = part.tables[0].table.rows[0].cells
    assert [cell.text for cell in cells] == ["+0.28", "+0.52", "+0.71", "50.0"]
    assert part.tables[0].table.ceilings[0].label == "Oracle" and "above a blind choice" in part.sentences[0]


def laws(model: str, errors: dict[str, float], bias: float) -> list[dict[str, object]]:
    rows = [row(model, "law_error", value, law=law) for law, value in errors.items()]
    rows += [row(model, "law_bias", bias, law=law) for law in errors]
    return rows + [
        row(model, "predicted_gain", k, law=law, n=n) for law in errors for n, k in zip(SIZES, KAPPA, strict=True)
    ]


def test_laws_are_judged_by_their_bias_and_told_apart_by_their_errors() -> None:
    errors = dict(zip(LAWS, (0.3, 0.1, 0.2, 0.2), strict=True))
    found = measured(
        *curve("vrf", 0.8), *laws("vrf", errors, 0.1), *curve("bt", 0.7), *laws("bt", dict.fromkeys(LAWS, 0.1), 0)
    )
    part = law_part(found, styles_of(found.models), "users")
    assert part is not None and "one half of the users" in part.lead and len(part.panels) == 2
    judged = (
        "Over all N together the published law promises too much for VRF; is not told from what was observed for BT."
    )
    assert part.sentences[0] == judged
    assert part.sentences[-1] == "Nearest: the law with the measured κ for VRF; no law is told from the next for BT."


def test_kappa_is_held_beside_the_normal_one() -> None:
    normal = [row("", "kappa_normal", k, half=0.0, n=n) for n, k in zip(SIZES, KAPPA, strict=True)]
    own = [row("oracle", "kappa", 1.2 * k, n=n) for n, k in zip(SIZES, KAPPA, strict=True)]
    shape = [row("oracle", "skewness", 1.1), row("oracle", "excess_kurtosis", -0.2)]
    part = utilities_part(measured(*curve("m", 1.0), *normal, *own, *shape))
    assert part is not None
    assert part.sentences[0] == "At N = 8 the measured κ is 1.70 [1.69 – 1.71], above the normal one, 1.42."
    assert part.sentences[1].startswith("Skewness +1.10 and excess kurtosis −0.20 of gold")


def differences(
    collapse: float, hacking: float, corrected: float, shared: float = 0.0, own: str = "prob", other: str = "det"
) -> list[dict[str, object]]:
    values = {"collapse_rate": collapse, "hacking_rate": hacking, "hacking_rate_corrected": corrected}
    rows = [row(own, f"{name}_minus", value, law=other, shared=shared) for name, value in values.items()]
    return [*rows, row(own, "gain_minus", 0.2, law=other, n=8, shared=shared)]


def test_the_learned_variance_gets_an_answer_by_the_wider_interval() -> None:
    both = [*curve("prob", 0.8), *curve("det", 0.7)]
    for shared, answers in ((0.0, ("yes", "no, more", "cannot tell", "yes")), (0.5, ("cannot tell",) * 4)):
        found = measured(*both, *differences(-0.1, 0.1, 0.005, shared))
        part = differences_part(found, styles_of(found.models))
        assert part is not None
        (text,) = part.sentences
        assert text.startswith(
            "Does the learned variance reduce collapse and hacking? Prob against Det: fewer collapsed"
        )
        assert (
            tuple(clause.partition(": ")[2].split(" (")[0] for clause in text.partition("Det: ")[2].split("; "))
            == answers
        )


@pytest.mark.parametrize(
    ("own", "other", "asked"),
    [
        ("prob/faithful", "det/faithful", True),
        ("prob_global", "det_global", True),
        ("prob", "det_global", False),
        ("prob_global", "det", False),
        ("prob", "det/faithful", False),
        ("probability", "detector", False),
        ("det", "prob", False),
    ],
)
def test_only_pairs_that_differ_in_the_learned_variance_alone_are_asked_about_it(
    own: str, other: str, asked: bool
) -> None:
    found = measured(*curve(own, 0.8), *curve(other, 0.7), *differences(-0.1, 0.1, 0.0, own=own, other=other))
    part = differences_part(found, styles_of(found.models))
    assert part is not None and part.sentences[0].startswith("Does the learned variance") is asked


def test_rules_have_a_verdict_curves_and_figures_in_spreads() -> None:
    found = measured(*curve("vrf", 0.8), spread=2.0)
    part = rules_part(found, rules({"mean - c std": 0.1, "global": -0.4}), styles_of(found.models))
    assert part is not None and [panel.title for panel in part.panels] == ["Mean − c std", "Global"]
    (text,) = part.sentences
    assert said(text) == (
        "VRF: 1 of 2 rules beat plain argmax: mean − c std at 1, +0.05 sd [+0.04 to +0.06] at N = 2, "
        "+10.0 % of the gain (also at N = 4, 8)."
    )
    lines = part.tables[0].table.rows
    assert [line.label for line in lines] == ["VRF: mean − c std at 1", "VRF: global at 1"]
    assert {cell.text for cell in lines[0].cells} == {"+0.05"}, "the same digits"
    none = rules_part(found, rules({"global": -0.4}), styles_of(found.models))
    assert none is not None
    assert none.sentences[0].startswith("VRF: none of 1 rules beats plain argmax; the largest difference is global")
    assert rules_part(found, rules({}), styles_of(found.models)) is None, "plain argmax alone is no rule to compare"


def test_fewer_known_pairs_stand_before_all_of_them() -> None:
    found = measured(*curve("vrf", 0.8), *rates("vrf", collapse_rate=0.1))
    few = Measured.of(figures(*curve("vrf", 0.3), *rates("vrf", collapse_rate=0.4)))
    part = known_part(found, {9: found, 3: few}, styles_of(found.models))
    assert part is not None
    labels = [line.label for line in part.tables[0].table.rows]
    assert labels == ["VRF, |C| = 3", "VRF, |C| = 9", "VRF, all pairs"]
    assert part.tables[0].table.rows[0].cells[0].text == "40.0"


def test_columns_that_nobody_has_are_left_out() -> None:
    found = measured(*curve("m", 1.0), *rates("m", collapse_rate=0.1))
    part = quantities_part(found, styles_of(found.models))
    assert part is not None and [len(item.table.headings) for item in part.tables] == [1]


def test_names_and_colours_tell_models_apart() -> None:
    assert [*map(name_of, ("vrf", "vrf/faithful", "my/reward", "oracle"))] == [
        "VRF",
        "VRF (faithful)",
        "my/reward",
        "Oracle",
    ]
    found = styles_of(["vrf/faithful", "vrf", "bt", "a", "b", "c", "d", "e", "f", "g"])
    assert found["vrf"].colour == found["vrf/faithful"].colour == "vermillion"
    assert (found["vrf"].open, found["vrf/faithful"].open) == (False, True)
    assert len({(style.colour, style.open) for style in found.values()}) == len(found)
