"""Result rows become sections, in order, with nothing lost between CSV and parquet."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.reporting.estimates import MINUS, PERCENT, POINTS, TO, Estimate
from prefactor.reporting.style import PALETTE, method_colours
from prefactor.reporting.tables import (
    Contender,
    accuracy_table,
    checked,
    few_shot_table,
    sections,
    settings_table,
    styles,
)
from prefactor.reporting.verdict import baseline

Maker = Callable[..., pd.DataFrame]


def test_contenders_come_by_overall_accuracy_and_ceilings_last(results: Maker) -> None:
    (section,) = sections(results().sample(frac=1, random_state=1))
    table = accuracy_table(section, styles([section]))
    overall = [row.cells[2].order for row in table.rows]
    assert overall == sorted(overall, reverse=True) and len(overall) == 6
    assert [row.label for row in table.ceilings] == ["Oracle · true scores", "Oracle · regressed scores"]


def test_rows_from_csv_and_parquet_make_the_same_sections(results: Maker, tmp_path: Path) -> None:
    rows = results()
    rows.to_csv(tmp_path / "results.csv", index=False)
    rows.to_parquet(tmp_path / "results.parquet", index=False)
    assert sections(pd.read_csv(tmp_path / "results.csv")) == sections(pd.read_parquet(tmp_path / "results.parquet"))


def test_seeds_stay_out_of_the_means(results: Maker) -> None:
    rows = results()
    (section,) = sections(rows)
    assert section.seed_names() == ["0", "1", "2"]
    assert len(section.estimates) == (rows.seed == "all").sum()


def test_a_missing_column_is_named(results: Maker) -> None:
    with pytest.raises(InputError, match="ci_low"):
        checked(results().drop(columns="ci_low"))


def test_contradicting_rows_are_refused(results: Maker) -> None:
    rows = results()
    with pytest.raises(InputError, match="twice"):
        checked(pd.concat([rows, rows.iloc[[3]].assign(value=0.1)]))


def test_further_settings_are_kept_apart(results: Maker) -> None:
    rows = results()
    ablation = rows[(rows.method == "vrf") & (rows.variant == "default")].assign(setting="separated=False")
    (section,) = sections(pd.concat([rows, ablation]))
    table = settings_table(section, styles([section]))
    assert table is not None and [row.label for row in table.rows] == ["VRF · default · separated=False"]
    assert len(accuracy_table(section, styles([section])).rows) == 6


def test_differences_belong_to_their_method_and_name_their_bt(results: Maker) -> None:
    rows = results()
    paired = rows.metric == "accuracy_minus_bt"
    against_other = rows[paired].assign(setting="against=faithful", value=0.9)
    (section,) = sections(pd.concat([rows, against_other]))
    assert section.others() == [] and section.against == "default"
    differences = [item.value for key, item in section.estimates.items() if key.metric == "accuracy_minus_bt"]
    assert sorted(differences) == sorted(rows[paired].value)
    assert baseline(section) == Contender("bt", "default")


def test_few_shot_columns_ascend(results: Maker) -> None:
    (section,) = sections(results())
    table = few_shot_table(section, styles([section]))
    assert table is not None and table.headings == ("1", "3", "5", "7", "9", "20", "45")
    assert few_shot_table(sections(results().query("shots.isna()"))[0], {}) is None


def test_a_method_has_one_colour_in_all_sections(results: Maker) -> None:
    found = sections(pd.concat([results(), results("prism", "qwen").query("method != 'lore'")]))
    together, alone = styles(found), styles(found[1:])
    assert all(together[item] == style for item, style in alone.items())
    assert len({style.colour for style in together.values()}) == 3
    assert all(style.open == (item.variant == "faithful") for item, style in together.items())


def test_colours_differ_as_long_as_the_palette_lasts() -> None:
    methods = ["vrf", "bt", "mine", "yours", "theirs", "ours", "hers"]
    assert len(set(method_colours(methods).values())) == len(PALETTE)
    assert len(method_colours([f"method {number}" for number in range(40)])) == 40


@pytest.mark.parametrize(
    ("value", "text"), [(0.712, "71.2"), (-0.0001, "0.0"), (1.0, "100.0"), (float("nan"), TO), (float("inf"), TO)]
)
def test_percentages(value: float, text: str) -> None:
    assert PERCENT.text(value) == text


def test_differences_carry_their_sign() -> None:
    assert [POINTS.text(value) for value in (0.041, -0.041, 0.0)] == ["+4.1", f"{MINUS}4.1", "0.0"]
    assert Estimate(0.0, -0.01, 0.01).interval(POINTS) == f"{MINUS}1.0 to +1.0"
    assert Estimate(0.0).interval(POINTS) == ""


def test_an_interval_over_users_and_prompts_stands_beside_the_one_over_users(results: Maker) -> None:
    rows = results()
    (alone,) = sections(rows)
    assert alone.shares == "" and all(not cell.shared for row in accuracy_table(alone, {}).rows for cell in row.cells)
    known = (rows.metric == "accuracy") & (rows.seed == "all")
    ends = {"low_items": (rows.value - 0.05).where(known), "high_items": (rows.value + 0.05).where(known)}
    (section,) = sections(rows.assign(**ends, resampled="users; users and prompts"))
    assert section.shares == "prompts"
    seen = next(row for row in accuracy_table(section, {}).rows if row.label.startswith("VRF")).cells[0]
    assert (seen.text, seen.interval, seen.shared) == ("76.4", f"75.3 {TO} 77.4", f"71.4 {TO} 81.4")
