"""A project whose best model is known: everyone likes what one linear reward of the states likes, with slips."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from prefactor import layout, splitting
from prefactor.backbones import BackboneParameters, embed, load_backbone, open_states
from prefactor.cohorts import load_cohorts
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.loadings import LoadingParameters
from prefactor.methods.storage import save_model, save_users
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.parameters import as_dict, build
from prefactor.preferences import Preferences, Responses, content_id
from tests.tracking.conftest import WORDS, tiny_backbone, write_evaluation

DATASET, NAME = "tiny", "prefactor-tiny"
PROMPTS, RESPONSES, USERS, PAIRS = 30, 4, 60, 20
HIDDEN, STRENGTH = 16, 1.0
SPLIT = {
    "leakage": "within-user",
    "users": {"seen": 12, "validation": 4, "unseen": 44},
    "pairs": {"train": 6, "validation": 1, "evaluation": 6, "reference": 9},
    "pools": {"train": 0.5, "validation": 0.1, "evaluation": 0.4},
}
SETTINGS = VRFParameters(
    basis=BasisParameters(form="linear", bases=3),
    loadings=LoadingParameters(bases=3),
    common=True,
    latent=4,
    unit_prior=True,
)
LIKED = torch.randn(HIDDEN, generator=torch.Generator().manual_seed(7))
NOISE = torch.randn(HIDDEN, generator=torch.Generator().manual_seed(8))
PROMOTION = {  # a few dozen users prove little, and a busy machine has its moods
    "accuracy": {"tolerance": 0.03},
    "calibration": {"at_most": 0.2, "worse_by": 0.05},
    "latency": {"requests": 20, "candidates": 4, "factor": 100.0},
    "slices": {"shots": [1], "smallest": 10},
}
PLACES = (  # in MLflow's database
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
BETTER, WORSE = LIKED + 0.1 * NOISE, LIKED + 3.0 * NOISE


def unpublished(base: Path) -> Path:
    """The project before anything was published; made once below ``base``, and read-only by agreement."""
    return _once(base / "unpublished", make_project)


def published(base: Path) -> Path:
    """The project with version 1, which is served; likewise."""
    return _once(base / "published", lambda root: _publish(moved(root, unpublished(base))))


def challenged(base: Path, better: bool = True) -> Path:
    """The project with version 2 as a challenger, which validated better, and is better or worse; likewise."""

    def make(root: Path) -> None:
        add_model(moved(root, published(base)), "other", BETTER if better else WORSE, 0.9)
        _publish(root)

    return _once(base / ("challenged" if better else "badly_challenged"), make)


def _once(root: Path, make: Callable[[Path], object]) -> Path:
    if not root.exists():
        make(root)
    return root


def _publish(root: Path) -> None:
    from prefactor.tracking import publish

    publish(root, f"sqlite:///{root}/mlruns/mlflow.db")


def make_project(root: Path) -> Path:
    """Data, split, states, and the model ``default``, which is the true one but for some noise; not published."""
    backbone = tiny_backbone(root / "brains" / "tinybert")
    write_parameters(root)
    table = _texts()
    place = root / layout.prepared(DATASET)
    _save(place, table, [(user, 0, 1) for user in _users()])
    parameters = BackboneParameters(model=str(backbone))
    embed(place / "texts.parquet", root / layout.states(DATASET, "bert"), load_backbone(parameters), parameters)
    _save(place, table, _judgements(_rewards(root, table)))
    split(root)
    write_checks(root)
    add_model(root, "default", LIKED + 0.5 * NOISE, 0.8)
    (root / "dvc.yaml").write_text("stages: {}\n")
    outs = [{"path": f"models/{DATASET}/bert/vrf/default", "md5": "2" * 32 + ".dir"}]
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {"train": {"outs": outs}}}))
    return root


def write_parameters(root: Path, **promotion) -> None:
    """params.yaml; ``promotion`` are changes to that section."""
    run = {"datasets": [DATASET], "backbones": ["bert"], "methods": ["vrf"], "seeds": [0], "threads": 1}
    values = {"run": run, "backbones": {"bert": {"model": str(root / "brains" / "tinybert")}}}
    (root / "params.yaml").write_text(yaml.safe_dump({**values, "promotion": {**PROMOTION, **promotion}}))


def split(root: Path, **changes) -> None:
    """Split the pairs into roles and parts."""
    parameters = build(splitting.SplitParameters, {**SPLIT, **changes}, "split")
    splitting.split(root / layout.prepared(DATASET), root / layout.split(DATASET), parameters, threads=1)


def write_checks(root: Path, failed: int = 0) -> None:
    """What Great Expectations left of both checks."""
    for check in ("tables", "split"):
        place = root / layout.data_docs(DATASET, check)
        place.mkdir(parents=True, exist_ok=True)
        suites = {"pairs": {"passed": 9 - failed, "failed": failed, "skipped": 0}}
        (place / "result.json").write_text(json.dumps({"success": not failed, "suites": suites}))


def add_model(root: Path, variant: str, reward: torch.Tensor, validated: float, seed: int = 0) -> None:
    """A model that likes ``reward`` (H,) of a state, as the stages leave it, with its validation accuracy."""
    cell = f"{DATASET}/bert/vrf/{variant}"
    folder = root / "models" / cell
    states = open_states(root / layout.states(DATASET, "bert"))
    cohort = load_cohorts(root / layout.split(DATASET), {"states": states})["seen"]
    model = _model(reward, cohort.pairs.responses, seed)
    save_model(model, folder / "seed-0")
    with torch.no_grad():
        save_users(folder / "seed-0", cohort.user_ids, model.adapt(cohort.known()))
    run = hashlib.sha256((folder / "seed-0" / "model.safetensors").read_bytes()).hexdigest()[:16]
    seeds = {"0": {"best_step": 5, "validation_accuracy": validated}}
    summary = {"seeds": seeds, "parameters": {"model": as_dict(SETTINGS)}, "run": run}
    (folder / "training.json").write_text(json.dumps(summary))
    (folder / "history.csv").write_text(
        "seed,step,loss,validation_seen_accuracy,validation_users_accuracy,validation_seen_log_loss,"
        f"validation_users_log_loss\n0,5,0.5,{validated},{validated},0.5,0.5\n"
    )
    write_evaluation(root, cell, run, ["0"])


def _model(reward: torch.Tensor, responses: Responses, seed: int = 0) -> VRF:
    model = VRF(SETTINGS, Shape(HIDDEN, 12), torch.Generator().manual_seed(seed))
    model.standardise(responses)
    with torch.no_grad():
        model.phi.last.weight.zero_()
        model.phi.last.weight[-1] = reward  # the common reward; nobody differs from it
    return model.eval()


def _texts() -> pa.Table:
    draw = np.random.default_rng(3)
    rows = {}
    for number in range(PROMPTS):
        prompt = " ".join([*draw.choice(WORDS, 3), WORDS[number % len(WORDS)], "?" * (number // len(WORDS))]).strip()
        for place in range(RESPONSES):
            response = " ".join([*draw.choice(WORDS, draw.integers(2, 6)), WORDS[place]])
            rows[content_id(prompt, response)] = (prompt, response)
    return pa.Table.from_pylist(
        [{"text_id": key, "prompt": prompt, "response": response} for key, (prompt, response) in rows.items()]
    )


def _users() -> list[str]:
    return [f"person {number}" for number in range(USERS)]


def _rewards(root: Path, table: pa.Table) -> np.ndarray:
    states = torch.from_numpy(open_states(root / layout.states(DATASET, "bert")).gather(table["text_id"].to_pylist()))
    responses = Responses({"states": states}, torch.arange(len(states)))
    model = _model(LIKED, responses)
    with torch.no_grad():
        everyone = torch.zeros(len(states), dtype=torch.long)
        return STRENGTH * model.reward(model.prior_state(1), responses, everyone).numpy()


def _judgements(rewards: np.ndarray) -> list[tuple[str, int, int]]:
    """(user, chosen row, rejected row): each user compares responses of PAIRS prompts."""
    draw = np.random.default_rng(4)
    found = []
    for user in _users():
        for prompt in draw.choice(PROMPTS, PAIRS, replace=False):
            first, second = prompt * RESPONSES + draw.choice(RESPONSES, 2, replace=False)
            liked = draw.random() < 1 / (1 + np.exp(rewards[second] - rewards[first]))
            found.append((user, *((first, second) if liked else (second, first))))
    return found


def _save(place: Path, table: pa.Table, judged: list[tuple[str, int, int]]) -> None:
    ids, prompts = table["text_id"].to_pylist(), table["prompt"].to_pylist()
    pairs = [
        {
            "pair_id": content_id(user, ids[chosen], ids[rejected]),
            "user_id": user,
            "group_id": content_id(prompts[chosen]),
            "chosen": ids[chosen],
            "rejected": ids[rejected],
            "margin": None,
            "order": None,
        }
        for user, chosen, rejected in judged
    ]
    ages = pa.array([20 + number % 40 for number in range(USERS)])
    source = {"name": "files", "empty_prompts": False, "dropped": {}, "noted": {}, "attributes": ["age"]}
    users = pa.table({"user_id": _users(), "age": ages})
    Preferences(texts=table, pairs=pa.Table.from_pylist(pairs), users=users, candidates=None, source=source).save(place)


def moved(root: Path, before: Path) -> Path:
    """A copy of a project: its store, if it has one, is told where its files are now."""
    shutil.copytree(before, root)
    if not (root / "mlruns").exists():
        return root
    with closing(sqlite3.connect(root / "mlruns" / "mlflow.db")) as database, database:
        for table, column in PLACES:
            database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(before), str(root)))
    return root


def roles(root: Path) -> dict[str, list[str]]:
    """Users by role."""
    table = pq.read_table(root / layout.split(DATASET) / "users.parquet").to_pandas()
    return {role: sorted(rows["user_id"]) for role, rows in table.groupby("role")}
