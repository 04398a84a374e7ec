"""The three published sources, from sample files to the report, in one project; stages are called in this process."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from prefactor.datasets.samples import find_sample, write_sample
from stages.ceiling import ceiling
from stages.compare import compare
from stages.embed import embed
from stages.evaluate import evaluate
from stages.prepare import prepare
from stages.split import split
from stages.surface import surface
from stages.train_basis import train_basis
from stages.train_encoder import train_encoder
from stages.validate import validate
from stages.validate_split import validate_split
from tests.stages.conftest import tiny_parameters

SIZES: Mapping[str, Mapping[str, int]] = {
    "personalllm": {"train": 24, "test": 8},
    "tldr": {"annotators": 16, "comparisons": 240, "awkward": False},  # a few awkward posts are many of so few
    "prism": {"users": 28, "conversations": 2, "turns": 2},
}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "personalllm": {"users": 30, "pairs_per_user": 20, "alpha": 0.1},
    "tldr": {"minimum_annotations": 8},
    "prism": {"subset": "balanced", "outside": "keep"},
}
# As in studies/, of fewer people and pairs.
SPLITS: Mapping[str, Mapping[str, Any]] = {
    "personalllm": {
        "leakage": "global",
        "users": {"seen": 12, "validation": 6, "unseen": 10},
        "pairs": {"train": 6, "validation": 2, "evaluation": 4, "reference": 3, "unseen_evaluation": 3},
        "pools": {"train": 0.5, "validation": 0.2, "evaluation": 0.3},
        "too_few": "drop",
    },
    "tldr": {
        "leakage": "within-user",
        "users": {"seen": 5, "validation": 1.0, "unseen": 5},
        "pairs": {"train": 5, "validation": 0, "evaluation": 1.0, "reference": 3},
        "too_few": "drop",
    },
    "prism": {
        "leakage": "within-user",
        "within": "balanced",
        "users": {"seen": 0.5, "validation": 1.0, "unseen": 0.5},
        "pairs": {"train": 0.5, "validation": 0, "evaluation": 0.5, "reference": 0.5},
        "too_few": "drop",
    },
}


def parameters() -> dict[str, Any]:
    """The tiny ones, on the three datasets, with accuracy by one attribute of PRISM's people."""
    tiny = tiny_parameters()
    datasets = {
        name: {"source": name, "input": f"inputs/{name}", "options": {**OPTIONS[name]}, "split": {**SPLITS[name]}}
        for name in SIZES
    }
    slices = {"attributes": {"prism": ["gender"]}, "smallest": 5}
    return {
        **tiny,
        "run": {**tiny["run"], "datasets": [*SIZES], "seeds": [0]},
        "datasets": datasets,
        "backbones": {"minilm": {**tiny["backbones"]["minilm"], "max_tokens": 24}},  # reading is what takes long
        "evaluation": {"shots": [1, 3], "doubts": [1], "recovery": [1], "slices": slices},
    }


def run_stages(dataset: str) -> None:
    """Every stage that the report cannot do without."""
    for stage in (prepare, validate, split, validate_split, surface):
        stage(dataset)
    embed(dataset, "minilm")
    for method in ("bt", "vrf"):
        for step in (train_basis, train_encoder, evaluate):
            step(dataset, "minilm", method, "default")
    ceiling(dataset, "minilm")


def test_the_published_sources_go_through_the_pipeline_and_stand_beside_the_published_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump(parameters()))
    Path("forgotten.json").write_text("[]\n")
    for name, sizes in SIZES.items():
        write_sample(name, tmp_path / "inputs" / name, find_sample(name).Parameters(**sizes))
        run_stages(name)
    compare()
    results = pd.read_parquet("reports/results.parquet")
    accuracy = results.query("metric == 'accuracy' and shots.isna() and seed == 'all'")
    for name in SIZES:
        found = accuracy[accuracy["dataset"] == name]
        assert {"bt", "vrf"} <= set(found["method"]) and found["value"].between(0, 1).all()
        assert ("oracle" in set(found["method"])) == (name == "personalllm")
    page = Path("reports/index.html").read_text(encoding="utf-8")
    article = page.partition('<article id="published-splits">')[2].partition("</article>")[0]
    assert "The published splits" in article and article.count("which are not the published files") == len(SIZES)
    rows = re.findall(r'<tr><th scope="row">(.*?)<span class="ci">(.*?)</span></th>', article)
    assert rows == [("PersonalLLM", "personalllm"), ("TL;DR (n = 100)", "tldr"), ("PRISM", "prism")]
    assert "Who it is right about" in page and "gender" in page
    assert page.count("Made from sample files") == len(SIZES)
