"""Stage diagnose where there is nothing to choose by, and what it is asked for; a whole run is in test_pipeline."""

import json
from pathlib import Path

import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.layout import Cell
from prefactor.parameters import build
from stages import diagnose as stage
from stages.diagnose import DiagnosisParameters, RuleParameters, diagnose

COLUMNS = ["user_id", "role", "part", "rank", "group_id", "chosen", "rejected"]
PAIRS = [
    ("ann", "seen", "train", 0, "p", "p1", "p2"),
    ("bob", "validation", "validation", 0, "p", "p1", "p2"),
    ("eve", "unseen", "evaluation", 0, "p", "p1", "p2"),
    ("eve", "unseen", "reference", 0, "q", "q1", "q2"),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset without gold, split; nothing is trained."""
    monkeypatch.chdir(tmp_path)
    prepared, split = tmp_path / "data/prepared/d", tmp_path / "data/split/d"
    for folder in (prepared, split):
        folder.mkdir(parents=True)
    pd.DataFrame(PAIRS, columns=COLUMNS).to_parquet(split / "pairs.parquet")
    pd.DataFrame({"text_id": ["p1", "p2", "q1", "q2"]}).to_parquet(prepared / "texts.parquet")
    (prepared / "source.json").write_text(json.dumps({"truth": False}))
    lists = {"datasets": ["d"], "backbones": ["b"], "methods": ["bt"], "variants": ["default"], "seeds": [0]}
    (tmp_path / "params.yaml").write_text(json.dumps({"run": {**lists, "threads": 1}, "diagnosis": {"shots": [1]}}))
    return tmp_path


def files(project: Path) -> list[str]:
    return sorted(path.name for path in (project / "reports/diagnosis/d/b").iterdir())


def test_a_dataset_without_gold_has_a_folder_that_says_so(project: Path) -> None:
    diagnose("d", "b")
    assert files(project) == ["about.json"]
    assert (
        "nobody knows"
        in json.loads((project / "reports/diagnosis/d/b/about.json").read_text())["left_out"]["everything"]
    )


def test_a_dataset_that_leaves_no_choice_says_so(project: Path) -> None:
    table = pd.DataFrame({"group_id": ["p", "q"], "text_id": ["p1", "q1"], "gold": [1.0, 2.0]})
    table.to_parquet(project / "data/prepared/d/candidates.parquet")
    diagnose("d", "b")
    assert files(project) == ["about.json"]
    assert "no user has two" in (project / "reports/diagnosis/d/b/about.json").read_text()


def test_a_variant_has_a_name_of_its_own() -> None:
    names = [stage._name(Cell("d", "b", "vrf", variant)) for variant in ("default", "published")]
    assert names == ["vrf", "vrf/published"]


@pytest.mark.parametrize("wrong", [{"users": 0}, {"candidates": 1}, {"queries": 0}])
def test_too_little_to_choose_among_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match="must be at least"):
        build(DiagnosisParameters, wrong, "diagnosis")


def test_rules_are_tried_on_models_that_have_scores() -> None:
    rules = RuleParameters(("vrf", "pref"), "bt")
    assert rules.among({"pref", "bt", "lr"}) == (["pref"], "bt")
    assert rules.among({"vrf"}) == (["vrf"], None)
