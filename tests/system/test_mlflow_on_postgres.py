"""MLflow's store in PostgreSQL, its files in a bucket: several machines at once, killed ones too, whole and once."""

import random
import time

import pytest

from tests.postgres import Postgres
from tests.system.machine import Machine, ended, kill
from tests.system.published import PUBLISH, WHOLE, look
from tests.system.servers import address, mlflow_server

pytestmark = pytest.mark.system

FIRST_USE = """
from pathlib import Path
from prefactor.tracking.store import connected, experiment, resolve_uri

with connected(Path(), resolve_uri(Path(), None)) as client:
    print("experiment", experiment(client, "tiny"))
"""
SERVE = """
import os

os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
import mlflow

model = mlflow.pyfunc.load_model("models:/prefactor-tiny@champion")
[answer] = model.predict([{"prompt": "how boil egg", "responses": ["long answer first", "short"]}])
print("ranked", sorted(candidate.rank for candidate in answer.candidates))
"""


def test_several_machines_are_the_first_in_an_empty_database(machines, database_server: Postgres, tmp_path):
    uri = database_server.database("first_use")
    more = [machines[0].twin(tmp_path / name) for name in ("third", "fourth")]
    started = [machine.start("-c", FIRST_USE, MLFLOW_TRACKING_URI=uri) for machine in (*machines, *more)]
    found = {ended(process).strip().splitlines()[-1] for process in started}
    assert len(found) == 1 and found.pop().startswith("experiment ")


def test_several_machines_publish_at_once_and_any_loads_the_champion(machines, database_server, bucket, tmp_path):
    uri = database_server.database("published")
    said = [ended(process) for process in [m.start(*PUBLISH, MLFLOW_TRACKING_URI=uri) for m in machines]]
    assert sorted("3 added" in text for text in said) == [False, True]
    assert not any(database_server.password in text for text in said), "a password is for nobody's eyes"
    assert look(machines[0], uri) == (WHOLE, bucket.url(f"{tmp_path.name}/prefactor-tiny"))
    stranger = Machine(tmp_path, bucket.environment)
    assert "ranked [1, 2]" in stranger.run("-c", SERVE, MLFLOW_TRACKING_URI=uri)
    assert not any(machine.files_with(bucket.secret) for machine in machines)


def test_killed_publishers_leave_no_turn_and_nothing_half_made(machines, database_server):
    uri = database_server.database("killed")
    chance = random.Random(8)
    for number in range(5):
        publisher = machines[number % 2].start(*PUBLISH, MLFLOW_TRACKING_URI=uri)
        time.sleep(chance.uniform(4.0, 12.0))
        kill(publisher)
    machines[0].run(*PUBLISH, MLFLOW_TRACKING_URI=uri)
    assert look(machines[0], uri)[0] == WHOLE


def test_a_server_hands_files_to_machines_without_keys(machines, database_server, bucket, tmp_path):
    """Only the server knows the database and the bucket. Its publishers wait for each other, and for no dead one."""
    database, place = database_server.database("behind"), bucket.url(f"{tmp_path.name}/behind")
    keyless = [Machine(machine.folder) for machine in machines]
    with mlflow_server(tmp_path, database, bucket.environment, "--artifacts-destination", place) as server:
        uri = address(server)
        publisher = keyless[0].start(*PUBLISH, MLFLOW_TRACKING_URI=uri)
        time.sleep(6.0)
        kill(publisher)
        for process in [machine.start(*PUBLISH, MLFLOW_TRACKING_URI=uri) for machine in keyless]:
            ended(process)
        found, place = look(keyless[0], uri)
        assert found == WHOLE and place.startswith("mlflow-artifacts:/")
        assert "ranked [1, 2]" in Machine(tmp_path).run("-c", SERVE, MLFLOW_TRACKING_URI=uri)
    assert bucket.keys(f"{tmp_path.name}/behind")


def test_a_database_without_a_place_for_files_is_refused(machines, database_server):
    uri = database_server.database("without_place")
    process = Machine(machines[0].folder).start(*PUBLISH, MLFLOW_TRACKING_URI=uri)
    said, _ = process.communicate()
    assert process.returncode == 1 and "say where they go with MLFLOW_DEFAULT_ARTIFACT_ROOT" in said
    assert database_server.password not in said


def test_a_wrong_password_is_said_without_showing_it(machines, database_server):
    uri = database_server.database("closed").replace(database_server.password, "hunter2")
    process = machines[0].start(*PUBLISH, MLFLOW_TRACKING_URI=uri)
    said, _ = process.communicate()
    assert process.returncode == 1 and "password authentication failed" in said and "hunter2" not in said
    assert len(said.splitlines()) == 1
