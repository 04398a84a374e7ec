"""A challenger is served if every gate lets it, and every decision leaves its evidence."""

import json
from pathlib import Path
from urllib.parse import urlparse

import pandas as pd
import pytest
import yaml

from prefactor.errors import InputError
from prefactor.promotion.decision import PROMOTED, REFUSED
from prefactor.promotion.loading import load_version
from prefactor.promotion.promoting import promote
from prefactor.promotion.rollback import rollback
from prefactor.tracking import publish
from prefactor.tracking.aliases import aliases_of, point
from prefactor.tracking.store import client_of
from tests.promotion.project import (
    DATASET,
    LIKED,
    NAME,
    SPLIT,
    add_model,
    moved,
    roles,
    split,
    write_checks,
    write_parameters,
)

GATES = ("data quality", "users held out", "unseen accuracy", "calibration", "latency", "slices")


def client(root: Path):
    return client_of(f"sqlite:///{root}/mlruns/mlflow.db")


def decisions(root: Path) -> list:
    found = client(root).get_experiment_by_name("prefactor-tiny-decisions")
    return [] if found is None else client(root).search_runs([found.experiment_id])


def verdicts(decision) -> dict[str, str]:
    return {gate.name: gate.verdict.value for gate in decision.evidence.gates}


@pytest.fixture(scope="module")
def promoted(challenged, tmp_path_factory):
    """A project whose better challenger was promoted, and the decision."""
    root = moved(tmp_path_factory.mktemp("promoted") / "project", challenged)
    return root, promote(root, DATASET)


def test_a_better_challenger_takes_the_champions_place(promoted):
    root, decision = promoted
    assert (decision.outcome, decision.before, decision.after) == (PROMOTED, "1", "2")
    assert verdicts(decision) == dict.fromkeys(GATES, "passed")
    assert aliases_of(client(root), NAME) == {"champion": "2", "previous": "1"}
    figures = decision.evidence.figures
    assert figures["challenger/accuracy"] - figures["champion/accuracy"] == pytest.approx(figures["difference"])
    assert figures["difference/low"] <= figures["difference"] <= figures["difference/high"]


def test_the_decision_is_a_run_with_its_evidence(promoted, tmp_path):
    root, decision = promoted
    [run] = decisions(root)
    assert run.info.run_id == decision.run_id and run.info.status == "FINISHED"
    told = {"prefactor.decision": "promoted", "prefactor.before": "1", "prefactor.after": "2", "gate.latency": "passed"}
    assert told.items() <= run.data.tags.items()
    assert run.data.metrics["difference"] == pytest.approx(decision.evidence.figures["difference"])
    assert "| unseen accuracy | passed |" in run.data.tags["mlflow.note.content"]
    folder = Path(client(root).download_artifacts(run.info.run_id, "evidence", str(tmp_path)))
    assert sorted(path.name for path in folder.iterdir()) == [
        "decision.md",
        "evidence.json",
        "gates.parquet",
        "slices.parquet",
    ]
    assert list(pd.read_parquet(folder / "gates.parquet")["gate"]) == list(GATES)
    assert set(pd.read_parquet(folder / "slices.parquet")["slice"]) > {"known by 1 pair"}
    whole = json.loads((folder / "evidence.json").read_text())
    assert whole["about"]["evaluation_set"] == run.data.tags["prefactor.evaluation_set"]
    assert whole["about"]["states"] == {"champion": "cached", "challenger": "cached"}
    ids = {user for users in roles(root).values() for user in users}
    assert not any(user.encode() in path.read_bytes() for path in folder.iterdir() for user in ids)


def test_dvcs_artifact_and_the_version_name_each_other(promoted):
    root, _ = promoted
    entry = yaml.safe_load((root / "registry/dvc.yaml").read_text())["artifacts"]["prefactor-tiny"]
    assert entry["path"] == "../models/tiny/bert/vrf/other/seed-0" and entry["type"] == "model"
    assert entry["meta"]["registered_model"] == NAME and entry["meta"]["version"] == 2
    tags = {number: client(root).get_model_version(NAME, number).tags for number in ("1", "2")}
    assert tags["2"]["dvc.artifact"] == "registry:prefactor-tiny"
    assert (root / "registry" / entry["path"]).resolve() == root / tags["2"]["dvc.path"]
    assert tags["1"]["dvc.md5"] == "2" * 32 + ".dir" and "dvc.md5" not in tags["2"], "dvc.lock has one of them"


def test_a_champion_does_not_challenge_itself(promoted):
    root, _ = promoted
    with pytest.raises(InputError, match="version 2 is @champion already"):
        promote(root, DATASET, "2")
    with pytest.raises(InputError, match="has no @challenger; it has the versions 1, 2, @champion, @previous"):
        promote(root, DATASET)
    assert len(decisions(root)) == 1


def test_a_worse_challenger_is_refused_and_that_is_recorded(badly_challenged, tmp_path):
    root = moved(tmp_path / "project", badly_challenged)
    decision = promote(root, DATASET)
    assert decision.outcome == REFUSED and verdicts(decision)["unseen accuracy"] == "failed"
    assert verdicts(decision)["slices"] == "failed" and decision.evidence.slices["harmed"].any()
    assert aliases_of(client(root), NAME) == {"champion": "1", "challenger": "2"}
    [run] = decisions(root)
    assert run.info.status == "FINISHED" and run.data.tags["prefactor.decision"] == "refused"
    assert yaml.safe_load((root / "registry/dvc.yaml").read_text())["artifacts"][NAME]["meta"]["version"] == 1


def test_a_dry_run_measures_and_leaves_nothing(workspace):
    before = {path: path.read_bytes() for path in (workspace / "registry").iterdir()}
    decision = promote(workspace, DATASET, dry_run=True)
    assert decision.outcome == PROMOTED and decision.run_id is None and len(decision.evidence.gates) == len(GATES)
    assert aliases_of(client(workspace), NAME) == {"champion": "1", "challenger": "2"}
    assert decisions(workspace) == []
    assert {path: path.read_bytes() for path in (workspace / "registry").iterdir()} == before


def test_the_first_champion_has_nobody_to_beat(workspace):
    point(client(workspace), NAME, {"champion": None})
    decision = promote(workspace, DATASET)
    found = verdicts(decision)
    assert decision.outcome == PROMOTED and decision.before is None
    assert found["calibration"] == found["data quality"] == "passed"
    assert {name for name, verdict in found.items() if verdict == "not measured"} == {
        "unseen accuracy",
        "latency",
        "slices",
    }
    assert aliases_of(client(workspace), NAME) == {"champion": "2"}


def test_a_model_that_knows_who_is_to_be_evaluated_is_refused(workspace):
    """The users of the other halves of a new split are those of the old one."""
    known = roles(workspace)["seen"]
    split(workspace, seed=1)
    overlap = sorted({*roles(workspace)["unseen"]} & {*known})
    assert overlap, "another split makes others unseen"
    decision = promote(workspace, DATASET)
    assert decision.outcome == REFUSED and verdicts(decision)["users held out"] == "failed"
    assert verdicts(decision)["unseen accuracy"] == "not measured"
    assert not any(user in gate.found for gate in decision.evidence.gates for user in overlap)
    write_parameters(workspace, known_users="leave_out")
    decision = promote(workspace, DATASET)
    assert decision.evidence.about["left_out"] == len(overlap)
    assert decision.evidence.about["users"] == SPLIT["users"]["unseen"] - len(overlap)
    assert verdicts(decision)["users held out"] == "passed" and verdicts(decision)["unseen accuracy"] != "not measured"


def test_gates_that_nobody_asked_for_stop_nobody(badly_challenged, tmp_path):
    root = moved(tmp_path / "project", badly_challenged)
    write_checks(root, failed=2)
    write_parameters(root, quality=False, accuracy=None, calibration=None, latency=None, slices=None)
    decision = promote(root, DATASET, "2")
    assert decision.outcome == PROMOTED
    found = verdicts(decision)
    assert found.pop("users held out") == "passed" and set(found.values()) == {"not measured"}


def test_data_that_failed_its_checks_promotes_nobody(workspace):
    write_checks(workspace, failed=1)
    decision = promote(workspace, DATASET)
    assert decision.outcome == REFUSED and decision.evidence.stopped_by == ["data quality"]


def test_another_evaluation_set_than_the_frozen_one_is_refused(workspace):
    digest = promote(workspace, DATASET, dry_run=True).evidence.about["evaluation_set"]
    write_parameters(workspace, frozen={DATASET: digest[:8]})
    assert promote(workspace, DATASET, dry_run=True).outcome == PROMOTED
    write_parameters(workspace, frozen={DATASET: "0" * 8})
    with pytest.raises(InputError, match=rf"promotion\.frozen\.tiny is 00000000, but .* hashes to {digest}"):
        promote(workspace, DATASET)


def test_a_damaged_model_decides_nothing(workspace):
    place = Path(urlparse(client(workspace).get_model_version_download_uri(NAME, "2")).path)
    (place / "artifacts/package/users.json").write_text("[]")
    with pytest.raises(InputError, match=r"version 2: .*users\.json was changed"):
        promote(workspace, DATASET)
    assert aliases_of(client(workspace), NAME) == {"champion": "1", "challenger": "2"} and decisions(workspace) == []


def test_without_a_cache_the_texts_are_embedded_and_the_figures_are_the_same(workspace):
    cached = promote(workspace, DATASET, dry_run=True).evidence
    (workspace / "data/states/tiny/bert").rename(workspace / "data/states/tiny/gone")
    meta = workspace / "data/states/tiny/gone/meta.json"
    meta.write_text(meta.read_text().replace('"mean"', '"last"'))
    embedded = promote(workspace, DATASET, dry_run=True).evidence
    assert embedded.about["states"] == {"champion": "embedded", "challenger": "embedded"}
    for name in ("champion/accuracy", "challenger/accuracy", "difference"):
        assert embedded.figures[name] == pytest.approx(cached.figures[name], abs=0.02), "a cache is in half precision"


def test_what_was_rolled_back_comes_back_only_by_its_number(promoted, tmp_path):
    root = moved(tmp_path / "project", promoted[0])
    rollback(root, DATASET)
    assert publish(root).models[0].alias == "challenger", "it still validates best"
    with pytest.raises(InputError, match="version 2, @challenger, was rolled back"):
        promote(root, DATASET)
    assert promote(root, DATASET, "2").outcome == PROMOTED
    assert aliases_of(client(root), NAME) == {"champion": "2", "previous": "1"}
    assert "prefactor.rolled_back" not in client(root).get_model_version(NAME, "2").tags


def test_what_is_served_is_what_was_judged(promoted):
    root, decision = promoted
    champion = load_version(client(root), NAME)
    assert champion.version == decision.after
    assert decision.evidence.about["models"]["challenger"]["content"] == champion.content


def test_unknown_keys_of_the_section_are_refused(workspace):
    write_parameters(workspace, tolerance=0.1)
    with pytest.raises(InputError, match="promotion: unknown key 'tolerance'"):
        promote(workspace, DATASET)
    write_parameters(workspace, accuracy={"tolerance": -1})
    with pytest.raises(InputError, match="tolerance must be 0 or more"):
        promote(workspace, DATASET)


def test_a_second_challenger_can_follow(promoted, tmp_path):
    root = moved(tmp_path / "project", promoted[0])
    add_model(root, "third", LIKED, 0.95)
    assert (model := publish(root).models[0]).alias == "challenger" and model.champion == "2"
    assert promote(root, DATASET).after == "3"
    assert aliases_of(client(root), NAME) == {"champion": "3", "previous": "2"}
