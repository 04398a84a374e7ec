"""Backbones side by side: only where there are two of them, with the figures of their own sections."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from prefactor.reporting import ReportContext, collect, write_report
from prefactor.reporting.backbones import BackbonesView, compare_backbones
from prefactor.reporting.context import DatasetFacts
from prefactor.reporting.data import embedding
from prefactor.reporting.latency import Timings
from prefactor.reporting.tables import sections, styles

Maker = Callable[..., pd.DataFrame]
TIMED = Timings(pd.DataFrame(), {"seconds_per_text": {"batched": 0.0031, "single": 0.006}})


def views(rows: pd.DataFrame, facts: DatasetFacts | None = None) -> tuple[BackbonesView, ...]:
    found = sections(rows)
    return compare_backbones(found, styles(found), ReportContext(datasets={"stylebench": facts or DatasetFacts()}))


def both(results: Maker) -> pd.DataFrame:
    return pd.concat([results(), results(backbone="stylelm", lift=1.1)])


def test_every_backbone_has_a_row_with_its_own_figures(results: Maker) -> None:
    facts = DatasetFacts(state_widths={"minilm": 384, "stylelm": 128}, timings={"stylelm": TIMED})
    (view,) = views(both(results), facts)
    assert view.title == "stylebench" and view.oracle and view.timed
    headings = ("Width", "Time a text", "Oracle, seen", "Oracle, unseen", "VRF", "LoRe", "BT")
    assert view.table.headings == headings
    cells = {row.label: [cell.text for cell in row.cells] for row in view.table.rows}
    assert cells["minilm"] == ["384", "–", "83.8", "83.5", "74.8", "73.6", "61.9"]
    assert cells["stylelm"] == ["128", "3.1 ms", "83.8", "83.5", "76.1", "74.8", "61.9"]
    assert all(cell.interval for row in view.table.rows for cell in row.cells[2:])


def test_one_pair_is_of_personal_methods_and_the_rest_of_every_contender(results: Maker) -> None:
    (view,) = views(both(results))
    assert view.few is not None and view.few.headings == ("VRF", "LoRe") and not view.timed
    further = dict(view.further)
    assert list(further) == ["Oracle · regressed scores", "VRF · default", "LoRe · default", "BT · default"]
    assert further["VRF · default"].headings[:3] == ("Seen", "Unseen", "|C| = 1")
    few = {row.label: row.cells[0] for row in view.few.rows}
    assert {row.label: row.cells[2] for row in further["VRF · default"].rows} == few


def test_what_no_backbone_changes_is_left_out_and_ref_is_one_reward_for_everybody(results: Maker) -> None:
    rows = both(results)
    renamed = [rows[rows.method == "bt"].assign(method=name) for name in ("ref", "longer_text", "surface")]
    (view,) = views(pd.concat([rows, *renamed]))
    assert "Ref" in view.table.headings and not {"Longer text", "Surface"} & {*view.table.headings}
    assert view.few is not None and "Ref" not in view.few.headings


def test_one_backbone_is_compared_with_nothing(results: Maker) -> None:
    assert views(results()) == ()
    assert views(pd.concat([results(), results("prism", "stylelm", "within-user")])) == ()


def test_without_a_truth_methods_are_compared_all_the_same(results: Maker) -> None:
    rows = both(results).assign(dataset="prism")
    (view,) = views(rows[rows.method != "oracle"])
    assert view.table.headings == ("VRF", "LoRe", "BT") and not view.oracle


def test_the_page_has_the_comparison_and_the_width_that_the_cache_names(
    make_run: Callable[[Path], None], results: Maker, tmp_path: Path
) -> None:
    make_run(tmp_path)
    (tmp_path / "data/states/stylebench/minilm/meta.json").write_text('{"identity": {"hidden_size": 384}}')
    context, out = collect(tmp_path), tmp_path / "index.html"
    assert context.datasets["stylebench"].state_widths == {"minilm": 384}
    rows = results(methods=("bt",)).query("metric == 'accuracy'")
    write_report(tmp_path, out, rows, context)
    assert 'id="backbones"' not in out.read_text()
    write_report(tmp_path, out, pd.concat([rows, rows.assign(backbone="stylelm")]), context)
    page = out.read_text()
    assert '<article id="backbones">' in page and 'href="#backbones"' in page and "<b>384</b>" in page


def test_a_truncated_response_is_told_of_where_the_cache_knows() -> None:
    assert dict(embedding({"texts": 60, "truncated": 2, "cut": 1}))["truncated in the response"] == "1"
    assert embedding({"truncated": 2}) == (("truncated", "2"),)
