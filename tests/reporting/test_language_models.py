"""Language models of our own on the page: what was measured, what it shows and what not; a damaged file is named."""

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from prefactor import layout
from prefactor.errors import InputError
from prefactor.reporting import ReportContext, collect, write_report
from prefactor.reporting.language_models import (
    LanguageModelView,
    read_language_models,
    views_of_language_models,
)

CONDITIONS = ("plain", "neutral", "system_right", "system_wrong", "line_right", "line_wrong")
PAIRS = ("system_right/neutral", "system_right/system_wrong", "line_right/line_wrong")
SHARES = {"all": (0.71, 0.02), "formal": (0.8, 0.05), "concise": (0.6, 0.08), "narrative": (0.52, 0.03)}


def figure(value: float, half: float, n: int) -> dict[str, Any]:
    return {"value": value, "low": value - half, "high": value + half, "n": n, "prompts": 40}


def found(shares: dict[str, tuple[float, float]] = SHARES, nats: float = 0.86) -> dict[str, Any]:
    """As stage language-model leaves it."""
    counts = {"parameters": 1_016_896, "vocabulary": 4096, "training_responses": 3840}
    return {
        **{"name": "tiny", "dataset": "stylebench", **counts, "responses": 319, "prompts": 40, "tokens": 29053},
        "perplexity": {name: figure(1.5 + 0.01 * place, 0.02, 29053) for place, name in enumerate(CONDITIONS)},
        "ratio": {pair: figure(0.9906, 0.002, 29053) for pair in PAIRS},
        "nats_per_response": {pair: figure(nats, 0.2, 319) for pair in PAIRS},
        "ordered": {name: figure(*share, 659) for name, share in shares.items()},
    }


def leave(root: Path, values: dict[str, Any] | None = None) -> Path:
    folder = root / layout.LANGUAGE_MODEL_REPORTS
    (folder / "tiny").mkdir(parents=True)
    (folder / "trained.json").write_text(json.dumps(["tiny"]))
    (folder / "tiny" / "perplexity.json").write_text(json.dumps(values or found()))
    return folder


def view(root: Path, values: dict[str, Any] | None = None) -> LanguageModelView:
    leave(root, values)
    (only,) = views_of_language_models(read_language_models(root))
    return only


def test_every_figure_stands_in_a_table_with_its_interval(tmp_path: Path) -> None:
    only = view(tmp_path)
    cells = {row.label: [(cell.text, cell.interval) for cell in row.cells] for row in only.perplexity.rows}
    assert cells["Nothing"][0] == cells["Nothing"][1] == ("1.500", "1.480 – 1.520")
    assert [text for text, _ in cells["Neutral"]] == ["1.510", "–"]
    assert [text for text, _ in cells["A right attribute"]] == ["1.520", "1.540"]
    assert [text for text, _ in cells["A wrong attribute"]] == ["1.530", "1.550"]
    paired = {row.label: [cell.text for cell in row.cells] for row in only.paired.rows}
    assert paired["Right attribute by a line, against wrong attribute by a line"] == ["0.9906", "+0.86"]
    assert len(paired) == len(PAIRS) and only.size == "1.0"


def test_an_attribute_whose_interval_reaches_a_coins_is_not_said_to_be_followed(tmp_path: Path) -> None:
    only = view(tmp_path, found({**SHARES, "direct": (0.4, 0.05)}))
    followed = only.sentences[-1].replace("\N{NO-BREAK SPACE}", " ")
    assert "For 2 of 4 attributes the interval lies above a coin's 50 %" in followed
    assert "not shown to be followed, for the interval reaches 50 %: narrative;" in followed
    assert followed.endswith("the wrong way round: direct.")
    assert only.drawing is not None and all(f">{name}</text>" in only.drawing for name in only.model.attributes)
    assert list(only.model.attributes) == ["formal", "concise", "narrative", "direct"]


@pytest.mark.parametrize(("nats", "said"), [(0.86, "Conditioning is visible"), (0.1, "is not shown")])
def test_conditioning_is_claimed_only_where_its_interval_is_clear_of_zero(
    nats: float, said: str, tmp_path: Path
) -> None:
    assert said in view(tmp_path, found(nats=nats)).sentences[0]


def test_an_attribute_that_no_pair_tells_about_is_left_out(tmp_path: Path) -> None:
    values = found()
    values["ordered"]["formal"] = {"value": None, "low": None, "high": None, "n": 0, "prompts": 0}
    only = view(tmp_path, values)
    assert "formal" not in only.model.attributes and "For 1 of 2 attributes" in only.sentences[-1]
    assert "nan" not in str(only.drawing)


def test_the_page_tells_of_models_only_where_there_are_some(
    results: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    out, rows = tmp_path / "index.html", results(methods=("bt",))
    write_report(tmp_path, out, rows, ReportContext())
    assert "Language models of our own" not in out.read_text()
    folder = leave(tmp_path, {**found(), "name": "<b>tiny"})
    write_report(tmp_path, out, rows, collect(tmp_path))
    page = out.read_text()
    assert "&lt;b&gt;tiny" in page and "<b>tiny" not in page
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
    for said in (
        "1.0 million parameters",
        "3,840 responses to training prompts of stylebench",
        "319 responses (29,053",
    ):
        assert said in words
    (folder / "trained.json").write_text("[]")
    write_report(tmp_path, out, rows, collect(tmp_path))
    assert "Language models of our own" not in out.read_text()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trained.json", None),
        ("trained.json", '{"tiny": 1}'),
        ("tiny/perplexity.json", None),
        ("tiny/perplexity.json", "{"),
        ("tiny/perplexity.json", "{}"),
        ("tiny/perplexity.json", json.dumps({**found(), "ratio": {"a/b": 1}})),
        ("tiny/perplexity.json", json.dumps({**found(), "ordered": {"all": {"value": 1, "n": 2}}})),
        ("tiny/perplexity.json", json.dumps({**found(), "tokens": "many"})),
    ],
)
def test_a_missing_or_damaged_file_is_named_with_the_fix(name: str, text: str | None, tmp_path: Path) -> None:
    path = leave(tmp_path) / name
    path.write_text(text) if text is not None else path.unlink()
    with pytest.raises(InputError, match=f"{name}.*rerun stage language-model"):
        collect(tmp_path)
