"""A tiny project as the stages leave it: texts, split, states of a random backbone, untrained models, results."""

import hashlib
import json
import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml

from prefactor.backbones import BackboneParameters, embed, load_backbone, open_states
from prefactor.evaluation.results import in_schema, write_results
from prefactor.methods import METHODS
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.bt import BTParameters
from prefactor.methods.loadings import LoadingParameters
from prefactor.methods.storage import save_model, save_users
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.parameters import as_dict
from prefactor.preferences import PairBatch, Preferences, Responses, content_id
from prefactor.seeds import generator

WORDS = ("short", "long", "answer", "please", "explain", "tea", "egg", "boil", "why", "how", "steps", "first", "thanks")
USERS = ("ada", "ben", "cyd")
PREPARED_MD5, SPLIT_MD5 = "0" * 32 + ".dir", "1" * 32 + ".dir"


def tiny_backbone(folder: Path) -> Path:
    """A random BERT of 16 hidden units over a few words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    tokenizer = Tokenizer(models.WordLevel({name: row for row, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(names),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        architectures=["BertModel"],
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=32,
    ).save_pretrained(folder)
    (folder / "pytorch_model.bin").write_bytes(b"pickled weights, which must not travel")
    return folder


def preferences() -> Preferences:
    """Every user prefers the longer text, on three prompts."""
    texts, pairs = {}, []
    for user in USERS:
        for number, prompt in enumerate(("why tea", "how boil egg", "explain steps")):
            chosen, rejected = "first the long answer then thanks", f"short {WORDS[number]}"
            ids = [content_id(prompt, text) for text in (chosen, rejected)]
            texts |= {ids[0]: (prompt, chosen), ids[1]: (prompt, rejected)}
            pairs.append((content_id(user, *ids), user, prompt, *ids, None, None))
    columns = ["pair_id", "user_id", "group_id", "chosen", "rejected", "margin", "order"]
    rows = [{"text_id": key, "prompt": prompt, "response": text} for key, (prompt, text) in texts.items()]
    return Preferences(
        texts=pa.Table.from_pylist(rows),
        pairs=pa.Table.from_pylist([dict(zip(columns, pair, strict=True)) for pair in pairs]),
        users=pa.table({"user_id": list(USERS)}),
        candidates=None,
        source={"name": "files", "empty_prompts": False, "dropped": {"duplicate pair": 2}, "noted": {}},
    )


def write_split(folder: Path) -> None:
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"user_id": list(USERS), "role": ["seen"] * len(USERS)}), folder / "users.parquet")
    pq.write_table(pa.table({"pair_id": ["x"]}), folder / "pairs.parquet")
    manifest = {"rule": "global", "users": {"total": 3, "seen": 3}, "averages": {"seen training": {"pairs": 3.0}}}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def write_training(root: Path, cell: str, accuracies: dict[str, float]) -> None:
    """Untrained models whose validation accuracies are as told, and results that judge them."""
    dataset, backbone, method, _ = cell.split("/")
    folder = root / "models" / cell
    settings = {
        "vrf": VRFParameters(
            basis=BasisParameters(bases=3),
            loadings=LoadingParameters(bases=3),
            common=True,
            calibrated=True,
            latent=4,
            unit_prior=True,
            basis_mean_scale=1.0,
        ),
        "bt": BTParameters(),
    }[method]
    states = open_states(root / "data/states" / dataset / backbone)
    table = preferences()
    ids = table.texts["text_id"].to_pylist()
    rows = {text_id: row for row, text_id in enumerate(ids)}
    responses = Responses({"states": torch.from_numpy(states.gather(ids))}, torch.arange(len(ids)))
    pairs = table.pairs.to_pylist()
    batch = PairBatch(
        responses,
        *(torch.tensor([rows[pair[name]] for pair in pairs]) for name in ("chosen", "rejected")),
        torch.tensor([USERS.index(pair["user_id"]) for pair in pairs]),
        torch.arange(len(USERS)),
    )
    digest = hashlib.sha256(cell.encode())
    history = []
    for seed, accuracy in accuracies.items():
        model = METHODS[method](settings, Shape(16, len(USERS)), generator(int(seed), cell))
        model.standardise(responses)
        save_model(model.eval(), folder / f"seed-{seed}")
        with torch.no_grad():
            save_users(folder / f"seed-{seed}", USERS, model.adapt(batch))
        digest.update((folder / f"seed-{seed}" / "model.safetensors").read_bytes())
        for step in (5, 10):
            history.append(
                {
                    "seed": seed,
                    "step": step,
                    "loss": 0.7 - step / 100,
                    "validation_seen_accuracy": accuracy,
                    "validation_seen_log_loss": 0.6,
                    "validation_users_accuracy": accuracy,
                    "validation_users_log_loss": 0.6,
                }
            )
    pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    summary = {
        "seeds": {
            s: {"best_step": 5, "validation_accuracy": a, "trainable_parameters": 99} for s, a in accuracies.items()
        },
        "parameters": {"model": as_dict(settings), "training": {"epochs": 2}},
        "run": digest.hexdigest()[:16],
    }
    (folder / "training.json").write_text(json.dumps(summary))
    write_evaluation(root, cell, summary["run"], list(accuracies))


def write_evaluation(root: Path, cell: str, run: str, seeds: list[str]) -> None:
    dataset, backbone, method, variant = cell.split("/")
    rows = [
        {
            "dataset": dataset,
            "protocol": "global",
            "backbone": backbone,
            "method": method,
            "variant": variant,
            "setting": "",
            "seed": seed,
            "split": split,
            "shots": shots,
            "metric": metric,
            "value": value,
            "ci_low": value - 0.05,
            "ci_high": value + 0.05,
            "n_users": 3,
            "n_pairs": 9,
            "run": run,
        }
        for seed in [*seeds, "all"]
        for split, shots in (("seen", None), ("unseen", None), ("unseen", 1), ("unseen", 9), ("overall", None))
        for metric, value in (("accuracy", 0.8), ("log_loss", 0.5))
    ]
    write_results(in_schema(pd.DataFrame(rows)), root / "reports/evaluation" / cell / "results.parquet")


def make_project(root: Path) -> Path:
    """The whole tiny project below ``root``: two VRF variants, of which ``wide`` validates best, and a BT."""
    backbone = tiny_backbone(root / "brains" / "tinybert")
    preferences().save(root / "data/prepared/tiny")
    write_split(root / "data/split/tiny")
    parameters = BackboneParameters(model=str(backbone))
    embed(
        root / "data/prepared/tiny/texts.parquet", root / "data/states/tiny/bert", load_backbone(parameters), parameters
    )
    write_training(root, "tiny/bert/vrf/default", {"0": 0.9, "1": 0.6})
    write_training(root, "tiny/bert/vrf/wide", {"0": 0.79, "1": 0.81})
    write_training(root, "tiny/bert/bt/default", {"0": 0.99})
    run = {"datasets": ["tiny"], "backbones": ["bert"], "methods": ["bt", "vrf"], "variants": ["default", "wide"]}
    values = {"run": {**run, "seeds": [0, 1]}, "backbones": {"bert": {"model": str(backbone)}}}
    (root / "params.yaml").write_text(yaml.safe_dump(values))
    outs = [{"path": "data/prepared/tiny", "hash": "md5", "md5": PREPARED_MD5}]
    stages = {"prepare@tiny": {"outs": outs}, "split@tiny": {"outs": [{"path": "data/split/tiny", "md5": SPLIT_MD5}]}}
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    return root


@pytest.fixture(scope="session", autouse=True)
def _no_store_from_outside():
    """A store named in the environment is somebody's own: the tests make theirs."""
    named = os.environ.pop("MLFLOW_TRACKING_URI", None)
    yield
    if named is not None:
        os.environ["MLFLOW_TRACKING_URI"] = named


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """The tiny project, read-only by agreement: tests that change it copy it first."""
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def published(project):
    """The tiny project published once, with the report of that."""
    from prefactor.tracking import publish

    return publish(project)
