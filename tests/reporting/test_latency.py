"""How long a new user takes, on the page: seconds as measured, shares that follow from them, the machine."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from prefactor import layout
from prefactor.errors import InputError
from prefactor.evaluation.results import in_schema, write_results
from prefactor.reporting import collect, write_report
from prefactor.reporting.estimates import TO
from prefactor.reporting.facts import duration
from prefactor.reporting.latency import LatencyView, Timings, read_timings, view_of_latency
from prefactor.reporting.tables import sections, styles

SECONDS = {  # adapting in a batch and alone, reading in a batch and alone
    ("vrf", "default"): (7.5e-5, 1.9e-3, 0.25, 0.3),
    ("lore", "faithful"): (5.4e-4, 0.1, 0.25, 0.3),
    ("bt", "default"): (3.1e-9, 2.4e-6),
}
METRICS = [f"latency_{part}_{way}" for part in ("adapt", "backbone") for way in ("batched", "single")]
ABOUT: dict[str, Any] = {"processor": "A fast <one>", "cores": 2, "threads": 1, "gpu": None, "torch": "2.13"}
ABOUT |= {"date": "2026-11-21", "load": 0.42, "shots": 9, "seed": 0, "runs": 3, "texts": 64, "texts_per_user": 18.0}


def make_timings(**about: object) -> Timings:
    rows = [
        {"method": method, "variant": variant, "metric": metric, "value": value, "setting": "", "shots": 9}
        for (method, variant), values in SECONDS.items()
        for metric, value in zip(METRICS, values, strict=False)
    ]
    return Timings(in_schema(pd.DataFrame(rows)), ABOUT | about)


def leave(found: Timings, folder: Path) -> None:
    folder.mkdir(parents=True)
    write_results(found.rows, folder / "results.parquet")
    (folder / "machine.json").write_text(json.dumps(found.about))


def view(results: Callable[..., pd.DataFrame], found: Timings | None) -> LatencyView | None:
    (section,) = sections(results())
    return view_of_latency(section, styles([section]), found)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.14e-9, "3.1 ns"),
        (9.96e-7, "1.0 µs"),
        (7.5e-5, "75 µs"),
        (0.00187, "1.9 ms"),
        (0.25, "250 ms"),
        (1234, "1,200 s"),
    ],
)
def test_a_duration_has_two_digits_and_a_unit(value: float, text: str) -> None:
    assert duration(value) == text


def test_the_table_has_times_their_ratio_and_the_backbones_share(results: Callable[..., pd.DataFrame]) -> None:
    found = view(results, make_timings())
    assert found is not None
    cells = {row.label.split(" ")[0]: [cell.text for cell in row.cells] for row in found.table.rows}
    assert cells["VRF"] == ["75 µs", "1.9 ms", "25", "250 ms", "300 ms", "99.97", "99.37"]
    assert cells["LoRe"] == ["540 µs", "100 ms", "185", "250 ms", "400 ms", "99.78", "75.00"]
    assert cells["BT"] == ["3.1 ns", "2.4 µs", "774", *[TO] * 4]
    assert found.sentence.endswith("99.78 to 99.97 % of that time, one at a time 75.00 to 99.37 %.")


def test_only_methods_that_adapt_are_drawn_beside_the_backbone(results: Callable[..., pd.DataFrame]) -> None:
    found = view(results, make_timings())
    assert found is not None and found.drawing is not None
    names = re.findall(r">(Backbone|VRF|LoRe|BT)</text>", found.drawing)
    assert sorted(names) == ["Backbone", "LoRe", "VRF"]
    for said in ("250 ms", "300 ms alone", "18 texts", "75 µs", "1.9 ms alone", "100 ms alone"):
        assert f">{said}</text>" in found.drawing


def test_a_run_in_which_nothing_adapts_has_a_table_alone(results: Callable[..., pd.DataFrame]) -> None:
    whole = make_timings()
    found = view(results, Timings(whole.rows[whole.rows["method"] == "bt"], whole.about))
    assert found is not None and found.drawing is None and found.sentence == "" and len(found.table.rows) == 1
    assert view(results, None) is None and view(results, Timings(whole.rows[:0], whole.about)) is None


def test_the_machine_is_said(results: Callable[..., pd.DataFrame]) -> None:
    found = view(results, make_timings())
    assert (
        found is not None and "A fast <one>, 1 thread on 2 cores, no GPU, PyTorch 2.13, at a load of 0.4" in found.how
    )
    other = view(results, make_timings(gpu="A GPU", threads=2))
    assert other is not None and "2 threads on 2 cores, the backbone on A GPU" in other.how


def test_the_page_shows_timings_only_where_the_stage_left_some(
    make_run: Callable[[Path], None], results: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    make_run(tmp_path)
    out = tmp_path / "reports" / "index.html"
    write_report(tmp_path, out, results(), collect(tmp_path))
    assert "How long a new user takes" not in out.read_text()
    leave(make_timings(), tmp_path / layout.latency("stylebench", "minilm"))
    context = collect(tmp_path)
    assert set(context.datasets["stylebench"].timings) == {"minilm"}
    write_report(tmp_path, out, results(), context)
    page = out.read_text()
    assert "How long a new user takes" in page and "A fast &lt;one&gt;" in page and "reads the 18 texts" in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", ["results.parquet", "machine.json"])
def test_a_broken_file_is_named(name: str, tmp_path: Path) -> None:
    leave(make_timings(), tmp_path / "latency")
    (tmp_path / "latency" / name).write_bytes(b"PAR1[")
    with pytest.raises(InputError, match=f"{name}.*rerun stage latency"):
        read_timings(tmp_path / "latency")
