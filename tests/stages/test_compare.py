"""Which paired differences are taken: of other methods from one BT and one VRF, of every variant from its base."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prefactor import layout
from prefactor.evaluation.items import Outcomes, outcomes_table
from prefactor.evaluation.results import in_schema, write_results
from prefactor.layout import Cell
from stages.compare import _by_thirds, _paired, _pooled, compare, halves_in, personal_scores
from stages.trainings import RunParameters

USERS, PAIRS = 12, 4
RIGHT = {"bt": 0.5, "vrf": 0.9, "lore": 0.7}  # of `default`; other variants have 0.1 less
MODELS = {"default": {}, "faithful": {"margin": 2.0, "temperature": 2.0}}
MODELS["plain"] = {**MODELS["faithful"], "attenuated": False}


def leave(cell: Cell) -> Cell:
    level = RIGHT[cell.method] - 0.1 * [*MODELS].index(cell.variant)
    cell.model.mkdir(parents=True)
    model = MODELS[cell.variant] if cell.method == "vrf" else {}
    seed = {"best_step": 1, "validation_accuracy": level, "trainable_parameters": 1}
    summary = {"seeds": {"0": seed}, "run": "r", "parameters": {"model": model}}
    (cell.model / "training.json").write_text(json.dumps(summary))
    (cell.model / "history.csv").write_text("seed,step,loss,validation_seen_accuracy,validation_users_accuracy\n")
    user = np.repeat(np.arange(USERS), PAIRS)
    right = level + 0.01 * np.random.default_rng(0).normal(size=USERS * PAIRS)
    cell.evaluation.mkdir(parents=True)
    table = pd.DataFrame({"user_id": [f"u{n}" for n in range(USERS)], "seed": "0", "split": "unseen", "pairs": PAIRS})
    table = table.assign(accuracy=right.reshape(USERS, PAIRS).mean(1), shots=pd.array([None] * USERS, dtype="Int64"))
    sigma = np.arange(USERS) % 3 * (1 if cell.variant == "default" else -1)
    table = table.assign(known=9, uncertainty_low_confidence=np.linspace(0.1, 0.4, USERS))
    table = table.assign(uncertainty_sigma=sigma) if cell.method == "vrf" else table
    table.to_parquet(cell.evaluation / "users.parquet")
    single = Outcomes(right, user, np.tile(np.arange(PAIRS), USERS)[:, None], "prompts")
    outcomes_table({("unseen", None): single}).to_parquet(cell.evaluation / "outcomes.parquet")
    identity = {"dataset": "d", "protocol": "p", "backbone": "b", "method": cell.method, "variant": cell.variant}
    write_results(
        in_schema(pd.DataFrame([{**identity, "setting": "", "run": "r"}])), cell.evaluation / "results.parquet"
    )
    return cell


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.chdir(tmp_path)
    return pd.concat(_paired(run_of("default", "faithful", "plain"))).set_index(["method", "variant", "metric"])


def run_of(*variants: str) -> list[Cell]:
    """What a run of all methods in these variants leaves."""
    return [leave(Cell("d", "b", method, variant)) for method in RIGHT for variant in variants]


def test_a_variant_is_held_against_its_own_default(rows: pd.DataFrame) -> None:
    for method in RIGHT:
        found = rows.loc[(method, "faithful", "accuracy_minus_base")]
        assert found["value"] == pytest.approx(-0.1) and found["setting"] == "against=default"
        assert np.isfinite([found["ci_low"], found["ci_high"], found["low_items"], found["high_items"]]).all()
        assert (method, "default", "accuracy_minus_base") not in rows.index


def test_a_variant_of_the_published_parameters_is_held_against_them(rows: pd.DataFrame) -> None:
    found = rows.loc[("vrf", "plain", "accuracy_minus_base")]
    assert found["value"] == pytest.approx(-0.1) and found["setting"] == "against=faithful"
    found = rows.loc[("lore", "plain", "accuracy_minus_base")]  # of no other parameters than `default` has
    assert found["value"] == pytest.approx(-0.2) and found["setting"] == "against=default"


def test_other_methods_alone_are_held_against_the_one_bt_and_the_one_vrf(rows: pd.DataFrame) -> None:
    for method, level in (("bt", 0.5), ("vrf", 0.9)):
        metric = f"accuracy_minus_{method}"
        assert rows.loc[("lore", "default", metric), "value"] == pytest.approx(0.7 - level)
        found = rows.query("metric == @metric").reset_index()
        assert set(found["method"]) == {*RIGHT} - {method} and set(found["setting"]) == {"against=default"}
    metrics = {f"accuracy_minus_{name}" for name in ("bt", "vrf", "base")}
    assert set(rows.reset_index()["metric"]) == metrics and not rows.index.duplicated().any()


def test_all_are_judged_on_thirds_of_users_by_the_one_vrfs_uncertainty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = run_of("default", "faithful")
    found = pd.concat(_by_thirds(cells))
    thirds = {f"accuracy_{third}_vrf_sigma" for third in ("low", "mid", "high")}
    assert set(found["setting"]) == {"against=default"} and set(found["n_users"]) == {USERS // 3}
    for (method, _), rows in found.groupby(["method", "variant"]):
        assert set(rows["metric"]) == thirds | ({f"{name}_minus_vrf" for name in thirds} if method != "vrf" else set())
    least = found.set_index(["method", "variant", "metric"])["value"]["lore", "faithful", "accuracy_low_vrf_sigma"]
    users = pd.read_parquet(Cell("d", "b", "lore", "faithful").evaluation / "users.parquet")
    assert least == pytest.approx(users["accuracy"][::3].mean())
    assert _by_thirds([cell for cell in cells if cell.method == "vrf"]) == []
    assert _by_thirds([cell for cell in cells if cell.method != "vrf"]) == []


def test_without_a_default_nothing_is_held_against_its_own_variant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = pd.concat(_paired(run_of("plain", "faithful"))).query("metric == 'accuracy_minus_base'")
    assert set(zip(found["variant"], found["setting"], strict=True)) == {("plain", "against=faithful")}


def test_the_stage_reports_every_variant_and_says_what_the_signal_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run_of(*MODELS)
    lists = {"datasets": ["d"], "backbones": ["b"], "methods": [*RIGHT], "variants": [*MODELS], "seeds": [0]}
    (tmp_path / "params.yaml").write_text(
        json.dumps({"run": lists, "generation": {"models": ["small"], "datasets": ["d", "shift"]}})
    )
    leave_ceiling_and_signals()
    compare()
    said = capsys.readouterr().out
    gain = "gain over one linear reward for all (a linear BT) +0.1400 nats"
    assert f"personal signal on d/b: p = 0.005; {gain}" in said and "old" not in said
    page = (tmp_path / "reports" / "index.html").read_text(encoding="utf-8")
    (table,) = [table for table in re.findall(r"<table.*?</table>", page, re.DOTALL) if "Minus its base" in table]
    for variant, base in (("faithful", "default"), ("plain", "faithful")):
        assert re.search(rf"VRF \N{{MIDDLE DOT}} {variant}</th>\s*<td[^>]*><b></b> <span[^>]*>{base}</span>", table)


def test_scores_are_of_the_models_and_datasets_that_are_named_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = {"models": ["small", "unscored"], "datasets": ["d", "shift"]}
    (tmp_path / "params.yaml").write_text(json.dumps({"generation": named}))
    for model in ("small", "old"):
        rows = [{"dataset": name, "method": model, "n_users": 3, "setting": ""} for name in ("d", "shift", "run", "x")]
        layout.personal_scores(model).mkdir(parents=True)
        write_results(in_schema(pd.DataFrame(rows)), layout.personal_scores(model) / "results.parquet")
    (found,) = personal_scores(RunParameters(("run",), ("b",), ("bt",), ("default",), (0,)))
    assert set(found["dataset"]) == {"d", "shift", "run"} and set(found["method"]) == {"small"}
    assert set(found["setting"]) == {"users=3"}


def leave_halves(overlap: int) -> None:
    """Two splits of the same rows, the second one turned round; their unseen users have so many in common."""
    for dataset, reverse in (("d", False), ("turned", True)):
        for method in RIGHT:
            cell = leave(Cell(dataset, "b", method, "default"))
            table = pd.read_parquet(cell.evaluation / "users.parquet")
            table = table.assign(log_loss=0.6, brier=0.2, log_loss_plain=0.6, brier_plain=0.2)
            shift = reverse * (USERS - overlap)
            table["user_id"] = [f"u{number + shift}" for number in range(USERS)]
            table.to_parquet(cell.evaluation / "users.parquet")
        layout.prepared(dataset).mkdir(parents=True)
        (layout.prepared(dataset) / "source.json").write_text("{}")
        layout.split(dataset).mkdir(parents=True)
        manifest = {"parameters": {"reverse": reverse}, "checksums": {"input": {"pairs": 1}}}
        (layout.split(dataset) / "manifest.json").write_text(json.dumps(manifest))
        pairs = [
            {"user_id": f"u{user}", "role": role, "part": part, "rank": rank, "group_id": f"g{rank}"}
            for user, role in enumerate(("seen", "validation", *["unseen"] * USERS))
            for part in ("train", "evaluation")
            for rank in range(PAIRS)
        ]
        pd.DataFrame(pairs).assign(chosen="t", rejected="s").to_parquet(layout.split(dataset) / "pairs.parquet")


def test_halves_of_the_same_people_are_pooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    leave_halves(0)
    (halves,) = halves_in(["d", "turned", "absent"])
    found = pd.concat(_pooled(halves, [Cell("d", "b", method, "default") for method in RIGHT]))
    assert (
        set(found["dataset"]) == {"d + turned"} and set(found["split"]) == {"unseen"} and set(found["run"]) == {"r + r"}
    )
    rows = found.query("seed == 'all'").set_index(["method", "metric"])
    assert rows.loc[("bt", "accuracy_minus_vrf"), "value"] == pytest.approx(-0.4)
    assert rows.loc[("lore", "accuracy"), "value"] == pytest.approx(0.7, abs=0.01)
    for metric in ("accuracy", "accuracy_minus_vrf"):
        row = rows.loc[("bt", metric)]
        assert (row["n_users"], row["n_items"], row["resampled"]) == (2 * USERS, PAIRS, "users; users and prompts")


def test_people_who_are_unseen_twice_are_not_pooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    leave_halves(1)
    (halves,) = halves_in(["d", "turned"])
    assert _pooled(halves, [Cell("d", "b", method, "default") for method in RIGHT]) == []


def leave_ceiling_and_signals() -> None:
    """An oracle without figures, the test for a personal signal of the run, and one of an earlier run."""
    folder = layout.ceiling("d", "b")
    folder.mkdir(parents=True)
    write_results(in_schema(pd.DataFrame({"dataset": []})), folder / "results.parquet")
    gain = {"log_loss": 0.14, "accuracy": 0.16}
    numbers = {"users": 12, "pairs_per_user": 4.0, "permutations": 199, "p_value": 0.005, "users_for_power": None}
    findings = {**numbers, "gain": gain, "null": {"log_loss": {"mean": 0.0, "low": -0.1, "high": 0.1}}}
    findings |= {"reliability": {"whole": 0.5}, "pairs_for_reliability": {"0.5": None}}
    for dataset in ("d", "old"):
        folder = layout.signal(dataset, "b")
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(json.dumps({"dataset": dataset, "backbone": "b", **findings}))
        pd.DataFrame({"log_loss": [0.0, 0.01, -0.01]}).to_parquet(folder / "null.parquet")
