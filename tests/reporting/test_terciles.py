"""Methods on thirds of users by VRF's uncertainty: what is drawn, which numbers, and who is said to be above VRF."""

from collections.abc import Callable

import pandas as pd
import pytest

from prefactor.reporting.tables import sections, styles
from prefactor.reporting.terciles import TercileView, view_of_terciles

Maker = Callable[..., pd.DataFrame]
MINUS = "_vrf_sigma_minus_vrf"


def view(rows: pd.DataFrame) -> TercileView:
    found = sections(rows)
    made = view_of_terciles(found[0], styles(found))
    assert made is not None
    return made


def with_difference(rows: pd.DataFrame, third: str, low: float, high: float, **items: float) -> pd.DataFrame:
    """The rows, but for LoRe's difference from VRF on one third with nine pairs."""
    changed = rows.reindex(columns=[*dict.fromkeys([*rows.columns, "low_items", "high_items", "resampled"])])
    changed["resampled"] = changed["resampled"].astype(object)
    mine = (rows["metric"] == f"accuracy_{third}{MINUS}") & (rows["shots"] == 9)
    mine &= (rows["method"] == "lore") & (rows["variant"] == "default")
    values = {"value": (low + high) / 2, "ci_low": low, "ci_high": high, **items}
    changed.loc[mine, [*values]] = [*values.values()]
    return changed


def test_where_vrf_is_above_everybody_it_is_said(results: Maker) -> None:
    none, claim = view(results()).sentences
    assert none.endswith("there is none on which another method's paired interval lies above VRF.")
    assert none.startswith("Of 6 thirds, three each with |C|\N{NO-BREAK SPACE}= 9, all reference pairs,")
    assert claim == "VRF's paired interval lies above every other method on all of them."


def test_whoever_is_above_vrf_is_named_with_its_third(results: Maker) -> None:
    above, claim = view(with_difference(results(), "high", 0.01, 0.03)).sentences
    assert "above VRF: LoRe on the most uncertain third, |C|\N{NO-BREAK SPACE}= 9 (+2.0 points, +1.0 to +3.0)." in above
    assert claim.endswith("on 5 of them; it does not lie above LoRe on 1.")


def test_whoever_reaches_vrf_is_not_above_and_not_below(results: Maker) -> None:
    above, claim = view(with_difference(results(), "mid", -0.03, 0.01)).sentences
    assert "there is none" in above and claim.endswith("on 5 of them; it does not lie above LoRe on 1.")


def test_claims_are_of_the_wider_interval(results: Maker) -> None:
    rows = with_difference(results(), "low", 0.01, 0.03, low_items=-0.01, high_items=0.05)
    above, _, alone = view(rows).sentences
    assert "there is none" in above and "LoRe on the least uncertain third" in alone and "+1.0 to +3.0" in alone
    rows = with_difference(results(), "low", -0.03, -0.01, low_items=-0.05, high_items=0.01)
    assert "does not lie above LoRe on 1" in view(rows).sentences[1]


def test_there_is_a_figure_and_a_table_for_each_number_of_pairs(results: Maker) -> None:
    made = view(results())
    titles = [panel.title for panel in made.panels]
    assert titles == ["|C|\N{NO-BREAK SPACE}= 9", "All reference pairs"]
    for panel in made.panels:
        assert all(f">{name}</text>" in panel.drawing for name in ("VRF default", "LoRe faithful", "least", "most"))
    (few, table), (whole, _) = made.tables
    assert few.endswith("= 9: 1,000, 1,000, 1,000 users") and "all reference pairs" in whole
    vrf = next(row for row in table.rows if row.label == "VRF · default")
    bt = next(row for row in table.rows if row.label == "BT · default")
    assert [cell.text for cell in vrf.cells] == ["71.8", "69.8", "67.8", *["\N{EN DASH}"] * 3]
    assert [cell.text for cell in bt.cells[3:]] == ["\N{MINUS SIGN}2.0", "\N{MINUS SIGN}3.0", "\N{MINUS SIGN}4.0"]


def test_a_number_of_pairs_that_is_all_of_them_is_shown_once(results: Maker) -> None:
    rows = results()
    thirds = rows[rows["metric"].str.contains("vrf_sigma") & rows["shots"].isna()]
    again = pd.concat([rows, thirds.assign(shots=45)]).astype({"shots": "Int64"})
    assert view(again) == view(rows)


@pytest.mark.parametrize("keep", ["vrf", "lore"])
def test_nothing_is_shown_where_nobody_is_held_against_vrf(keep: str, results: Maker) -> None:
    rows = results()
    found = sections(rows[(rows["method"] == keep) & ~rows["metric"].str.endswith(MINUS)])
    assert view_of_terciles(found[0], styles(found)) is None
