"""Accuracy by attributes: what stands in the tables, how many gaps were looked at, and that no other figure moves."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prefactor.evaluation.slices import BY_ATTRIBUTE, FROM_OTHERS
from prefactor.reporting import ReportContext, metrics, write_report
from prefactor.reporting.slices import SlicesView, view_of_slices
from prefactor.reporting.tables import sections, styles

Maker = Callable[..., pd.DataFrame]
GROUPS = {
    "age": ("18-24 years old", "25-34 years old", "65+ years old", "not said", "others"),
    "prefers_creativity": ("0 to 25", "25 to 50", "50 to 100", "9 to 0"),
    "gender": ("female", "male or others"),
}


def of_groups(
    rows: pd.DataFrame, clear: tuple[str, ...] = (), splits: tuple[str, ...] = ("seen", "unseen")
) -> pd.DataFrame:
    """Rows of groups for every method of ``rows``; gaps of the settings ``clear`` are clear of 0."""
    first = rows[(rows.metric == "accuracy") & rows.shots.isna() & (rows.seed == "all") & (rows.method != "oracle")]
    noise, found = np.random.default_rng(0), []
    for row in first[first.split.isin(splits)].to_dict("records"):
        for setting in (f"{name}={group}" for name, groups in GROUPS.items() for group in groups):
            users = 20 + len(setting)
            gap = -0.06 if setting in clear else noise.normal(0, 0.004)
            for metric, value in ((BY_ATTRIBUTE, row["value"] + gap), (FROM_OTHERS, gap)):
                ends = {"ci_low": value - 0.02, "ci_high": value + 0.021}
                found.append({**row, "metric": metric, "setting": setting, "value": value, **ends, "n_users": users})
    return pd.DataFrame(found).astype({"shots": "Int64"})


def view(rows: pd.DataFrame) -> SlicesView:
    found = sections(rows)
    made = view_of_slices(found[0], styles(found), {"evaluation": {"slices": {"smallest": 25}}})
    assert made is not None
    return made


def test_nothing_is_shown_that_was_not_asked_for(results: Maker) -> None:
    found = sections(results())
    assert view_of_slices(found[0], styles(found), {}) is None


def test_a_table_for_each_attribute_with_groups_in_order(results: Maker) -> None:
    rows = results()
    made = view(pd.concat([rows, of_groups(rows)]))
    assert [table.attribute for table in made.tables] == ["age", "gender", "prefers_creativity"]
    age, _, creativity = ([line.group for line in table.lines] for table in made.tables)
    assert age == ["18-24 years old", "25-34 years old", "65+ years old", "others", "not said"]
    assert creativity == ["0 to 25", "9 to 0", "25 to 50", "50 to 100"]
    assert made.splits == ("unseen", "seen") and made.smallest == 25
    assert [name for name, _ in made.methods] == ["BT", "VRF"]


def test_figures_are_those_of_the_rows(results: Maker) -> None:
    rows = results()
    groups = of_groups(rows)
    made = view(pd.concat([rows, groups]))
    mine = groups[(groups.setting == "gender=female") & (groups.method == "vrf") & (groups.variant == "default")]
    expected = mine[(mine.metric == BY_ATTRIBUTE) & (mine.split == "unseen")].iloc[0]
    (female, _), further = made.tables[1].lines, made.tables[1].further
    assert female.splits[0] is not None and female.splits[0][0] == str(expected.n_users)
    assert female.splits[0][1][1].order == expected.value
    accuracy, gaps = (table for _, table in further)
    assert [row.label for row in accuracy.rows] == [row.label for row in gaps.rows]
    assert len(accuracy.rows) == 6 and accuracy.headings[0] == "female, unseen"
    assert all(cell.text[0] in "+\N{MINUS SIGN}0" for row in gaps.rows for cell in row.cells)


def test_a_group_of_one_split_alone_has_empty_cells_in_the_other(results: Maker) -> None:
    rows = results()
    groups = of_groups(rows)
    made = view(pd.concat([rows, groups[(groups.split == "unseen") | (groups.setting != "gender=female")]]))
    assert [part is None for part in made.tables[1].lines[0].splits] == [False, True]


def test_how_many_gaps_were_looked_at_is_said(results: Maker) -> None:
    """Of an attribute with two groups one gap counts: the other is its mirror."""
    rows = results()
    none = view(pd.concat([rows, of_groups(rows)])).sentences
    assert len(none) == 4 and none[2].startswith("VRF, unseen users: of 10 gaps between a group and everybody else,")
    assert all(said.endswith("none is clear of 0; by chance alone about 0.5 would be.") for said in none)
    settings = ("age=not said", "gender=male or others", "gender=female")
    clear = view(pd.concat([rows, of_groups(rows, settings)])).sentences
    assert "2 are clear of 0, and by chance alone about 0.5 would be: " in clear[2]
    assert "age not said (\N{MINUS SIGN}6.0 points, \N{MINUS SIGN}8.0 to \N{MINUS SIGN}3.9)" in clear[2]
    assert "gender female" in clear[2] and "gender male" not in clear[2]


def test_the_wider_interval_decides(results: Maker) -> None:
    rows = results()
    groups = of_groups(rows, ("age=others",))
    ends = {"low_items": groups.value - 0.1, "high_items": groups.value + 0.1}
    wide = groups.assign(**ends, resampled="users; users and prompts")
    assert "none is clear" in view(pd.concat([rows, wide])).sentences[0]


def test_without_bt_and_vrf_the_best_two_stand_first(results: Maker) -> None:
    rows = results(methods=("lore",))
    made = view(pd.concat([rows, of_groups(rows, splits=("unseen",))]))
    assert [name for name, _ in made.methods] == ["LoRe", "LoRe (faithful)"] and made.splits == ("unseen",)


def test_figures_of_groups_are_nobody_s_main_figures(results: Maker) -> None:
    rows = results()
    both = pd.concat([rows, of_groups(rows)])
    plain, sliced = sections(rows)[0], sections(both)[0]
    assert (sliced.estimates, sliced.seeds, sliced.against) == (plain.estimates, plain.seeds, plain.against)
    assert sliced.everyone() == plain.everyone() and sliced.others() == []
    assert metrics(both) == metrics(rows)


@pytest.mark.parametrize("smallest", [None, 25])
def test_the_page_says_it_where_it_was_asked_for(results: Maker, tmp_path: Path, smallest: int | None) -> None:
    rows = results()
    parameters = {} if smallest is None else {"evaluation": {"slices": {"smallest": smallest}}}
    texts = []
    for name, table in (("plain", rows), ("sliced", pd.concat([rows, of_groups(rows)]))):
        write_report(tmp_path, tmp_path / f"{name}.html", table, ReportContext(parameters=parameters))
        texts.append((tmp_path / f"{name}.html").read_text())
    plain, sliced = texts
    assert "Who it is right about" not in plain and "Who it is right about" in sliced
    assert ("Groups of fewer than 25 users" in sliced) == (smallest is not None)
    assert "Prefers creativity</h4>" in sliced and "male or others</th>" in sliced
    start = sliced.index("<section>\n<h3>Who it is")
    rest = sliced[:start] + sliced[sliced.index("</section>", start) + len("</section>") :]
    assert "".join(rest.split()) == "".join(plain.split())
