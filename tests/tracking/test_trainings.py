"""Reading what the stages wrote, and choosing what is served."""

import json
import math
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from prefactor.errors import InputError
from prefactor.tracking.candidate import choose
from prefactor.tracking.lineage import recorded_hashes
from prefactor.tracking.measures import _curves, _finals
from prefactor.tracking.runs import flattened
from prefactor.tracking.store import resolve_uri, sqlite_path
from prefactor.trainings import Training, find_trainings


def train(root: Path, cell: str, accuracies: dict[str, float]) -> Training:
    folder = root / "models" / cell
    folder.mkdir(parents=True)
    seeds = {seed: {"validation_accuracy": value} for seed, value in accuracies.items()}
    (folder / "training.json").write_text(json.dumps({"seeds": seeds, "parameters": {"a": 1}, "run": "f" * 16}))
    return Training(*cell.split("/"), root=root)


def test_the_candidate_is_chosen_by_mean_validation_and_its_seed_by_its_own(tmp_path):
    lucky = train(tmp_path, "d/b/vrf/lucky", {"0": 0.95, "1": 0.55})
    steady = train(tmp_path, "d/b/vrf/steady", {"0": 0.78, "1": 0.80})
    other = train(tmp_path, "d/b/lore/default", {"0": 0.99})
    candidate = choose([lucky, other, steady])
    assert candidate.training == steady and candidate.seed == "1"
    assert candidate.folder == tmp_path / "models/d/b/vrf/steady/seed-1"
    assert candidate.contenders == (steady, lucky)
    assert choose([other]) is None


def test_held_out_users_are_read_at_the_steps_that_were_kept(tmp_path):
    training = train(tmp_path, "d/b/vrf/default", {"0": 0.9, "1": 0.9})
    kept = {"0": {"best_step": 10}, "1": {"best_step": 20}}
    summary = {"seeds": kept, "parameters": {"a": 1}, "run": "f" * 16}
    (training.folder / "training.json").write_text(json.dumps(summary))
    rows = ["seed,step,validation_seen_accuracy,validation_users_accuracy"]
    rows += [f"{seed},{step},0.9,{0.5 + seed / 10 + step / 100}" for seed in (0, 1) for step in (10, 20)]
    (training.folder / "history.csv").write_text("\n".join(rows) + "\n")
    assert training.held_out_accuracy == pytest.approx((0.6 + 0.8) / 2)


def test_the_choice_that_was_kept_is_that_of_the_least_log_loss(tmp_path):
    training = train(tmp_path, "d/b/vrf/default", {"0": 0.9, "1": 0.9})
    assert training.choices_kept == {}
    losses = {"0": [0.4, 0.3], "1": [0.3, 0.3]}
    seeds = {seed: {"validation_accuracy": 0.9, "validation_log_losses": found} for seed, found in losses.items()}
    summary = {"seeds": seeds, "parameters": {"a": 1}, "run": "f" * 16}
    (training.folder / "training.json").write_text(json.dumps(summary))
    again = Training("d", "b", "vrf", "default", root=tmp_path)
    assert again.choices_kept == {"0": 1, "1": 0}


def test_equals_are_decided_by_name_and_not_by_order(tmp_path):
    first, second = (train(tmp_path, f"d/b/vrf/{name}", {"0": 0.8, "1": 0.8}) for name in ("a", "z"))
    for order in ([first, second], [second, first]):
        assert choose(order).training == first and choose(order).seed == "0"


def test_only_what_params_yaml_asks_for_is_found(tmp_path):
    for cell in ("d/b/vrf/default", "d/b/vrf/old", "gone/b/vrf/default", "d/b/bt/default"):
        train(tmp_path, cell, {"0": 0.8})
    first_step = tmp_path / "models/bases/d/b/vrf/default"
    shutil.copytree(tmp_path / "models/d/b/vrf/default", first_step)
    run = {"datasets": ["d"], "methods": ["vrf", "bt"], "variants": ["default"], "seeds": [0]}
    assert [str(training.path) for training in find_trainings(tmp_path, run)] == ["d/b/bt/default", "d/b/vrf/default"]


@pytest.mark.parametrize("text", ["{", "[]", '{"seeds": {}, "parameters": {"a": 1}, "run": "x"}'])
def test_a_broken_summary_is_named(tmp_path, text):
    training = train(tmp_path, "d/b/vrf/default", {"0": 0.8})
    (training.folder / "training.json").write_text(text)
    with pytest.raises(InputError, match=r"training\.json .*rerun|training\.json .*run `dvc repro`"):
        _ = training.summary


def test_hashes_come_from_the_lock_file(tmp_path):
    lock = tmp_path / "dvc.lock"
    assert recorded_hashes(lock) == {}
    outs = [{"path": "data/split/d", "hash": "md5", "md5": "abc.dir"}, {"path": "reports/x.json"}]
    lock.write_text(yaml.safe_dump({"stages": {"split@d": {"outs": outs}, "validate@d": {"cmd": "x"}}}))
    assert recorded_hashes(lock) == {"data/split/d": "abc.dir"}
    lock.write_text("stages: [1, 2]")
    with pytest.raises(InputError, match="not a lock file of DVC"):
        recorded_hashes(lock)


def test_curves_leave_out_blanks_and_keep_seeds_apart():
    history = pd.DataFrame(
        {"seed": ["0", "1"], "step": [5, 5], "loss": [0.5, math.nan], "validation_seen_accuracy": [1, 0]}
    )
    assert set(_curves(history)) == {
        ("seed_0/loss", 0.5, 5),
        ("seed_0/validation_seen_accuracy", 1.0, 5),
        ("seed_1/validation_seen_accuracy", 0.0, 5),
    }


def test_final_figures_carry_their_interval_and_few_shot_figures_their_shots():
    row = {"split": "unseen", "metric": "accuracy", "setting": "", "shots": pd.NA, "seed": "all", "value": 0.8}
    row |= {"ci_low": 0.7, "ci_high": 0.9, "n_users": 3}
    changes = [{}, {"shots": 9}, {"seed": "0", "value": 0.6}, {"setting": "tau=1;k=2", "value": 0.5}]
    found = {
        (name, step): value for name, value, step in _finals(pd.DataFrame([{**row, **change} for change in changes]))
    }
    assert found["unseen/accuracy", 0] == 0.8 and found["unseen/accuracy/ci_low", 0] == 0.7
    assert found["unseen/accuracy/by_shots", 9] == 0.8 and found["unseen/accuracy/by_shots/ci_high", 9] == 0.9
    assert found["seed_0/unseen/accuracy", 0] == 0.6 and found["unseen/accuracy/tau:1:k:2", 0] == 0.5
    assert found["unseen/accuracy/n_users", 0] == 3 and len(found) == 4 + 4 + 1 + 4


def test_parameters_are_flattened_without_loss():
    nested = {
        "model": {"basis": {"form": "mlp"}, "empty": {}},
        "seeds": [0, 1],
        "rate": 0.001,
        "none": None,
        "on": True,
    }
    assert dict(flattened(nested)) == {
        "model.basis.form": "mlp",
        "model.empty": "{}",
        "seeds": "[0, 1]",
        "rate": "0.001",
        "none": "null",
        "on": "true",
    }


def test_the_store_is_what_was_asked_for_then_the_environment_then_sqlite(tmp_path, monkeypatch):
    default = f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    assert resolve_uri(tmp_path, None) == default
    assert sqlite_path(default) == tmp_path / "mlruns/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert resolve_uri(tmp_path, None) == "http://127.0.0.1:1" and sqlite_path("http://127.0.0.1:1") is None
    assert resolve_uri(tmp_path, "sqlite:///x.db") == "sqlite:///x.db"


def test_the_stage_says_where_everything_is():
    from prefactor.tracking import PublishReport
    from prefactor.tracking.registry import Registered
    from stages.publish import describe

    model = Registered("prefactor-d", "3", "champion", new=True)
    report = PublishReport("sqlite:///m.db", ("d: a",), (), ("d: late",), (model,))
    text = describe(report)
    for part in ("sqlite:///m.db", "1 added", "waiting", "d: late", "prefactor-d, version 3 (new), alias @champion"):
        assert part in text
    assert "mlflow models serve --model-uri models:/prefactor-d@champion --env-manager local" in text
    assert "promote" not in text
    challenger = Registered("prefactor-d", "4", "challenger", new=True, champion="3")
    text = describe(PublishReport("sqlite:///m.db", ("d: a",), (), (), (challenger,)))
    assert "version 4 (new), alias @challenger" in text and "prefactor promote --dataset d" in text
    assert "version 3, @champion, is still the one that is served" in text and "models:/prefactor-d@champion" in text
    assert "serve" not in describe(PublishReport("x", (), (), (), ())).replace("mlflow server", "")
