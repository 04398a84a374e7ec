"""A tiny project that can be swept: a split of random tastes, a cache of states, parameters and a space of BT's."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from prefactor.atomic import write_json
from prefactor.backbones.shards import INDEX, write_shard
from prefactor.backbones.states import FORMAT
from prefactor.sweeping.fingerprint import fingerprint
from prefactor.sweeping.ledger import Ledger
from prefactor.sweeping.pruning import pruner
from prefactor.sweeping.settings import SweepSettings
from prefactor.sweeping.ways import Pruning

TEXTS, WIDTH = 60, 8
ROLES = {
    "seen": ("train", "validation", "evaluation"),
    "validation": ("reference", "validation"),
    "unseen": ("reference", "evaluation"),
}
TRAINING = {"epochs": 2, "learning_rate": 0.01, "validations": 2, "episodes": {"users_per_step": 5}}
SPACE = {"model": {"basis": {"dropout": [0.0, 0.1, 0.2]}}, "training": {"learning_rate": [0.001, 0.01, 0.1]}}


def parameters() -> dict:
    """params.yaml: a BT whose space is a grid of nine, one of which is the variant as it stands."""
    model = {"basis": {"form": "linear", "bases": 1, "dropout": 0.0}}
    return {
        "run": {"datasets": ["tiny"], "backbones": ["random"], "methods": ["bt"], "variants": ["default"]},
        "datasets": {"tiny": {}},
        "backbones": {"random": {}},
        "methods": {"bt": {"default": {"model": model, "basis_training": None, "training": TRAINING}}},
        "sweep": {"shots": [1, 3], "spaces": {"bt": {"default": SPACE}}},
    }


def make_data(root: Path) -> Path:
    """Split and states below ``root``: users who like what points their way."""
    random = np.random.default_rng(0)
    states = random.normal(size=(TEXTS, WIDTH)).astype(np.float32)
    index = np.zeros(TEXTS, INDEX)
    index["id"] = ids = [f"{row:032x}".encode() for row in range(TEXTS)]
    cache = root / "data/states/tiny/random"
    write_json(
        cache / "meta.json",
        {
            "format": FORMAT,
            "identity": {"hidden_size": WIDTH},
            "states_dtype": "float32",
            "log_probabilities": False,
        },
    )
    write_shard(cache, "00000", index, states)
    rows = [row for user in range(24) for row in _pairs(user, random, states, [text.decode() for text in ids])]
    split = root / "data/split/tiny"
    split.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), split / "pairs.parquet")
    (root / "params.yaml").write_text("# What is run.\n" + yaml.safe_dump(parameters(), sort_keys=False))
    (root / ".dvc").mkdir(exist_ok=True)
    return root


def settings(root: Path, **others: object) -> SweepSettings:
    """Those of a sweep of that BT."""
    values = parameters()
    given = {
        "dataset": "tiny",
        "backbone": "random",
        "method": "bt",
        "variant": "default",
        "how": "grid",
        "seeds": (0,),
        "pruning": "off",
        "shots": (1, 3),
        "threads": 1,
        "base": values["methods"]["bt"]["default"],
        "space": SPACE,
        "data": fingerprint(root, "tiny", "random"),
    }
    return SweepSettings(**{**given, **others})


def in_memory(folder: Path, pruning: Pruning) -> Ledger:
    """A ledger whose study ends with the test: as any other, without waiting for a disk."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(), pruner=pruner(pruning))
    return Ledger(folder, study)


def _pairs(user: int, random: np.random.Generator, states: np.ndarray, ids: list[str]) -> list[dict]:
    role = [*ROLES][user % 3]
    taste = np.ones(WIDTH) + random.normal(size=WIDTH)
    rows = []
    for part in ROLES[role]:
        for rank in range(4):
            first, second = random.choice(TEXTS, 2, replace=False)
            if states[first] @ taste < states[second] @ taste:
                first, second = second, first
            about = {"user_id": f"user-{user}", "role": role, "part": part, "rank": rank}
            rows.append({**about, "chosen": ids[first], "rejected": ids[second]})
    return rows
