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
    assert "None beats the mean confidence" in first
    better = (rows["metric"] == "uncertainty_combined_minus_confidence") & (rows["method"] == "vrf")
    rows.loc[better, ["value", "ci_low", "ci_high"]] = 0.1, 0.05, 0.15
    assert "combined (+0.48) beat the mean confidence" in view(rows).sentences[0]


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
