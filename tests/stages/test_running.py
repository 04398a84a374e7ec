"""How a stage runs as a command."""

import logging

import pytest

from prefactor.errors import InputError
from stages.running import run


@pytest.fixture(autouse=True)
def as_command(tmp_path, monkeypatch):
    """An empty project, and a command line without arguments."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["stage"])
    (tmp_path / "params.yaml").write_text("run: {}\n")


def test_what_stages_say_is_not_lost_among_what_libraries_say():
    heard = {}

    def listening() -> None:
        for name in ("prefactor.backbones", "great_expectations.core"):
            heard[name] = logging.getLogger(name).isEnabledFor(logging.INFO)

    run(listening)
    assert heard == {"prefactor.backbones": True, "great_expectations.core": False}


def test_input_at_fault_ends_a_stage_with_its_name_and_one_line():
    def refusing() -> None:
        raise InputError("row 3: no prompt; give it one")

    with pytest.raises(SystemExit, match=r"^refusing: row 3: no prompt; give it one$"):
        run(refusing)


def test_a_misspelt_section_is_refused(tmp_path):
    (tmp_path / "params.yaml").write_text("runs: {}\n")
    with pytest.raises(SystemExit, match="unknown section 'runs'"):
        run(lambda: None)
