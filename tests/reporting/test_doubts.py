"""Candidate uncertainties on the page: all of them, in order, and a sentence that says which fail."""

from collections.abc import Callable

import pandas as pd
import pytest

from prefactor.reporting.doubts import DoubtView, view_of_doubts
from prefactor.reporting.tables import sections, styles

Maker = Callable[..., pd.DataFrame]


def view(rows: pd.DataFrame) -> DoubtView:
    found = sections(rows)
    made = view_of_doubts(found[0], styles(found))
    assert made is not None
    return made


def test_methods_with_doubts_of_their_own_come_first_and_their_candidates_best_first(results: Maker) -> None:
    made = view(results())
    assert made.table is not None and made.others is not None
    mine = [row.label for row in made.table.rows if "default" in row.label]
    expected = ["low confidence", "combined", "BT's low confidence", "σ as published"]
    assert mine == [f"VRF · default: {name}" for name in expected]
    assert {row.label.split(" ")[0] for row in made.others.rows} == {"LoRe", "BT"}
    for row in made.table.rows:
        assert len(row.cells) == len(made.table.headings)


def test_the_sentence_names_what_fails_and_what_beats_confidence(results: Maker) -> None:
    rows = results()
    first = view(rows).sentences[0]
    assert "go with error: low confidence (+0.52), combined (+0.48), these do not: σ as published (−0.22)" in first
    assert "None beats the method's own mean confidence" in first
    better = (rows["metric"] == "uncertainty_combined_minus_confidence") & (rows["method"] == "vrf")
    rows.loc[better, ["value", "ci_low", "ci_high"]] = 0.1, 0.05, 0.15
    assert "combined (+0.48) beat the method's own mean confidence" in view(rows).sentences[0]


def test_the_sentence_names_what_beats_bts_confidence_and_by_how_much(results: Maker) -> None:
    """The interval is the wider one, and a difference that holds zero beats nothing."""
    beaten = "BT's mean confidence in them is beaten by low confidence (+0.44, +0.39 to +0.49); combined (+0.40,"
    assert beaten in view(results()).sentences[0]
    rows = results()
    paired = rows["metric"].str.fullmatch("uncertainty_.*_minus_bt")
    assert "BT's mean" not in view(rows[~paired]).sentences[0]
    rows.loc[paired, ["value", "ci_low", "ci_high"]] = -0.3, -0.4, -0.2
    combined = rows["metric"] == "uncertainty_combined_minus_bt"
    rows.loc[combined, ["value", "ci_low", "ci_high", "low_items", "high_items"]] = 0.1, 0.05, 0.15, -0.01, 0.21
    assert (
        "BT's mean confidence in them is beaten by none that goes with error; "
        "the largest difference is that of combined (+0.10, −0.01 to +0.21)."
    ) in view(rows).sentences[0]


def test_each_candidate_has_its_role_in_the_table_and_in_one_line(results: Maker) -> None:
    made = view(results())
    assert made.table is not None and made.table.headings[0] == "For"
    said = {row.label.partition(": ")[2]: row.cells[0].interval for row in made.table.rows}
    assert said["σ as published"] == "lack of data" and said["combined"] == "ranking users by error"
    assert made.roles == (
        "lack of data (σ as published); ranking users by error (combined, low confidence, BT's low confidence)"
    )


def with_items(rows: pd.DataFrame, candidate: str, low: float, high: float) -> pd.DataFrame:
    """The rows with an interval over users and jokes of VRF's candidate."""
    of = rows["metric"] == f"uncertainty_{candidate}"
    mine = of & (rows["method"] == "vrf") & (rows["variant"] == "default") & rows["shots"].isna()
    known = rows.reindex(columns=[*dict.fromkeys([*rows.columns, "low_items", "high_items", "resampled"])])
    known["resampled"] = known["resampled"].astype(object)
    known.loc[mine, ["low_items", "high_items"]] = low, high
    known.loc[mine, "resampled"] = "users; users and items"
    return known


def test_claims_are_of_the_wider_interval(results: Maker) -> None:
    fails = "these do not: combined (+0.48), σ as published (−0.22)"
    assert fails not in view(results()).sentences[0]
    made = view(with_items(results(), "combined", -0.01, 0.97))
    assert fails in made.sentences[0]
    assert "The one over users and items" in made.sentences[-1] and "each of the items in turn" in made.sentences[-1]
    assert "100 blocks" in made.sentences[-1]
    assert fails not in view(with_items(results(), "combined", 0.01, 0.95)).sentences[0]
    narrower = with_items(results(), "combined", -0.01, 0.02)  # which is not the one that claims are of
    assert fails not in view(narrower).sentences[0]
    assert not any("interval" in sentence for sentence in view(results()).sentences)


@pytest.mark.parametrize(("low", "clear"), [(0.0049, False), (0.0051, True)])
def test_an_end_that_is_printed_as_zero_is_not_above_it(low: float, clear: bool, results: Maker) -> None:
    rows = results()
    paired = (rows["metric"] == "uncertainty_combined_minus_confidence") & (rows["method"] == "vrf")
    for mask, words in (
        (rows["metric"] == "uncertainty_combined", "these do not: σ as published"),
        (paired, "combined (+0.48) beat the method's own mean confidence"),
    ):
        changed = rows.copy()
        changed.loc[mask, ["value", "ci_low", "ci_high"]] = 0.48, low, 0.95
        assert (words in view(changed).sentences[0]) == clear


def test_the_sentence_tells_what_is_known_before_the_pairs_to_predict(results: Maker) -> None:
    rows = results()
    assert "can be known before those pairs are: combined." in view(rows).sentences[0]
    old = rows["metric"].str.startswith("uncertainty_combined")
    beforehand = rows.assign(metric=rows["metric"].str.replace("_combined", "_fitted_before"))
    assert "before those pairs are: fitted beforehand." in view(beforehand).sentences[0]
    asking = rows.assign(metric=rows["metric"].str.replace("_combined", "_fitted"))
    for without in (asking, rows[~old]):
        assert "None that goes with error can be known before those pairs are." in view(without).sentences[0]


def test_each_third_is_drawn_for_what_the_page_sorts_by(results: Maker) -> None:
    titles = [panel.title for panel in view(results()).thirds]
    assert titles[:3] == [f"VRF · default, by {name}" for name in ("σ as published", "combined", "low confidence")]
    drawn = view(results()).thirds[0].drawing
    assert drawn.index(">least</text>") < drawn.index(">middle</text>") < drawn.index(">most</text>")


def test_tables_by_shots_are_per_method(results: Maker) -> None:
    ((label, table), *_) = view(results()).by_shots
    assert label == "VRF · default" and table.headings[-1] == "all" and "9" in table.headings
    combined = next(row for row in table.rows if row.label == "combined")
    assert [combined.cells[table.headings.index("9")].text, combined.cells[-1].text] == ["+0.45", "+0.48"]


@pytest.mark.parametrize("keep", ["accuracy", "log_loss"])
def test_no_doubts_no_section(keep: str, results: Maker) -> None:
    rows = results()
    found = sections(rows[rows["metric"] == keep])
    assert view_of_doubts(found[0], styles(found)) is None
