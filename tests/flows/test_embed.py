"""The flow on a real Prefect server: pieces as tasks, and a cache that stage embed finds whole."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from flows.environment import child_environment
from flows.workspace import exclusive
from prefactor.backbones import BackboneParameters, embed, load_backbone, open_states
from prefactor.backbones.shards import shard_names
from prefactor.preferences import TEXTS, content_id
from stages.embed import embed as run_stage
from tests.flows.test_adapt_users import artifacts, wait_for
from tests.flows.test_slots import fresh_slots
from tests.tracking.conftest import WORDS, tiny_backbone

PROJECT = Path(__file__).resolve().parents[2]
NUMBER, PER_SHARD = 60, 7
RUN = """
import sys
from pathlib import Path
from flows.embed import embed
if __name__ == "__main__":
    embed(dataset="tiny", backbone="bert", build_first=False, where=sys.argv[2], root=Path(sys.argv[1]))
"""


@pytest.fixture
def slots(server):
    fresh_slots(core=2, gpu=2)
    return server


@pytest.fixture(scope="module")
def brain(tmp_path_factory) -> Path:
    return tiny_backbone(tmp_path_factory.mktemp("brains") / "tinybert")


def texts(number: int = NUMBER) -> list[tuple[str, str]]:
    return [(f"why {WORDS[n // 3 % 13]}", " ".join(WORDS[: 1 + n % 9]) + f" {n}") for n in range(number)]


@pytest.fixture
def project(brain, tmp_path) -> Path:
    """What a pipeline has before stage embed; the backbone is named by its place below the project."""
    write(tmp_path, texts())
    (tmp_path / "brains").symlink_to(brain.parent)
    values = {"backbones": {"bert": {"model": "brains/tinybert", "shard_texts": PER_SHARD, "states_dtype": "float32"}}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    return tmp_path


def write(root: Path, rows: list[tuple[str, str]]) -> Path:
    columns = [[content_id(*text) for text in rows], *(list(column) for column in zip(*rows, strict=True))]
    path = root / "data/prepared/tiny/texts.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(dict(zip(TEXTS.names, columns, strict=True))), path, row_group_size=16)
    return path


def run_flow(root: Path, **parameters):
    from flows.embed import embed as flow

    given = {"dataset": "tiny", "backbone": "bert", "build_first": False}
    return flow(**{**given, **parameters}, root=root, return_state=True)


def cache(root: Path) -> Path:
    return root / "data/states/tiny/bert"


def check(root: Path, rows: list[tuple[str, str]]) -> None:
    """The cache is what stage embed would have made, and leaves it nothing to do."""
    parameters = BackboneParameters(
        model=str(root / "brains/tinybert"), shard_texts=PER_SHARD, states_dtype="float32", device="cpu"
    )
    backbone = load_backbone(parameters)
    ids = [content_id(*text) for text in rows]
    found = open_states(cache(root), backbone.identity())
    assert len(found) == len(ids)
    plain = embed(root / "data/prepared/tiny/texts.parquet", root / "plain", backbone, parameters)
    assert plain.encoded == len(ids)
    np.testing.assert_allclose(found.gather(ids), open_states(root / "plain").gather(ids), atol=2e-5)
    again = embed(root / "data/prepared/tiny/texts.parquet", cache(root), backbone, parameters)
    assert (again.encoded, again.reused) == (0, len(ids))


def test_pieces_become_the_cache_and_leave_their_artifacts(slots, project, monkeypatch, capsys):
    state = run_flow(project)
    assert state.is_completed(), state.message
    left = artifacts(state)
    assert left["embed-progress"]["description"] == f"{NUMBER} of {NUMBER} texts"
    (row,) = json.loads(left["embed-result"]["data"])
    assert (row["texts"], row["encoded"], row["reused"]) == (NUMBER, NUMBER, 0)
    assert len(shard_names(cache(project))) > NUMBER // PER_SHARD
    assert sorted(path.name for path in cache(project).iterdir()) == ["meta.json", "shards"]
    assert not any(text in json.dumps(left) for text in ("why tea", "short"))
    check(project, texts())
    monkeypatch.chdir(project)
    with (project / "params.yaml").open("a") as params:
        params.write("language_models: {}\n")
    run_stage("tiny", "bert")
    assert f"tiny: 0 texts encoded, {NUMBER} reused" in capsys.readouterr().out


@pytest.mark.system
def test_a_damaged_shard_and_new_texts_are_encoded_and_nothing_else(slots, project):
    assert run_flow(project).is_completed()
    broken = cache(project) / "shards" / "00002.npy"
    lost = len(np.load(cache(project) / "shards" / "00002.index.npy"))
    broken.write_bytes(broken.read_bytes()[:-5])
    more = [*texts(), ("how boil egg", "first")]
    write(project, more)
    (row,) = json.loads(artifacts(run_flow(project))["embed-result"]["data"])
    assert (row["encoded"], row["reused"]) == (lost + 1, NUMBER - lost)
    check(project, more)


def test_a_busy_workspace_is_refused(slots, project):
    with exclusive(project):
        state = run_flow(project)
    assert state.is_failed() and "another rebuild runs in" in state.message


@pytest.mark.system
def test_what_is_read_is_built_first(slots, project):
    """A stage of the pipeline that makes the texts, and one called embed, as DVC knows them."""
    path = project / "data/prepared/tiny/texts.parquet"
    path.rename(project / "kept.parquet")
    (project / "made.py").write_text(f"import shutil\nshutil.copyfile('kept.parquet', {str(path)!r})\n")
    prepare = {"cmd": "python made.py", "deps": ["made.py"], "outs": ["data/prepared/tiny/texts.parquet"]}
    item = "${item.dataset}-${item.backbone}"
    matrix = {"dataset": ["tiny"], "backbone": ["bert"]}
    deps = ["data/prepared/${item.dataset}/texts.parquet"]
    stage = {"matrix": matrix, "cmd": f"echo {item} > embedded.txt", "deps": deps, "outs": ["embedded.txt"]}
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"prepare": prepare, "embed": stage}}, sort_keys=False))
    state = run_flow(project, build_first=True)
    assert state.is_completed(), state.message
    assert not (project / "embedded.txt").exists(), "that is this flow's own work"
    check(project, texts())


def test_parameters_make_a_form(server):
    from flows.embed import embed as flow

    properties = flow.parameters.properties
    assert all(field.get("description") for field in properties.values()), properties
    assert properties["workers"]["type"] == "integer" and properties["workers"]["minimum"] == 1
    assert properties["backbone"]["default"] == "minilm" and properties["build_first"]["type"] == "boolean"


@pytest.mark.system
def test_processes_do_the_same(slots, project):
    state = run_flow(project, where="processes")
    assert state.is_completed(), state.message
    check(project, texts())


@pytest.mark.system
@pytest.mark.parametrize("where", ["", "processes"])
def test_a_killed_flow_goes_on(where, slots, project):
    many = texts(600)
    write(project, many)
    environment = {**child_environment(), "PREFECT_API_URL": slots, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", RUN, str(project), where]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: len(list(cache(project).glob("shards/*.index.npy"))) >= 3)
            os.kill(process.pid, signal.SIGKILL)
        finally:
            process.kill()
    fresh_slots(core=2, gpu=2)  # the killed flow's come back when their leases are up, which takes a minute
    write(project, many[:150])  # one task a shard is slow work: the rest needs not be waited for
    state = run_flow(project)
    assert state.is_completed(), state.message
    (row,) = json.loads(artifacts(state)["embed-result"]["data"])
    assert row["reused"] > 0 and row["reused"] + row["encoded"] == 150
    check(project, many[:150])
