"""Each stage declares the code it runs: a mend that dvc.yaml does not know of would leave old results in place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# Code that cannot change a result: messages, progress, file handling, paths; and backbones' encoding, for stages that
# only read its cache, which says itself who made it.
HARMLESS = {
    "prefactor/__init__.py",
    "prefactor/atomic.py",
    "prefactor/disk.py",
    "prefactor/errors.py",
    "prefactor/parameters.py",
    "prefactor/progress.py",
    "prefactor/reading.py",
    "prefactor/scratch.py",
    "stages/__init__.py",
    "prefactor/layout.py",
    "prefactor/tracking/live.py",  # shows a training's loss while it runs, with all that MLflow takes:
    *(f"prefactor/tracking/{name}.py" for name in ("address", "database", "lease", "noise", "outage", "store", "turn")),
    "prefactor/tuning/__init__.py",
    "prefactor/tuning/parameters.py",  # names for what a method's section says, which is declared
    "stages/running.py",
}
FOR_TRAINING = ("prefactor/choices.py", "prefactor/training.py", "prefactor/episodes.py", "prefactor/seeds.py")
TRAIN_NOTHING = {"evaluate", "ceiling", "portrait", "latency", "diagnose", "ask"}  # but share a module with others
READS_CACHE_ONLY = {
    *("train-basis", "search", "evaluate", "ceiling", "signal", "portrait", "compare", "diagnose", "ask"),
}
# A cell whose variant has `tuning` runs that code too. It is left out: nearly all cells are frozen, and each would be
# trained anew after any edit of it. After one that changes states, a tuned cell is to be forced (`dvc repro -f`).
LEAVES_OUT = {"train-encoder": "prefactor/backbones/"}
JOINS_TABLES = {
    "compare",
    "backbone-scale",
    "generation-page",
}  # the code that trained and judged is their inputs' dependency
READ_BY_TUNING = ("data/prepared/${item.dataset}/texts.parquet", "models/language")


def imported(path: Path) -> Iterator[Path]:
    """The project's own files that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] in ("prefactor", "stages"):
                base = ROOT.joinpath(*name.split("."))
                yield from (found for found in (base.with_suffix(".py"), base / "__init__.py") if found.is_file())


def reached(path: Path) -> set[str]:
    """All files reached from one by imports."""
    found, waiting = set(), [path]
    while waiting:
        here = waiting.pop()
        name = here.relative_to(ROOT).as_posix()
        if name not in found:
            found.add(name)
            waiting += imported(here)
    return found


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_the_code_it_runs(name: str) -> None:
    declared = (STAGES[name].get("do") or STAGES[name])["deps"]
    needed = reached(ROOT / "stages" / f"{name.replace('-', '_')}.py") - HARMLESS
    if name in READS_CACHE_ONLY:
        needed = {path for path in needed if not path.startswith("prefactor/backbones/")}
    if name in LEAVES_OUT:
        needed = {path for path in needed if not path.startswith(LEAVES_OUT[name])}
    if name in TRAIN_NOTHING:
        needed -= set(FOR_TRAINING)
    if name == "ceiling":  # it has no method
        needed = {path for path in needed if not path.startswith("prefactor/methods/")}
    if name == "signal":  # it shares a module with the training stages, but fits a model of its own
        needed &= reached(ROOT / "prefactor/evaluation/signal.py") | {"stages/signal.py", "stages/trainings.py"}
    if name in JOINS_TABLES:
        own = ("prefactor/reporting/", "prefactor/evaluation/", "stages/")
        needed = {path for path in needed if path.startswith(own)}
    missing = {path for path in needed if not any(path == dep or path.startswith(f"{dep}/") for dep in declared)}
    assert not missing


def test_a_training_depends_on_what_a_tuned_backbone_is_made_of() -> None:
    declared = STAGES["train-encoder"]
    assert {*READ_BY_TUNING} <= {*declared["deps"]} and "backbones.${item.backbone}" in declared["params"]
