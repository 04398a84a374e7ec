"""A real language model behind transformers' own server: it speaks the protocol that the judge reads."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefactor.judging.endpoint import Judge, JudgeParameters
from prefactor.judging.inquiry import Inquiry, InquiryParameters
from prefactor.judging.pairwise import compare
from prefactor.judging.question import Contest, Example, HistoryParameters

pytestmark = pytest.mark.system
SERVE = "from transformers.cli.transformers import main; main()"
STARTS_WITHIN = 120  # seconds


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model that can read a whole question."""
    from transformers import AutoModelForCausalLM, Qwen3Config

    from tests.backbones.conftest import CHAT_TEMPLATE, save_tokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny"
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    heads = {"num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 4096}
    config = Qwen3Config(vocab_size=save_tokenizer(folder, "right", CHAT_TEMPLATE), **shape, **heads)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from transformers.utils.import_utils import is_serve_available

    if not is_serve_available():
        pytest.skip("needs transformers' server: pip install 'transformers[serving]'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-c", SERVE, "serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    log = tmp_path_factory.mktemp("serve") / "log"
    with log.open("w") as output:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", server, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(STARTS_WITHIN):
        assert server.poll() is None, log.read_text()
        try:
            direct.open(address, timeout=1).close()
        except OSError:
            time.sleep(1)
        else:
            return
    pytest.fail(f"the server did not start:\n{log.read_text()}")


def test_a_real_model_is_asked_and_what_it_babbles_is_counted(model: Path, url: str, tmp_path: Path) -> None:
    options = {"temperature": 0.0, "max_tokens": 5}
    judge = Judge(JudgeParameters(url, str(model), options=options), "generation.judge")
    history = [Example("Why does it rain?", "Because clouds are full.", "No idea.")]
    contests = [Contest(f"Prompt {row}", "A warm answer.", "A cold answer.", history) for row in range(3)]
    inquiry = Inquiry(judge, InquiryParameters(at_once=2), tmp_path)
    found = compare(contests, inquiry, HistoryParameters(), seed=0)
    told = found.summary["inquiry"]
    assert found.summary["missing"] == 0 and found.table["malformed"].tolist() == found.table["verdict"].isna().tolist()
    assert (told["requests"], told["answers"], told["untold"]) == (3, 3, 0)
    assert told["prompt_tokens"] > 1000 and 0 < told["completion_tokens"] <= 15


def test_a_model_that_it_does_not_have_leaves_missing_verdicts(url: str) -> None:
    judge = Judge(JudgeParameters(url, "/no/such/model"), "generation.judge")
    patience = InquiryParameters(attempts=2, first_wait=0.01, give_up_after=1)
    found = compare([Contest("Prompt", "Warm.", "Cold.")], Inquiry(judge, patience, None), HistoryParameters(), seed=0)
    assert found.summary["missing"] == 1
