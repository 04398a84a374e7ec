"""A made-up but plausible run, for tests of the report only: result rows, and the files that a pipeline leaves."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from prefactor.preferences import PAIRS, TEXTS, Preferences, content_id

SHOTS = (1, 3, 5, 7, 9, 20, 45)
SEEDS = ("0", "1", "2")
# method, variant -> (seen, unseen, gain by reference pairs)
SCORES = {
    ("vrf", "default"): (0.764, 0.748, 0.13),
    ("vrf", "faithful"): (0.716, 0.701, 0.09),
    ("lore", "default"): (0.758, 0.736, 0.16),
    ("lore", "faithful"): (0.742, 0.722, 0.17),
    ("bt", "default"): (0.621, 0.619, 0.0),
    ("bt", "faithful"): (0.613, 0.611, 0.0),
}
OBSERVED = {"label_balance": {"chosen_longer": 0.561}}
DOUBTS = {"combined": 0.48, "low_confidence": 0.52}
OWN_DOUBTS = {"sigma": -0.22}
CEILINGS = {("oracle", "true scores"): (0.981, 0.979), ("oracle", "regressed scores"): (0.838, 0.835)}


class Rows:
    """Collects result rows of one dataset and backbone."""

    def __init__(self, dataset: str, protocol: str, backbone: str) -> None:
        self.shared = {"dataset": dataset, "protocol": protocol, "backbone": backbone}
        self.rows: list[dict[str, object]] = []

    def add(
        self,
        name: tuple[str, str],
        split: str,
        value: float,
        half: float = 0.011,
        metric: str = "accuracy",
        shots: int | None = None,
        seed: str = "all",
        setting: str = "",
    ) -> None:
        """One row with a slightly lopsided interval."""
        figures = {"value": value, "ci_low": value - half, "ci_high": value + 0.93 * half}
        identity = {
            "method": name[0],
            "variant": name[1],
            "setting": setting,
            "seed": seed,
            "split": split,
            "shots": shots,
        }
        counts = {"n_users": 1000, "n_pairs": 45000, "run": "0123456789abcdef"}
        self.rows.append({**self.shared, **identity, "metric": metric, **figures, **counts})

    def frame(self) -> pd.DataFrame:
        """The rows as a table."""
        return pd.DataFrame(self.rows).astype({"shots": "Int64"})


def made_up(
    dataset: str = "stylebench",
    backbone: str = "minilm",
    protocol: str = "global",
    lift: float = 1.0,
    methods: tuple[str, ...] = ("vrf", "lore", "bt"),
) -> pd.DataFrame:
    """All kinds of rows; ``lift`` scales how far the methods are apart from BT."""
    table, noise = Rows(dataset, protocol, backbone), np.random.default_rng(0)
    bt = SCORES["bt", "default"]
    for name, (seen, unseen, gain) in ((name, scores) for name, scores in SCORES.items() if name[0] in methods):
        seen, unseen = bt[0] + lift * (seen - bt[0]), bt[1] + lift * (unseen - bt[1])
        for split, value in (("seen", seen), ("unseen", unseen), ("overall", (seen + unseen) / 2)):
            table.add(name, split, value)
            for seed in SEEDS:
                table.add(name, split, value + noise.normal(0, 0.004), seed=seed)
            table.add(name, split, 0.86 - 0.5 * value, 0.012, "log_loss")
            table.add(name, split, 0.1 * value, 0.01, "ece")
            table.add(name, split, 0.4 - 0.3 * value, 0.004, "brier")
        for shots in SHOTS:
            table.add(name, "unseen", unseen - lift * gain * (1 - math.log(shots + 1) / math.log(46)), shots=shots)
        if name[0] != "bt":
            for split, value in (("seen", seen - bt[0]), ("unseen", unseen - bt[1])):
                table.add(name, split, value, 0.009, "accuracy_minus_bt", setting="against=default")
        if name[1] != "default":
            less = unseen - (bt[1] + lift * (SCORES[name[0], "default"][1] - bt[1]))
            table.add(name, "unseen", less, 0.009, "accuracy_minus_base", setting="against=default")
        if name[0] != "vrf":
            away = unseen - SCORES["vrf", "default"][1]
            table.add(name, "unseen", away, 0.009, "accuracy_minus_vrf", setting="against=default")
            table.add(name, "unseen", away + 0.02, 0.004, "accuracy_minus_vrf", shots=9, setting="against=default")
        for size, lift_of_size in ((None, 0.0), (9, -0.03)):
            _thirds(table, name, unseen + lift_of_size, size)
        for candidate, value in {"bt": 0.08, **DOUBTS, **(OWN_DOUBTS if name[0] == "vrf" else {})}.items():
            _doubt(table, name, candidate, value)
        for split in ("seen", "unseen"):
            table.add(name, split, 0.8 * unseen, 0.008, "utility_correlation")
            table.add(name, split, 0.9 * unseen, 0.007, "weight_cosine")
            table.add(name, split, 1.7 - unseen, 0.006, "weight_distance")
        for metric, factor in (("utility_correlation", 0.5), ("weight_cosine", 0.6), ("weight_distance", 1.7)):
            table.add(name, "unseen", factor * unseen, 0.008, metric, shots=9)
    for name, (seen, unseen) in CEILINGS.items() if dataset == "stylebench" else ():
        for split, value in (("seen", seen), ("unseen", unseen), ("overall", (seen + unseen) / 2)):
            table.add(name, split, value, 0.004)
    return table.frame()


def _thirds(table: Rows, name: tuple[str, str], accuracy: float, size: int | None) -> None:
    """Accuracy on thirds by VRF's uncertainty, and the difference from VRF, whose lead grows from 2 to 4 points."""
    for place, third in enumerate(("low", "mid", "high")):
        metric = f"accuracy_{third}_vrf_sigma"
        table.add(name, "unseen", accuracy - 0.02 * place, 0.02, metric, shots=size, setting="against=default")
        if name[0] != "vrf":
            less = -0.02 - 0.01 * place
            table.add(name, "unseen", less, 0.015, f"{metric}_minus_vrf", shots=size, setting="against=default")


def _doubt(table: Rows, name: tuple[str, str], candidate: str, value: float) -> None:
    """Its correlation with error, what it is above others', and accuracy by thirds."""
    metric = f"uncertainty_{candidate}"
    table.add(name, "unseen", value, 0.05, metric)
    table.add(name, "unseen", value - 0.03, 0.05, metric, shots=9)
    if candidate == "bt":
        return
    for other, least in (("bt", 0.08), ("confidence", DOUBTS["low_confidence"]), ("plain_doubt", 0.3)):
        setting = "against=default" if other == "bt" else ""
        if candidate != "low_confidence" or other != "confidence":
            table.add(name, "unseen", value - least, 0.05, f"{metric}_minus_{other}", setting=setting)
    for place, third in enumerate(("low", "mid", "high")):
        table.add(name, "unseen", 0.7 - 0.2 * value * (place - 1), 0.02, f"accuracy_{third}_{candidate}")


def leave_files(root: Path, dataset: str = "stylebench", backbone: str = "minilm") -> None:
    """The files that a run leaves under ``root`` and the report reads."""
    _prepared(root, dataset)
    users = {"total": 12, "seen": 6, "validation": 2, "unseen": 4, "dropped": 3, "unused": 0}
    averages = {
        "seen training": {"pairs": 45.0},
        "seen evaluation": {"C": 45.0, "D": 44.9},
        "validation": {"C": 45.0, "D": 44.8},
        "unseen": {"C": 45.0, "D": 44.7},
    }
    _write(
        root / "data/split" / dataset / "manifest.json",
        {"rule": "global", "seed": 0, "users": users, "averages": averages},
    )
    report = {"texts": 60, "truncated": 2, "seconds": 3.25}
    _write(root / "data/states" / dataset / backbone / "report.json", report)
    for suite in ("tables", "split"):
        folder = root / "reports/data_docs" / dataset / suite
        _write(folder / "result.json", {"success": True, "suites": {"texts": {"passed": 9}}, "observed": OBSERVED})
        (folder / "index.html").write_text("<p>checks</p>")
    _signal(root / "reports/signal" / dataset / backbone)
    for method, variant in SCORES:
        _training(root / "models" / dataset / backbone / method / variant)
        _curves(root / "reports/evaluation" / dataset / backbone / method / variant)
    (root / "params.yaml").write_text(yaml.safe_dump({"run": {"datasets": [dataset], "seeds": [0, 1, 2]}}))


def _prepared(root: Path, dataset: str) -> None:
    prompts = [f"How do I keep plant number {number} alive through the winter?" for number in range(30)]
    replies = ["Water it rarely, and only when the soil is dry.", "It depends! Tell me more: which plant do you have?"]
    texts = [(prompt, reply * (1 + number % 4)) for number, prompt in enumerate(prompts) for reply in replies]
    pairs = []
    for number, (prompt, reply) in enumerate(texts):
        user, other = f"user-{number % 12}", texts[number ^ 1][1]
        chosen, rejected = content_id(prompt, reply), content_id(prompt, other)
        row = (content_id(user, chosen, rejected), user, prompt, chosen, rejected, 0.5, None)
        pairs.append(dict(zip(PAIRS.names, row, strict=True)))
    Preferences(
        pa.Table.from_pylist(
            [dict(zip(TEXTS.names, (content_id(*text), *text), strict=True)) for text in texts], schema=TEXTS
        ),
        pa.Table.from_pylist(pairs, schema=PAIRS),
        pa.table({"user_id": [f"user-{number}" for number in range(12)]}),
        None,
        {"name": dataset, "dropped": {"duplicate pair": 7}, "noted": {"opposite_labels": 2}},
    ).save(root / "data/prepared" / dataset)


def _training(folder: Path) -> None:
    noise = np.random.default_rng(len(folder.name))
    rows = [
        {
            "seed": int(seed),
            "step": step,
            "loss": 0.7 - 0.001 * step,
            "validation_seen_accuracy": 0.75 - 0.2 * math.exp(-step / 60) + noise.normal(0, 0.006),
            "validation_seen_log_loss": 0.6,
            "validation_users_accuracy": 0.73 - 0.2 * math.exp(-step / 60) + noise.normal(0, 0.006),
            "validation_users_log_loss": 0.6,
        }
        for seed in SEEDS
        for step in range(30, 301, 30)
    ]
    seeds = {seed: {"best_step": 240, "validation_accuracy": 0.741, "trainable_parameters": 71234} for seed in SEEDS}
    summary = {
        "seeds": seeds,
        "parameters": {"training": {"epochs": 5, "learning_rate": 0.001}},
        "run": "0123456789abcdef",
    }
    _write(folder / "training.json", summary)
    pd.DataFrame(rows).to_csv(folder / "history.csv", index=False)


def _curves(folder: Path) -> None:
    """Reliability and coverage of a model that is a little too sure."""
    folder.mkdir(parents=True)
    place = {"split": "unseen", "shots": pd.array([None] * 4, dtype="Int64")}
    confidence, share = np.array([0.55, 0.7, 0.85, 0.95]), np.array([0.4, 0.3, 0.2, 0.1])
    rows = {"confidence": confidence, "accuracy": 0.9 * confidence, "share": share}
    frames = [pd.DataFrame({**place, "form": form, **rows}) for form in ("attenuated", "plain")]
    pd.concat(frames).to_parquet(folder / "reliability.parquet")
    kept = {"coverage": np.arange(1, 5) / 4, "accuracy": 0.9 - 0.05 * np.arange(4)}
    frames = [pd.DataFrame({**place, "by": by, **kept}) for by in ("pairs", "users", "combined", "fitted")]
    pd.concat(frames).to_parquet(folder / "selective.parquet")
    pd.DataFrame({"users": [10, 100_000], "trained": [71_234, 871_234], "kept": [70_123] * 2}).to_parquet(
        folder / "size.parquet"
    )


def _signal(folder: Path) -> None:
    """A test that found a personal signal."""
    null = pd.DataFrame({"log_loss": np.random.default_rng(0).normal(-0.002, 0.003, 199)})
    summary = {"mean": -0.002, "std": 0.003, "low": -0.008, "high": 0.004}
    findings = {
        "users": 1000,
        "pairs_per_user": 51.4,
        "permutations": 199,
        "p_value": 1 / 200,
        "gain": {"log_loss": 0.1414, "accuracy": 0.1588},
        "gain_of_all": {"log_loss": 0.2061, "accuracy": 0.2314},
        "null": {"log_loss": summary},
        "reliability": {"half": 0.374, "whole": 0.545, "chance": 0.0},
        "pairs_for_reliability": {"0.5": 42.9, "0.8": 171.8},
        "users_for_power": 0.6,
    }
    _write(folder / "result.json", findings)
    null.to_parquet(folder / "null.parquet", index=False)


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@pytest.fixture(scope="session")
def results() -> Callable[..., pd.DataFrame]:
    """Maker of result rows."""
    return made_up


@pytest.fixture(scope="session")
def make_run() -> Callable[[Path], None]:
    """Maker of a run's files."""
    return leave_files


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a project after a run, shared by all tests: only to be added to."""
    root = tmp_path_factory.mktemp("project")
    leave_files(root)
    return root
