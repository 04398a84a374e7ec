"""The last checks of the data: passed, failed, missing, or of other data."""

import pytest
import yaml

from prefactor.promotion.data_quality import data_quality_gate
from tests.promotion.project import DATASET, write_checks


def write_lock(root, checked: str) -> None:
    """dvc.lock of a project whose tables have changed or not since they were ``checked``."""
    tables = {"path": "data/prepared/tiny", "md5": "a.dir"}
    docs = [{"path": f"reports/data_docs/tiny/{check}", "md5": f"{check}.dir"} for check in ("tables", "split")]
    stages = {
        "prepare@tiny": {"outs": [tables]},
        "validate@tiny": {"deps": [{**tables, "md5": checked}, {"path": "stages/x.py", "md5": "c"}], "outs": docs[:1]},
        "validate-split@tiny": {"deps": [tables], "outs": docs[1:]},
    }
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": stages}))


def test_both_checks_count(tmp_path):
    assert data_quality_gate(tmp_path, DATASET, True).verdict == "not measured"
    assert data_quality_gate(tmp_path, DATASET, True).stops
    write_checks(tmp_path)
    gate = data_quality_gate(tmp_path, DATASET, True)
    assert gate.verdict == "passed" and gate.found == "18 expectations met, 0 not"
    write_checks(tmp_path, failed=1)
    assert data_quality_gate(tmp_path, DATASET, True).verdict == "failed"
    assert not data_quality_gate(tmp_path, DATASET, False).stops


@pytest.mark.parametrize(("checked", "verdict"), [("a.dir", "passed"), ("b.dir", "not measured")])
def test_results_of_other_data_do_not_count(tmp_path, checked, verdict):
    write_checks(tmp_path)
    write_lock(tmp_path, checked)
    gate = data_quality_gate(tmp_path, DATASET, True)
    assert gate.verdict == verdict
    assert ("the data changed after tables were checked" in gate.found) == (verdict != "passed")
