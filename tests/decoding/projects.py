"""A tiny project with all that writing for its users takes: data, a language model, reward models, a portrait."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import torch
import yaml

from prefactor import layout, splitting
from prefactor.atomic import write_json
from prefactor.backbones import BackboneParameters, embed, load_backbone
from prefactor.cohorts import load_cohorts
from prefactor.datasets import load
from prefactor.decoding.workshop import Workshop
from prefactor.layout import Cell
from prefactor.methods import METHODS
from prefactor.methods.base import Shape
from prefactor.methods.storage import save_model
from prefactor.parameters import build
from tests.decoding.speakers import make_folder
from tests.methods.test_contract import SMALL

DATASET, MODEL, RUN = "stylebench", "tiny", "0123456789abcdef"
NAMES = ["formal", "concise", "direct", "technical"]  # in the file's order
PAIRS = 4
TRAINED = {"bt": "bt", "lore": "lore", "vrf": "vrf/loadings"}
VALUES: dict[str, Any] = {
    "run": {
        "datasets": [DATASET],
        "backbones": [MODEL],
        "methods": [*TRAINED],
        "variants": ["default"],
        "seeds": [0],
        "threads": 1,
    },
    "datasets": {
        DATASET: {
            "source": DATASET,
            "input": "prefactor/datasets/stylebench",
            "options": {"prompts": 12, "responses": 3, "users": 24, "pairs_per_user": 12},
            "split": {
                "leakage": "global",
                "users": {"seen": 10, "validation": 4, "unseen": 8},
                "pairs": {"train": 5, "validation": 1, "evaluation": 2, "reference": 5},
                "pools": {"train": 0.5, "validation": 0.2, "evaluation": 0.3},
            },
        }
    },
    "backbones": {
        MODEL: {"model": f"models/language/{MODEL}", "pooling": "mean", "device": "cpu"},
        "other": {"model": "models/language/other", "device": "cpu"},
        "minilm": {"model": "embedded"},
    },
    "generation": {
        "embeddings": MODEL,
        "attributes": {"names": NAMES},
        "users": 3,
        "pairs": PAIRS,
        "prompts": 2,
        "sampling": {"max_new_tokens": 10},
        "exact": {"k": 2},
        "candidates": {"n": 3, "pool": 4},
        "args": {"tokens": 3},
        "adapters": {"dpo": {"epochs": 1, "rank": 2}},
    },
}


def make_project(folder: Path) -> Path:
    """Lay it out as the stages do; reward models are not trained."""
    (folder / "params.yaml").write_text(yaml.safe_dump(VALUES))
    chosen = VALUES["datasets"][DATASET]
    prepared, split = folder / layout.prepared(DATASET), folder / layout.split(DATASET)
    load(DATASET, chosen["options"], Path("unused"), "options").save(prepared)
    splitting.split(prepared, split, build(splitting.SplitParameters, chosen["split"], "split"))
    texts = prepared / "texts.parquet"
    model = make_folder(
        folder / layout.LANGUAGE_MODELS / MODEL, texts=tuple(pq.read_table(texts)["prompt"].to_pylist())
    )
    parameters = BackboneParameters(model=str(model), pooling="mean", device="cpu")
    backbone = load_backbone(parameters)
    cache = folder / layout.states(DATASET, MODEL)
    embed(texts, cache, backbone, parameters)
    _save_rewards(folder, backbone.identity())
    _save_portrait(folder)
    return folder


def _save_rewards(folder: Path, identity: dict[str, Any]) -> None:
    seen = load_cohorts(folder / layout.split(DATASET), opened(folder).views)["seen"].known()
    for method, form in TRAINED.items():
        kind, place = METHODS[method], folder / Cell(DATASET, MODEL, method, "default").model
        settings = build(kind.Parameters, SMALL[form], "test")
        shape = Shape(seen.responses.views["states"].shape[1], seen.n_users, len(seen.responses))
        model = kind(settings, shape, torch.Generator().manual_seed(0))  # type: ignore[call-arg]
        model.standardise(seen.responses)
        save_model(model.eval(), layout.seed_folder(place, 0))
        about = {"seeds": {"0": {"validation_accuracy": 0.5}}, "parameters": {"model": {}}, "run": RUN}
        write_json(place / "training.json", {**about, "backbone": identity})


def _save_portrait(folder: Path) -> None:
    """Bases 1 and 0 are called, 2 and 3 are not."""
    place = folder / layout.portrait(DATASET, MODEL)
    place.mkdir(parents=True)
    rows = [(0, 0, "scorer", "formal", 0.5), (1, 0, "scorer", "concise", 0.9), (2, 0, "scorer", "direct", -0.2)]
    pd.DataFrame(rows, columns=["basis", "rank", "kind", "label", "value"]).to_parquet(place / "labels.parquet")
    shares = [(basis, share) for basis, share in enumerate([0.1, 0.2, 0.4, 0.3])]
    table = pd.DataFrame(shares, columns=["basis", "share"])
    table.assign(split="seen", shots=pd.array([None] * 4, "Int64")).to_parquet(place / "coverage.parquet")
    write_json(place / "portraits.json", {"seed": 0, "run": RUN})


@cache
def tiny_project() -> Path:
    """A project that is made once for all tests: leave it as it is, but for log-probabilities that were asked for."""
    return make_project(Path(mkdtemp(prefix="project-")))


def fresh_copy(folder: Path) -> Path:
    """A new folder with the same project, which may be changed."""
    return Path(shutil.copytree(tiny_project(), folder, ignore=shutil.ignore_patterns("likelihoods")))


def opened(folder: Path, user: str | None = None, keeps: bool = False, **changes: Any) -> Workshop:
    """Its workshop; ``changes`` are to the section generation."""
    return Workshop({**VALUES, "generation": {**VALUES["generation"], **changes}}, DATASET, MODEL, folder, user, keeps)


def user_of(folder: Path, role: str = "unseen") -> str:
    """The id of a user of a role."""
    users = pq.read_table(folder / layout.split(DATASET) / "users.parquet").to_pylist()
    return str(next(row["user_id"] for row in users if row["role"] == role))
