"""Whether the data that models are judged by passed its checks: the last results of Great Expectations."""

from pathlib import Path

import yaml

from prefactor import layout
from prefactor.promotion.gate import Gate, judged, not_asked, unmeasured
from prefactor.reading import read_object
from prefactor.tracking.lineage import LOCK, recorded_hashes

NAME = "data quality"
CHECKED = ("tables", "split")


def data_quality_gate(root: Path, dataset: str, asked: bool) -> Gate:
    """Passed where both checks of the dataset met every expectation, and dvc.lock knows of no change since."""
    if not asked:
        return not_asked(NAME, "not asked for")
    places = {check: root / layout.data_docs(dataset, check) / "result.json" for check in CHECKED}
    if missing := [check for check, path in places.items() if not path.is_file()]:
        return unmeasured(NAME, f"no results of {' and '.join(missing)}: run `dvc repro`")
    if changed := [check for check in CHECKED if _changed(root, layout.data_docs(dataset, check))]:
        return unmeasured(NAME, f"the data changed after {' and '.join(changed)} were checked: run `dvc repro`")
    results = {check: read_object(path) for check, path in places.items()}
    counts = [suite for result in results.values() for suite in result.get("suites", {}).values()]
    passed, failed = (sum(suite.get(name, 0) for suite in counts) for name in ("passed", "failed"))
    failed += sum(suite.get("skipped", 0) for suite in counts)
    sound = all(result.get("success") is True for result in results.values())
    return judged(NAME, sound and not failed, f"{passed} expectations met, {failed} not", float(failed), 0.0)


def _changed(root: Path, docs: Path) -> bool:
    """Did the check that left these results read another version of what the pipeline has now, by dvc.lock."""
    lock = root / LOCK
    made = recorded_hashes(lock)
    if docs.as_posix() not in made:
        return False
    stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"].values()
    [stage] = [each for each in stages if docs.as_posix() in {out["path"] for out in each.get("outs", [])}]
    return any(made.get(dep["path"], dep.get("md5")) != dep.get("md5") for dep in stage.get("deps", []))
