"""What is kept of a decision, and what people read of it."""

import json

import pandas as pd
import pytest

from prefactor.promotion.decision import PROMOTED, REFUSED, ROLLED_BACK, Decision
from prefactor.promotion.evidence import Evidence
from prefactor.promotion.gate import judged, not_asked
from prefactor.promotion.report import markdown, plain, write_decision
from prefactor.promotion.slices import COLUMNS


@pytest.fixture
def evidence() -> Evidence:
    row = dict.fromkeys(COLUMNS, 0.5) | {
        "slice": "age: 9",
        "users": 30,
        "pairs": 90,
        "harmed": True,
        "resampled": "users",
    }
    gates = (judged("slices", False, "1 of 1 harmed", -0.1, 0.0), not_asked("latency", "not asked for"))
    return Evidence(gates, pd.DataFrame([row]), {"difference": -0.2}, {"evaluation_set": "f" * 16, "users": 30})


def test_a_page_has_every_gate_and_the_slices_unless_it_is_too_long(evidence):
    page = markdown("who", evidence)
    assert page.startswith("# who\n") and "| slices | failed | 1 of 1 harmed |" in page
    assert "| latency | not measured | not asked for |" in page and "| age: 9 | 30 |" in page and "harmed |" in page
    short = markdown("who", evidence, longest=len(page) - 1)
    assert "age: 9" not in short and "| slices | failed |" in short
    assert list(plain(evidence.gates)) == [
        "  slices   failed        1 of 1 harmed",
        "  latency  not measured  not asked for",
    ]


def test_a_decision_is_written_with_and_without_evidence(evidence, tmp_path):
    write_decision(tmp_path / "with", Decision("d", REFUSED, "1", "2", evidence, "run"))
    told = json.loads((tmp_path / "with/decision.json").read_text())
    assert told["title"] == "prefactor-d: version 2 refused, version 1 is still served" and told["run_id"] == "run"
    assert json.loads((tmp_path / "with/evidence.json").read_text())["stopped_by"] == ["slices"]
    assert list(pd.read_parquet(tmp_path / "with/gates.parquet")["verdict"]) == ["failed", "not measured"]
    write_decision(tmp_path / "without", Decision("d", ROLLED_BACK, "2", "1"))
    assert [path.name for path in (tmp_path / "without").iterdir()] == ["decision.json"]


@pytest.mark.parametrize(
    ("outcome", "before", "said"),
    [
        (PROMOTED, "1", "version 2 promoted, in place of version 1"),
        (PROMOTED, None, "version 2 promoted, in place of no version"),
        (ROLLED_BACK, "1", "rolled back to version 2, from version 1"),
    ],
)
def test_a_title_says_what_became_of_both(outcome, before, said):
    assert Decision("d", outcome, before, "2").title == f"prefactor-d: {said}"
