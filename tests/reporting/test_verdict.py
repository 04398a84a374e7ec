"""The sentences follow the numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefactor.reporting.estimates import Estimate
from prefactor.reporting.tables import ACCURACY, DIFFERENCE, FROM_VRF, Contender, Key, Section
from prefactor.reporting.verdict import Outcome, above_vrf, comparisons, headline, standing, verdict, vrf_and

BT, VRF, LORE, EB = (Contender(method, "default") for method in ("bt", "vrf", "lore", "eb"))
SIZE = "|C|\N{NO-BREAK SPACE}="
Ends = tuple[float, float, float]


def section(accuracy: dict[Contender, Ends], difference: dict[Contender, Ends] | None = None) -> Section:
    """A section with figures (value, low, high) on unseen users."""
    rows = {Key(item, ACCURACY, "unseen"): Estimate(*ends) for item, ends in accuracy.items()}
    paired = {Key(item, DIFFERENCE, "unseen"): Estimate(*ends) for item, ends in (difference or {}).items()}
    return Section("prism", "within-user", "minilm", {**rows, **paired}, {})


def test_an_interval_above_bt_beats_it() -> None:
    found = section({BT: (0.60, 0.58, 0.62), VRF: (0.70, 0.68, 0.72)})
    assert verdict(found, "unseen").startswith("On unseen users, VRF\N{NO-BREAK SPACE}")
    assert " beats BT" in verdict(found, "unseen") and "no method" not in verdict(found, "unseen")
    assert headline(found) == (
        "On prism, VRF predicts 70.0\N{NO-BREAK SPACE}% of the choices of people it was not trained on, "
        "against 60.0\N{NO-BREAK SPACE}% with one reward for everybody"
    )


def test_overlapping_intervals_beat_nothing() -> None:
    found = section({BT: (0.60, 0.58, 0.62), VRF: (0.63, 0.61, 0.65)})
    assert "no method beats BT: " in verdict(found, "unseen")
    assert "cannot be told from BT" in verdict(found, "unseen")
    assert "no personal reward is shown to beat one reward for everybody" in headline(found)


def test_the_headline_is_about_a_personal_reward_where_there_is_one() -> None:
    longer, ref = Contender("longer_text", "default"), Contender("ref", "default")
    found = section({BT: (0.60, 0.58, 0.62), VRF: (0.61, 0.59, 0.63), longer: (0.70, 0.68, 0.72), ref: (0.8, 0.7, 0.9)})
    assert "VRF predicts 61.0" in headline(found) and "no personal reward" in headline(found)
    assert "Longer" in headline(section({longer: (0.70, 0.68, 0.72)}))


def test_paired_differences_decide_where_intervals_overlap() -> None:
    accuracy = {BT: (0.60, 0.58, 0.62), VRF: (0.62, 0.60, 0.64), LORE: (0.59, 0.57, 0.61)}
    found = section(accuracy, {VRF: (0.02, 0.01, 0.03), LORE: (-0.01, -0.02, -0.002)})
    outcomes = {item.contender: item.outcome for item in comparisons(found, "unseen")}
    assert outcomes == {VRF: Outcome.ABOVE, LORE: Outcome.BELOW}
    sentence = verdict(found, "unseen")
    assert "(+2.0 points, +1.0 to +3.0) beats BT" in sentence
    assert "(\N{MINUS SIGN}1.0 points, \N{MINUS SIGN}2.0 to \N{MINUS SIGN}0.2) falls short of BT" in sentence


def test_without_intervals_nothing_is_claimed() -> None:
    nan = math.nan
    found = section({BT: (0.60, nan, nan), VRF: (0.90, nan, nan)})
    assert "no method beats BT" in verdict(found, "unseen") and "no interval" in verdict(found, "unseen")


def test_the_oracle_is_no_contender() -> None:
    found = section({BT: (0.60, 0.58, 0.62), Contender("oracle", "true scores"): (0.98, 0.97, 0.99)})
    assert verdict(found, "unseen") == ""
    assert "Oracle" not in headline(found)


@pytest.mark.parametrize("accuracy", [{}, {VRF: (0.7, 0.6, 0.8)}, {VRF: (math.nan, math.nan, math.nan)}])
def test_without_bt_there_is_no_verdict(accuracy: dict[Contender, Ends]) -> None:
    assert verdict(section(accuracy), "unseen") == ""
    assert "prism" in headline(section(accuracy))


@given(st.floats(-0.3, 0.3), st.floats(0, 0.2), st.floats(0, 0.2))
def test_a_method_beats_bt_exactly_if_the_interval_lies_above_zero(value: float, below: float, above: float) -> None:
    found = section({BT: (0.5, 0.4, 0.6), VRF: (0.5, 0.4, 0.6)}, {VRF: (value, value - below, value + above)})
    assert (") beats BT" in verdict(found, "unseen")) == (value - below > 0)
    assert (") falls short of BT" in verdict(found, "unseen")) == (value + above < 0)
    assert ("one reward for everybody: " in headline(found)) == (value - below <= 0)


def test_who_lies_above_vrf_is_said_for_each_number_of_pairs() -> None:
    rows = {
        Key(LORE, FROM_VRF, "unseen", 1): Estimate(-0.01, -0.02, 0.01),
        Key(LORE, FROM_VRF, "unseen", 9): Estimate(0.02, 0.01, 0.03),
        Key(BT, FROM_VRF, "unseen", 9): Estimate(0.01, 0.0, 0.02),
    }
    found = Section("prism", "within-user", "minilm", rows, {}, "default", "default")
    none, some = above_vrf(found)
    assert none == "No other method's paired interval lies above VRF on unseen users at |C|\N{NO-BREAK SPACE}= 1."
    assert "= 9, LoRe" in some and "BT" not in some and "+2.0 points" in some


def test_places_with_the_same_methods_above_share_a_sentence() -> None:
    """One sentence for each set of methods, not for each size; of several differences the least and the most."""
    high, higher, level = Estimate(0.02, 0.01, 0.03), Estimate(0.05, 0.04, 0.06), Estimate(0.0, -0.01, 0.01)
    rows = {Key(LORE, FROM_VRF, "unseen", size): at for size, at in ((1, high), (9, higher), (45, level))}
    rows |= {Key(BT, FROM_VRF, "unseen", size): high for size in (1, 9, 45)} | {Key(BT, FROM_VRF, "unseen"): high}
    one, both = above_vrf(Section("d", "pairs", "b", rows, {}, "default", "default"))
    bt, lore = (item.label.replace(" ", "\N{NO-BREAK SPACE}") for item in (BT, LORE))
    names = {bt: "+2.0 points, +1.0 to +3.0", lore: "+2.0 to +5.0 points"}
    assert both.startswith(f"On unseen users at {SIZE} 1, 9, ") and both.endswith(" lie above VRF.")
    assert all(f"{name} ({words})" in both for name, words in names.items())
    assert one == f"On unseen users at {SIZE} 45 and all, {bt} ({names[bt]}) lies above VRF."


def test_overall_is_part_of_every_sentence_that_results_know_it_for() -> None:
    """All of seen and unseen users together may settle what neither alone does."""
    level, above = Estimate(0.01, -0.01, 0.03), Estimate(0.012, 0.001, 0.02)
    rows = {Key(BT, FROM_VRF, split): level for split in ("seen", "unseen")} | {Key(BT, FROM_VRF, "overall"): above}
    found = Section("d", "pairs", "b", rows, {}, "default", "default")
    assert above_vrf(found)[1].startswith("On seen and unseen users together, BT")
    assert vrf_and(found, "bt").endswith("VRF is below BT on seen and unseen users together.")
    rows = {Key(BT, ACCURACY, "overall"): Estimate(0.6), Key(VRF, DIFFERENCE, "overall"): Estimate(-0.02, -0.03, -0.01)}
    said = verdict(Section("d", "pairs", "b", rows, {}), "overall")
    assert said.startswith("On seen and unseen users together, no method beats BT: VRF") and "falls short" in said


def test_an_end_that_rounds_to_zero_is_told_from_zero() -> None:
    above, touching = Estimate(0.0167, 0.0004, 0.033), Estimate(0.0167, 0.0, 0.033)
    for paired, words in ((above, "+1.67 points, +0.04 to +3.30"), (touching, "+1.7 points, 0.0 to +3.3")):
        rows = {Key(BT, ACCURACY, "unseen"): Estimate(0.6), Key(VRF, DIFFERENCE, "unseen"): paired}
        assert words in verdict(Section("d", "pairs", "b", rows, {}), "unseen")


def test_both_halves_are_called_that_and_may_fall_short() -> None:
    rows = {Key(item, ACCURACY, "unseen"): Estimate(value) for item, value in ((BT, 0.56), (VRF, 0.55))}
    rows |= {Key(VRF, DIFFERENCE, "unseen"): Estimate(-0.017, -0.033, -0.001)}
    rows |= {Key(BT, FROM_VRF, "unseen", size): Estimate(0.017, 0.001, 0.033) for size in (1, 9)}
    both = Section("prism + swapped", "pairs", "b", rows, {}, "default", "default")
    assert verdict(both, "unseen").startswith("On unseen users of both halves, no method beats BT: VRF")
    assert headline(both).startswith(
        "On both halves of prism, VRF falls short of one reward for everybody: VRF predicts"
    )
    assert vrf_and(both, "bt").endswith(f"VRF is below BT on unseen users of both halves at {SIZE} 1, 9.")


def test_without_differences_nothing_is_said_of_vrf() -> None:
    assert above_vrf(section({BT: (0.60, 0.58, 0.62)})) == ()


def test_whoever_lies_above_vrf_by_users_alone_is_named() -> None:
    """The wider interval makes it easier to say that nobody lies above."""
    wide = Estimate(0.02, 0.01, 0.03, low_items=-0.01, high_items=0.05)
    rows = {
        Key(LORE, FROM_VRF, "seen"): wide,
        Key(LORE, FROM_VRF, "unseen", 9): wide,
        Key(BT, FROM_VRF, "unseen", 9): Estimate(-0.02, -0.03, -0.01, low_items=-0.05, high_items=0.01),
        Key(BT, FROM_VRF, "seen"): Estimate(0.02, 0.01, 0.03, low_items=0.001, high_items=0.04),
    }
    found = Section("jester", "pairs", "minilm", rows, {}, "default", "default")
    none, some, alone = above_vrf(found)
    assert none == f"No other method's paired interval lies above VRF on unseen users at {SIZE} 9."
    assert some.startswith("On seen users, BT") and "LoRe" not in some
    lore = "LoRe \N{MIDDLE DOT} default".replace(" ", "\N{NO-BREAK SPACE}")
    assert alone == (
        "By the interval over users alone, not by the wider one, above VRF: "
        f"{lore} on seen users and on unseen users at {SIZE} 9 (+2.0 points, +1.0 to +3.0)."
    )


def said_of(other: Contender, ends: dict[tuple[str, int | None], Estimate]) -> str:
    """The sentence on VRF and another method, of the other's paired differences from VRF."""
    rows = {Key(other, FROM_VRF, *place): estimate for place, estimate in ends.items()}
    return vrf_and(Section("jester", "pairs", "minilm", rows, {}, "default", "default"), other.method)


@pytest.mark.parametrize("other", [BT, EB])
def test_how_vrf_stands_is_said_for_seen_users_and_each_number_of_pairs(other: Contender) -> None:
    below, above, level = Estimate(-0.02, -0.03, -0.01), Estimate(0.02, 0.01, 0.03), Estimate(0.0, -0.01, 0.01)
    wide = Estimate(-0.02, -0.03, -0.01, low_items=-0.05, high_items=0.01)
    mixed = {("seen", None): below, ("unseen", 1): above, ("unseen", 3): wide, ("unseen", 9): below}
    assert said_of(other, {**mixed, ("unseen", 45): below}) == (
        f"VRF's paired interval lies above {other.name} on seen users and on unseen users at {SIZE} 9, 45; it reaches "
        f"zero on unseen users at {SIZE} 3; by these intervals VRF is below {other.name} on unseen users at {SIZE} 1."
    )
    assert said_of(other, {("seen", None): below, ("unseen", 1): below}) == (
        f"VRF's paired interval lies above {other.name} on seen users and on unseen users at {SIZE} 1; "
        f"by these intervals VRF is below {other.name} nowhere."
    )
    assert said_of(other, {("seen", None): level}) == (
        f"VRF's paired interval lies above {other.name} nowhere; it reaches zero on seen users; "
        f"by these intervals VRF is below {other.name} nowhere."
    )


def test_without_intervals_nothing_is_said_of_vrf_and_another_method() -> None:
    assert said_of(BT, {("seen", None): Estimate(-0.02)}) == "" == said_of(BT, {})
    assert vrf_and(section({LORE: (0.7, 0.6, 0.8)}, {LORE: (0.1, 0.0, 0.2)}), "bt") == ""


def test_the_variant_that_stands_beside_vrf_is_of_vrfs_own() -> None:
    """Else it is the best, and named."""
    faithful, below = Contender("eb", "faithful"), Estimate(-0.02, -0.03, -0.01)
    rows = {Key(faithful, ACCURACY, "unseen"): Estimate(0.9), Key(EB, ACCURACY, "unseen"): Estimate(0.8)}
    rows |= {Key(faithful, FROM_VRF, "unseen"): Estimate(0.02, 0.01, 0.03)}
    both = Section("d", "pairs", "b", {**rows, Key(EB, FROM_VRF, "unseen"): below}, {}, "default", "default")
    found = standing(both, "eb")
    assert found is not None and (found.above, found.level, found.below) == ((("unseen", None),), (), ())
    alone = Section("d", "pairs", "b", {key: own for key, own in rows.items() if key.contender == faithful}, {})
    assert vrf_and(alone, "eb").endswith("below EB (faithful) on unseen users.")


def test_a_claim_clears_the_wider_interval() -> None:
    """Alone, the interval over users would beat BT; the one over users and prompts holds zero."""
    narrow, wide = Estimate(0.03, 0.01, 0.05), Estimate(0.03, 0.01, 0.05, low_items=-0.01, high_items=0.07)
    for paired, outcome in ((narrow, Outcome.ABOVE), (wide, Outcome.OPEN)):
        rows = {Key(BT, ACCURACY, "unseen"): Estimate(0.6), Key(VRF, ACCURACY, "unseen"): Estimate(0.63)}
        found = Section("d", "global", "b", {**rows, Key(VRF, DIFFERENCE, "unseen"): paired}, {})
        assert [item.outcome for item in comparisons(found, "unseen")] == [outcome]
        lore = Section("d", "global", "b", {Key(LORE, FROM_VRF, "unseen"): paired}, {}, against_vrf="default")
        assert any(sentence.startswith("No other method") for sentence in above_vrf(lore)) == (outcome is Outcome.OPEN)
    assert "\N{MINUS SIGN}1.0 to +7.0" in comparisons(found, "unseen")[0].evidence
    assert Estimate(0.6, 0.4, 0.8, low_items=0.5, high_items=0.7).widest.low == 0.4
