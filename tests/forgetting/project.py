"""A project as the stages leave it, written in a second: two datasets, and of one all that comes after."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from prefactor import layout, splitting
from prefactor.atomic import write_json
from prefactor.backbones.shards import INDEX, write_shard
from prefactor.backbones.states import FORMAT
from prefactor.decoding.conditions import PLAIN, Condition
from prefactor.decoding.likelihoods import PART, SCHEMA
from prefactor.methods import METHODS
from prefactor.methods.base import Shape, UserState
from prefactor.methods.storage import save_model, save_users
from prefactor.parameters import build
from prefactor.preferences import content_id
from prefactor.seeds import generator
from prefactor.surface import write_surface
from tests.forgetting.talks import USERS, talks

HIDDEN = 6
WRITER = "tiny"  # the language model that writes
CELL = Path("talks", "tiny", "lore", "default")
PEOPLE = (*USERS, "ben", "cyd", "dot")
SPLIT = {
    "leakage": "within-user",
    "users": {"seen": 4, "validation": 2, "unseen": 2},
    "pairs": {"train": 3, "validation": 1, "evaluation": 2, "reference": 3},
    "pools": {"train": 0.5, "validation": 0.2, "evaluation": 0.3},
}


def write_project(root: Path) -> Path:
    """The datasets ``talks`` and ``tunes``, of the same people; models, reports and packed models of ``talks``."""
    common = {"source": "files", "options": {}, "split": {}}
    sections = {name: {**common, "input": f"inputs/{name}.jsonl"} for name in ("talks", "tunes")}
    (root / "params.yaml").write_text(yaml.safe_dump({"datasets": sections}))
    (root / "forgotten.json").write_text("[]\n")
    for name in ("talks", "tunes"):
        (root / "inputs").mkdir(exist_ok=True)
        (root / "inputs" / f"{name}.jsonl").write_text("\n".join(json.dumps({"user_id": user}) for user in PEOPLE))
        talks(PEOPLE).save(root / layout.prepared(name))
    parameters = build(splitting.SplitParameters, SPLIT, "split")
    splitting.split(root / layout.prepared("talks"), root / layout.split("talks"), parameters, threads=1)
    write_surface(root / layout.prepared("talks") / "texts.parquet", root / layout.surface("talks"))
    _write_states(root / layout.states("talks", "tiny"))
    _write_models(root)
    _write_reports(root / "reports")
    write_likelihoods(root / layout.likelihoods(WRITER))
    _write_generation(root)
    return root


def seen(root: Path, role: str = "seen") -> list[str]:
    """The users of one role, in the split's order."""
    users = pd.read_parquet(root / layout.split("talks") / "users.parquet")
    return users[users["role"] == role]["user_id"].tolist()


def _write_states(cache: Path) -> None:
    ids = talks(PEOPLE).texts["text_id"].to_pylist()
    states = np.random.default_rng(0).normal(size=(len(ids), HIDDEN)).astype(np.float32)
    identity = {"name": "tiny", "hidden_size": HIDDEN}
    meta = {"format": FORMAT, "identity": identity, "states_dtype": "float32", "log_probabilities": True}
    write_json(cache / "meta.json", meta)
    for number, start in enumerate(range(0, len(ids), 50)):
        rows = slice(start, start + 50)
        index = np.zeros(len(ids[rows]), INDEX)
        index["id"], index["tokens"] = np.array(ids[rows], np.bytes_), 48
        write_shard(cache, f"{number:05d}", index, states[rows])


def _write_models(root: Path) -> None:
    users, kind = seen(root), METHODS["lore"]
    model = kind(kind.Parameters(), Shape(HIDDEN, len(users), 9), generator(0, "lore"))  # type: ignore[call-arg]
    package = root / "mlruns" / "artifacts" / "prefactor-talks" / "models" / "m-1" / "artifacts" / "package"
    for folder in (root / "models" / CELL / "seed-0", root / "models" / CELL / "seed-1", package):
        save_model(model, folder)
        save_users(folder, users, UserState({"weight": torch.randn(len(users), 8, generator=torch.Generator())}))
    write_json(root / "models" / CELL / "training.json", {"seeds": {"0": {}, "1": {}, "7": {}}, "run": "0"})
    save_model(model, root / "models" / "bases" / CELL / "seed-0" / "choice-0")
    bt = METHODS["bt"]
    save_model(
        bt(bt.Parameters(), Shape(HIDDEN, len(users), 9), generator(0, "bt")),  # type: ignore[call-arg]
        root / "models" / "bases" / "talks" / "tiny" / "bt" / "default" / "seed-0" / "choice-0",
    )


def _write_reports(reports: Path) -> None:
    figures = pd.DataFrame({"user_id": PEOPLE, "seed": "7", "accuracy": 0.5})
    run = reports.parent / "mlruns" / "artifacts" / "prefactor-talks" / "1" / "artifacts" / "evaluation"
    for folder in (reports / "evaluation" / CELL, run):
        folder.mkdir(parents=True)
        figures.to_parquet(folder / "users.parquet")
        pd.DataFrame({"user": range(len(PEOPLE)), "value": 1.0}).to_parquet(folder / "outcomes.parquet")
        pd.DataFrame({"metric": ["accuracy"], "seed": ["7"]}).to_parquet(folder / "results.parquet")
    write_json(reports / "portrait" / "talks" / "tiny" / "portraits.json", {"people": [{"weight": [0.5, 0.5]}]})
    write_json(reports / "signal" / "talks" / "tiny" / "result.json", {"p": 0.2, "users": 7})
    failed = reports / "data_docs" / "talks" / "tables" / "failed"
    failed.mkdir(parents=True)
    figures.to_csv(failed / "pairs.csv", index=False)
    (reports / "index.html").write_text("<p>four people</p>")


def write_likelihoods(folder: Path, rows: int = 150) -> None:
    """Of all texts under two conditions, in parts."""
    ids = talks(PEOPLE).texts["text_id"].to_pylist()
    keys = [condition.key() for condition in (PLAIN, Condition(line=("concise",))) for _ in ids]
    table = pa.table([ids * 2, keys, -np.arange(len(keys), dtype=float)], schema=SCHEMA)
    folder.mkdir(parents=True)
    write_json(folder / "identity.json", {"name": WRITER})
    for number, start in enumerate(range(0, len(table), rows)):
        pq.write_table(table.slice(start, rows), folder / PART.format(number))


def _write_generation(root: Path) -> None:
    """What a language model wrote for unseen users, what is shown of it, and what was trained for each of them."""
    users, asked = seen(root, "unseen"), "Where should they go?"
    texts = pd.DataFrame({"user_id": users, "group_id": "greeting", "prompt": asked, "response": "To the sea."})
    shown = texts.drop(columns="user_id").assign(user=range(1, len(users) + 1))
    drift, pool = root / layout.texts(WRITER, "drift"), root / layout.texts(WRITER, "candidates")
    judged, scores = root / layout.generation(WRITER) / "judged", root / layout.personal_scores(WRITER)
    for folder in (drift, pool, judged, scores):
        folder.mkdir(parents=True)
    texts.to_parquet(drift / "texts.parquet")
    shown.drop(columns="user").to_parquet(pool / "pool.parquet")
    shown.to_parquet(judged / "examples.parquet")
    (judged.parent / "index.html").write_text("<p>a text for person 1</p>")
    shown[["user"]].assign(attribute="concise", weight=0.5).to_parquet(scores / "attributes.parquet")
    for number, user in enumerate(users):
        key, adapters = content_id("adapter", user), root / layout.adapters(WRITER)
        write_json(adapters / "dpo" / str(number) / "about.json", {"key": key})
        write_json(adapters / "reward" / "scores" / f"{key}.json", {"rewards": [0.5]})
        write_json(root / "data" / "judgements" / key[:2] / f"{key}.json", {"text": "A, since they like the sea"})


def found_in(root: Path, names: set[str]) -> list[str]:
    """Files below the pipeline's places with any of these names as a whole value or a word: a scan of its own."""
    places = [root / name for name in ("data", "models", "reports", "mlruns")]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return [str(path.relative_to(root)) for path in files if not names.isdisjoint(_values(path))]


def _values(path: Path) -> Iterator[str]:
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        yield from (str(value) for column in table.columns if column != "seed" for value in table[column].map(str))
    elif path.suffix == ".npy":
        array = np.load(path)
        yield from (value.decode() for value in (array["id"] if array.dtype.names else ()))
    elif path.suffix == ".csv":
        yield from pd.read_csv(path, dtype=str)["user_id"]
    elif path.suffix == ".json":
        yield from _strings(json.loads(path.read_text()))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from () if key == "seeds" else (key, *_strings(item))
    elif isinstance(value, list):
        yield from (text for item in value for text in _strings(item))
    elif isinstance(value, str):
        yield value
