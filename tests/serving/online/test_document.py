"""The OpenAPI document against the service that it describes, and the page in a real browser."""

import multiprocessing
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.serving.online.questions import read_questions
from tests.serving.online.test_server import Call, free_port, run
from tests.serving.online.world import HashBackbone, make_model

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
)
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture
def port(tmp_path):
    """Of a service with a store and questions, in a process of its own."""
    found, pool = free_port(), tmp_path / "pool.parquet"
    pq.write_table(pa.table({"prompt": ["p"] * 9, "first": list("abcdefghi"), "second": list("ABCDEFGHI")}), pool)
    arguments = tmp_path, found, read_questions(pool, make_model(), HashBackbone(), empty_prompts=False)
    process = multiprocessing.get_context("fork").Process(target=run, args=arguments, daemon=True)
    process.start()
    assert Call(found).until_answered("GET", "/health/ready")[0] == 200
    yield found
    process.kill()
    process.join()


@pytest.mark.system
def test_whatever_the_document_allows_is_answered_as_it_says(port, tmp_path):
    pytest.importorskip("schemathesis", reason="needs schemathesis: pip install 'prefactor[system]'")
    command = [Path(sys.executable).with_name("schemathesis"), "run", f"http://127.0.0.1:{port}/openapi.json"]
    command += ["--checks", ",".join(CHECKS), "--max-examples", "150", "--seed", "1", "--continue-on-failure"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1_200)
    assert done.returncode == 0, done.stdout[-20_000:]


@pytest.mark.system
def test_the_page_shows_every_route_without_another_host(port):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'prefactor[system]'")
    if not shutil.which(CHROMIUM):
        pytest.skip("needs Chromium: apt install chromium")
    elsewhere = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("request", lambda request: elsewhere.append(request.url) if str(port) not in request.url else None)
        page.goto(f"http://127.0.0.1:{port}/docs")
        page.wait_for_selector(".opblock")
        shown = page.locator(".opblock-summary-path").all_inner_texts()
        browser.close()
    assert len(shown) == 10 and any("rank" in path for path in shown)
    assert [url for url in elsewhere if not url.startswith("data:")] == []
