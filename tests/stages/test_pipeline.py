"""The pipeline from preferences to the report, by a real `dvc repro`."""

import copy
import json
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from prefactor.evaluation.results import PER_USER
from stages.ask import ask
from stages.candidates import candidates
from stages.compare import compare
from stages.generate import generate
from stages.generation_page import generation_page
from stages.generation_speed import generation_speed
from stages.personal_adapters import personal_adapters
from stages.personal_scores import personal_scores
from stages.win_rates import win_rates
from tests.decoding.speakers import make_folder
from tests.stages.conftest import MARKER, Project, Whole, make_project, tiny_parameters
from tests.stages.words import cells_of, readable_under, spans_of, texts_of
from tests.stub_judge import stub_judge


def test_every_promised_file_is_there(whole: Whole) -> None:
    reports = whole.folder / "reports"
    for name in ("index.html", "results.csv", "results.parquet", "metrics.json", "plots/few_shot.csv"):
        assert (reports / name).stat().st_size > 0
    for dataset in ("stylebench", "mine"):
        for gate in ("tables", "split"):
            assert (reports / "data_docs" / dataset / gate / "index.html").exists()


def test_the_portrait_names_every_basis_by_its_scorers(whole: Whole) -> None:
    folder = whole.folder / "reports" / "portrait" / "stylebench" / "tiny"
    labels, used = (pd.read_parquet(folder / f"{name}.parquet") for name in ("labels", "coverage"))
    assert set(labels["basis"]) == set(used["basis"]) == set(range(3)) and set(labels["kind"]) == {"scorer"}
    assert len(json.loads((folder / "portraits.json").read_text())["people"]) == 4
    assert "Inside VRF" in (whole.folder / "reports" / "index.html").read_text()


def test_every_model_chooses_among_candidates_of_known_worth(whole: Whole) -> None:
    folder = whole.folder / "reports" / "diagnosis" / "stylebench" / "tiny"
    pools = pd.read_parquet(folder / "pools.parquet")
    assert {"bt#0", "bt#1", "vrf#0", "vrf#1", "std:vrf#0", "user:known_pairs"} <= set(pools.columns)
    assert pools["user"].nunique() == 12 and (pools["user:known_pairs"] == 8).all() and "std:bt#0" not in pools
    rows = pd.read_parquet(folder / "results.parquet")
    gain = rows[(rows["metric"] == "gain") & (rows["setting"] == "n=2")].set_index(["method", "shots"], drop=False)
    assert set(gain["method"]) == {"bt", "vrf", "oracle", "random"} and set(gain["shots"].dropna()) == {3}
    assert (gain.loc["oracle", "value"] >= gain["value"].max() - 1e-9).all() and gain["n_users"].max() == 12
    assert set(pd.read_parquet(folder / "rules.parquet")["model"]) == {"vrf"}
    chosen = pd.read_parquet(folder / "pools_validation.parquet")
    assert chosen["user"].nunique() == 10 and not set(chosen["query"]) & set(pools["query"])
    page = (folder / "index.html").read_text()
    assert "VRF" in page and not any(user in page for user in set(pools["user"]))
    assert 'href="diagnosis/stylebench/tiny/index.html"' in (whole.folder / "reports" / "index.html").read_text()


def test_unseen_users_are_asked_in_every_way(whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", "models", "prefactor"):
        (tmp_path / name).symlink_to(whole.folder / name)
    asking = {"users": 6, "pairs": 20, "questions": [0, 1, 3], "criteria": ["information", "random"], "together": 3}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(whole.parameters() | {"asking": asking}))
    monkeypatch.chdir(tmp_path)
    ask("stylebench", "tiny")
    folder = tmp_path / "reports" / "asking" / "stylebench" / "tiny"
    rows = pd.read_parquet(folder / "results.parquet")
    accuracy = rows[(rows["metric"] == "accuracy") & (rows["seed"] == "all")].set_index("setting")
    asked = {f"asked={name};shares=evidence;together=1" for name in ("information", "random", "given")}
    asked |= {f"asked={name};shares=trained;together=1" for name in ("information", "pref", "random", "given")}
    assert {*accuracy.index} == asked | {"asked=information;shares=evidence;together=3"}
    assert accuracy["value"].between(0, 1).all() and {*accuracy["n_users"]} == {6} and {*accuracy["shots"]} == {0, 1, 3}
    assert {*rows["metric"]} >= {f"accuracy_minus_{name}" for name in ("random", "pref", "one_by_one", "trained")}
    users = pd.read_parquet("data/split/stylebench/users.parquet")["user_id"]
    page = (folder / "index.html").read_text()
    assert "VRF, by answers alone" in page and not any(user in page for user in users)


def test_every_method_is_timed_and_the_page_says_where(whole: Whole) -> None:
    folder = whole.folder / "reports" / "latency" / "stylebench" / "tiny"
    rows = pd.read_parquet(folder / "results.parquet")
    assert np.isfinite(rows["value"]).all() and (rows["value"] > 0).all() and set(rows["seed"]) == {"0"}
    found = {method: set(mine["metric"]) for method, mine in rows.groupby("method")}
    adapting = {"latency_adapt_batched", "latency_adapt_single"}
    assert found["bt"] == adapting and found["vrf"] == adapting | {
        "latency_backbone_batched",
        "latency_backbone_single",
    }
    batched = rows[rows["metric"] == "latency_adapt_batched"]
    assert set(batched["n_users"]) == {15} and set(batched["n_pairs"]) == {15 * 8}
    about = json.loads((folder / "machine.json").read_text())
    assert min(about["seconds_per_text"].values()) > 0 and about["texts_per_user"] > 1
    page = (whole.folder / "reports" / "index.html").read_text()
    assert "How long a new user takes" in page and about["date"] in page and about["processor"] in page


def test_what_draws_nothing_is_fitted_once_for_all_seeds(whole: Whole, tmp_path: Path) -> None:
    shutil.copytree(whole.folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".dvc"))
    project, parameters = Project(tmp_path / "copy"), whole.parameters()
    parameters["methods"]["item_mean"] = {"default": {"model": {}, "basis_training": None, "training": {}}}
    project.set_parameters(parameters)
    project.run("stages.train_encoder", "stylebench", "tiny", "item_mean", "default")
    models = project.folder / "models" / "stylebench" / "tiny" / "item_mean" / "default"
    first, second = (
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        for folder in (models / "seed-0", models / "seed-1")
    )
    assert first == second != {}
    assert set(json.loads((models / "training.json").read_text())["seeds"]) == {"0", "1"}
    history = pd.read_csv(models / "history.csv")
    assert [*history["seed"]] == [0, 1] and history["validation_seen_accuracy"].nunique() == 1


@pytest.mark.system
def test_a_language_model_of_our_own_is_a_backbone(whole: Whole, tmp_path: Path) -> None:
    """It is trained, read and asked for its opinion, which is method Ref; nothing of it is in a run without."""
    shutil.copytree(whole.folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".dvc"))
    project, parameters = Project(tmp_path / "copy"), whole.parameters()
    sizes = {"vocabulary": 300, "hidden": 16, "layers": 1, "heads": 2, "kv_heads": 1, "head_dim": 8, "intermediate": 24}
    parameters["language_models"] = {"small": {"dataset": "stylebench", "epochs": 1, **sizes}}
    parameters["backbones"]["small"] = {"model": "models/language/small", "pooling": "mean"}
    parameters["methods"]["ref"] = {"default": {"model": {}, "basis_training": None, "training": {}}}
    parameters["run"] |= {"backbones": ["small"], "methods": ["ref"]}
    project.set_parameters(parameters)
    project.run("stages.language_model")
    project.run("stages.embed", "stylebench", "small")
    for stage in ("train_encoder", "evaluate"):
        project.run(f"stages.{stage}", "stylebench", "small", "ref", "default")
    project.run("stages.latency", "stylebench", "small")
    folder = project.folder / "reports" / "evaluation" / "stylebench" / "small" / "ref" / "default"
    rows = pd.read_parquet(folder / "results.parquet")
    accuracy = rows[(rows["metric"] == "accuracy") & (rows["split"] == "unseen")]["value"]
    assert len(accuracy) and accuracy.between(0, 1).all()


def test_held_out_data_choose_the_form_of_the_model(whole: Whole) -> None:
    """Both forms of the common reward are trained; the one that is kept, seed by seed, has the least log loss."""
    cell = Path("stylebench", "tiny", "vrf", "default")
    about = json.loads((whole.folder / "models" / cell / "training.json").read_text())
    for seed, found in about["seeds"].items():
        linear, mlp = found["validation_log_losses"]
        assert linear != mlp
        kept = json.loads((whole.folder / "models" / cell / f"seed-{seed}" / "model.json").read_text())
        network = kept["parameters"]["common_network"]
        assert network is None if linear < mlp else network["form"] == "mlp"
        bases = whole.folder / "models" / "bases" / cell / f"seed-{seed}"
        assert {path.name for path in bases.iterdir()} == {"choice-0", "choice-1"}


def test_a_judge_labels_bases_when_asked_and_its_key_is_in_no_file(whole: Whole, tmp_path: Path) -> None:
    shutil.copytree(whole.folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".dvc"))
    project = Project(tmp_path / "copy")
    with stub_judge() as stub:
        judge = {"url": stub.url, "model": "small", "key_variable": "PREFACTOR_TEST_KEY"}
        project.set_parameters(project.parameters() | {"portrait": {"judge": judge}})
        refused = project.run("stages.portrait", "stylebench", "tiny", check=False)
        assert refused.returncode == 1 and "PREFACTOR_TEST_KEY, which is not set" in refused.stderr and not stub.asked
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PREFACTOR_TEST_KEY", "sk-very-secret")
            done = project.run("stages.portrait", "stylebench", "tiny")
        assert len(stub.asked) == 3 and all(
            asked[1]["Authorization"] == "Bearer sk-very-secret" for asked in stub.asked
        )
    folder = project.folder / "reports" / "portrait" / "stylebench" / "tiny"
    labels = pd.read_parquet(folder / "labels.parquet")
    assert set(labels["kind"]) == {"scorer", "judge"}
    assert set(labels[labels["kind"] == "judge"]["label"]) == {"Warm & brief"}
    assert json.loads((folder / "portraits.json").read_text())["judge"] == "small"
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    assert not any(b"sk-very-secret" in path.read_bytes() for path in files)
    assert "sk-very-secret" not in done.stdout + done.stderr


def test_results_have_every_method_split_and_shot(whole: Whole) -> None:
    results = pd.read_parquet(whole.folder / "reports" / "results.parquet")
    accuracy = results[(results.metric == "accuracy") & (results.seed == "all")]
    for method in ("bt", "vrf"):
        mine = accuracy[accuracy.method == method]
        assert set(mine[mine.shots.isna()].split) == {"seen", "unseen", "overall"}
        assert set(mine.shots.dropna()) == {1, 3}
    assert set(accuracy[accuracy.method == "oracle"].variant) == {"true scores", "regressed scores"}
    true = accuracy[(accuracy.variant == "true scores")]
    assert (true.value == 1).all()  # labels have no noise here
    assert "accuracy_minus_bt" in set(results.metric)
    drawn = results[results.metric == "accuracy_over_draws"]
    assert set(drawn.method) == {"bt", "vrf"} and set(drawn.shots) == {2}
    claimed = results.metric.isin([*PER_USER, "ece", "ece_plain"])
    claimed |= results.metric.isin(["accuracy_minus_bt", "accuracy_minus_vrf", "accuracy_over_draws"])
    claimed |= results.metric.str.startswith("uncertainty_") | results.metric.str.contains("vrf_sigma")
    assert (results.low_items.notna() == claimed & (results.seed == "all")).all()
    assert (results.n_users > 0).all() and (results.n_pairs > 0).all()


def test_doubts_recovery_and_size_reach_the_results_and_the_page(whole: Whole) -> None:
    results = pd.read_parquet(whole.folder / "reports" / "results.parquet")
    mine = results[(results.method == "vrf") & (results.seed == "all")]
    for name in ("sigma", "combined", "combined_flips", "fitted", "fitted_before", "low_confidence", "bt"):
        assert {1, 3} & set(mine[mine.metric == f"uncertainty_{name}"].shots.dropna()), name
    assert {"accuracy_low_sigma", "uncertainty_combined_minus_confidence", "uncertainty_combined_minus_bt"} <= set(
        mine.metric
    )
    for name in ("accuracy_low_vrf_sigma", "accuracy_low_vrf_sigma_minus_vrf"):
        assert name in set(results[results.method == "bt"].metric) and (name in set(mine.metric)) == (
            "minus" not in name
        )
    for name in ("utility_correlation", "weight_cosine", "weight_distance"):
        found = mine[mine.metric == name]
        assert set(found.split) == {"seen", "unseen", "overall"} and 1 in set(found.shots.dropna()), name
        assert found.value.notna().all() and (found.ci_low < found.ci_high).all()
    folder = whole.folder / "reports" / "evaluation" / "stylebench" / "tiny" / "vrf" / "default"
    sizes = pd.read_parquet(folder / "size.parquet")
    assert (sizes["kept"] > 0).all()
    assert (sizes["trained"] > sizes["kept"]).all()  # the first step's weights are dropped
    page = (whole.folder / "reports" / "index.html").read_text()
    assert "Does it know whom it gets wrong?" in page and "Was the taste itself recovered?" in page
    assert "Trained, in all steps together" in page and "Kept in the saved model" in page


def test_a_search_scores_default_and_what_it_draws_best_first(whole: Whole) -> None:
    table = pd.read_csv(whole.folder / "reports/search/bt/configurations.csv")
    assert sorted(table["number"]) == [0, 1, 2] and table["score"].is_monotonic_decreasing
    changes = table.set_index("number")["changes"].map(json.loads)
    assert changes[0] == {} and changes[1] != changes[2] and set(changes[1]) == {"training"}
    parts = table[[f"stylebench/tiny {name}" for name in ("seen", "1", "3")]]
    assert np.allclose(table["score"], parts.mean(axis=1)) and not list(whole.folder.glob("reports/search/*.part"))


def test_no_stage_says_what_people_wrote(whole: Whole) -> None:
    assert all(f"Running stage '{name}" in whole.said for name in ("prepare@mine", "embed@", "diagnose@", "compare"))
    assert "mine: 144 pairs of 12 users" in whole.said and "texts encoded" in whole.said
    assert MARKER in (whole.folder / "mine.jsonl").read_text() and MARKER not in whole.said
    assert not spans_of([whole.said]) & spans_of(texts_of(whole, "stylebench"))


def test_mlflow_keeps_no_text_of_the_data(whole: Whole, tmp_path: Path) -> None:
    whole.run("stages.publish", "--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}")
    kept = [*cells_of(tmp_path / "mlflow.db"), *readable_under(tmp_path)]
    assert any("learning_rate" in text for text in kept)
    assert not [text for text in kept if MARKER in text]
    assert not spans_of(kept) & spans_of(texts_of(whole, "stylebench"))


def test_a_second_repro_runs_nothing(whole: Whole) -> None:
    assert whole.reproduce() == set()


def test_one_parameter_of_one_method_reruns_its_stages_only(whole: Whole) -> None:
    before = whole.parameters()
    changed = copy.deepcopy(before)
    changed["methods"]["vrf"]["default"]["training"]["learning_rate"] = 0.02
    try:
        whole.set_parameters(changed)
        ran = whole.reproduce()
    finally:
        whole.set_parameters(before)
    assert ran == {
        "train-encoder@stylebench-tiny-vrf-default",
        "evaluate@stylebench-tiny-vrf-default",
        "portrait@stylebench-tiny",
        "diagnose@stylebench-tiny",
        "latency@stylebench-tiny",
        "compare",
        "backbone-scale",
    }


def test_own_file_was_prepared_and_its_duplicate_counted(whole: Whole) -> None:
    source = json.loads((whole.folder / "data" / "prepared" / "mine" / "source.json").read_text())
    assert source["dropped"]["duplicate_pairs"] == 1
    manifest = json.loads((whole.folder / "data" / "split" / "mine" / "manifest.json").read_text())
    assert manifest["parameters"]["leakage"] == "within-user"


def test_a_bad_file_stops_the_pipeline_with_row_value_and_fix(tmp_path: Path) -> None:
    project = make_project(tmp_path, tiny_parameters())
    rows = (tmp_path / "mine.jsonl").read_text().splitlines()
    broken = json.loads(rows[4])
    rows[4] = json.dumps({**broken, "rejected": broken["chosen"]})
    (tmp_path / "mine.jsonl").write_text("\n".join(rows))
    done = project.run("dvc", "repro", "prepare@mine", check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "mine.jsonl" in said and "row 5" in said and "Traceback" not in said
    assert not (tmp_path / "data" / "prepared" / "mine").exists()


def test_an_unknown_parameter_names_the_nearest(tmp_path: Path) -> None:
    parameters = tiny_parameters()
    parameters["datasets"]["stylebench"]["options"]["promts"] = 3
    done = make_project(tmp_path, parameters).run("dvc", "repro", "prepare@stylebench", check=False)
    assert "unknown key 'promts'; did you mean 'prompts'" in done.stdout + done.stderr


@pytest.mark.system
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_repro_resumes_from_the_last_whole_shard(tmp_path: Path, blow: signal.Signals) -> None:
    parameters = tiny_parameters()
    del parameters["datasets"]["mine"]
    project = make_project(tmp_path, parameters, ["validate@stylebench"])
    shards = tmp_path / "data" / "states" / "stylebench" / "minilm" / "shards"
    running = project.start("dvc", "repro", "embed@stylebench-minilm")
    deadline = time.monotonic() + 120
    while len(whole_shards(shards)) < 2:
        assert running.poll() is None and time.monotonic() < deadline, "embedding ended before it could be killed"
        time.sleep(0.01)
    os.killpg(running.pid, blow)
    running.wait(timeout=60)
    survived = {path: path.stat().st_mtime_ns for path in whole_shards(shards)}
    kept = sum(len(np.load(path)) for path in survived)
    again = project.run("dvc", "repro", "embed@stylebench-minilm")
    assert f"{kept} reused" in again.stdout
    assert f"{108 - kept} texts encoded" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in survived} == survived


def whole_shards(folder: Path) -> list[Path]:
    """Index files, which are written after the states they describe."""
    return sorted(folder.glob("*.index.npy"))


WRITERS = ["base", "drift", "exact+best_of_n-vrf", "best_of_n-bt", "dpo"]
TINY_GENERATION = {
    "models": ["small"],
    "embeddings": "tiny",
    "datasets": ["stylebench", "mine"],
    "methods": WRITERS,
    "attributes": {"names": ["concise", "formal", "direct"]},
    "users": 3,
    "pairs": 4,
    "prompts": 2,
    "shots": [4],
    "sampling": {"max_new_tokens": 8},
    "exact": {"k": 2},
    "candidates": {"n": 2, "pool": 4},
    "attributes_kept": [1],
    "subset_sizes": [1],
    "exhaustive_pairs": 3,
    "adapters": {"users": 1, "reward": {"epochs": 1}, "dpo": {"epochs": 1}},
    "examples": 1,
}


def test_methods_that_need_a_language_model_predict_and_write(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All stages of personal generation, one after another in this process, and the page that they end in."""
    shutil.copytree(whole.folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".dvc"))
    project, parameters = Project(tmp_path / "copy"), whole.parameters()
    make_folder(project.folder / "models" / "language" / "small", context=1024)
    parameters["backbones"]["small"] = {"model": "models/language/small"}
    parameters["language_models"]["small"] = {"dataset": "stylebench"}  # of the other dataset it has read nothing
    project.set_parameters(parameters | {"generation": TINY_GENERATION})
    monkeypatch.chdir(project.folder)
    for stage in (candidates, personal_adapters, personal_scores):
        stage("small")
    for method in WRITERS:
        generate("small", method)
    for stage in (win_rates, generation_speed, generation_page):
        stage("small")
    scored = pd.read_parquet("reports/evaluation/scorers/small/results.parquet")
    found = scored[(scored["metric"] == "accuracy") & (scored["seed"] == "all")]
    assert {"bt", "vrf", "drift", "exact", "exact_global", "history", "lora_reward", "dpo"} <= set(found["method"])
    assert found["value"].between(0, 1).all() and {3, 1} <= set(found["n_users"])
    checked = found[found["dataset"] == "mine"]
    assert set(checked["setting"]) == {"format_check=1;topic_shift=off"} and len(checked) == 4
    pool = pd.read_parquet("reports/texts/small/candidates/pool.parquet")
    assert {*pool["sample"]} == {0, 1, 2, 3, 4}  # the base model's own, and those to choose among
    about = json.loads(Path("reports/evaluation/scorers/small/about.json").read_text())
    assert 0 <= about["pairs in a history"] <= 4 and about["attributes of the world"] == 3
    judged = pd.read_parquet("reports/generation/small/judged/results.parquet")
    won = judged[judged["metric"] == "win_rate"]
    assert set(won["method"]) == {*WRITERS} - {"base"} and won["value"].between(0, 1).all()
    assert {"best_of_n_gain", "entropy_before", "precision_at_k"} <= {*judged["metric"], *scored["metric"]}
    page = Path("reports/generation/small/index.html").read_text()
    users = pd.read_parquet("data/split/stylebench/users.parquet")["user_id"]
    assert "EXACT, retrieved, mine, topic shift off, format check" in page
    assert "Drift" in page and not any(user in page for user in users)
    compare()
    both = pd.read_csv("reports/results.csv")
    assert both.loc[both["dataset"] == "mine", "setting"].str.contains("format_check=1").all()
    assert {"mine"} <= set(both["dataset"])
    assert set(both.loc[both["method"] == "drift", "setting"].str.partition("users=")[1]) == {"users="}
