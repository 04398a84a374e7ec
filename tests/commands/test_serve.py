"""``prefactor serve``: keys it makes, and what it refuses to start with."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from prefactor.cli import app
from prefactor.serving.online.keys import Keys
from prefactor.serving.online.server import Options


def run(*arguments):
    return CliRunner().invoke(app, ["serve", *map(str, arguments)])


def test_a_key_is_printed_once_and_lets_its_owner_in(tmp_path):
    path = tmp_path / "keys"
    done = run("--keys", path, "--make-key", "ada")
    assert done.exit_code == 0 and "Authorization: Bearer" in done.stderr
    assert Keys.read(path).owner(done.stdout.strip()) == "ada"
    again = run("--keys", path, "--make-key", "ada")
    assert again.exit_code == 1 and "has a key for ada already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give either --dataset or --package"),
        (("--make-key", "ada"), "say with --keys which file"),
        (("--dataset", "a", "--host", "0.0.0.0"), "give --keys"),
        (("--dataset", "a", "--rate", "often"), "write e.g. 600/minute"),
        (("--dataset", "a", "--seconds", "0"), "seconds must be positive"),
        (("--package", "nowhere", "--keys", "none"), "the keys none cannot be read"),
    ],
)
def test_what_is_at_fault_is_said_in_a_line(arguments, said):
    done = run(*arguments)
    assert done.exit_code == 1 and said in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.startswith("prefactor: ")


@pytest.mark.parametrize(
    ("arguments", "store", "own"),
    [
        (("--dataset", "a"), None, True),
        (("--dataset", "a", "--store", "none"), None, False),
        (("--dataset", "a", "--store", "users.db"), "users.db", False),
        (("--package", "b"), None, False),
    ],
)
def test_a_dataset_has_a_store_of_its_own_unless_told_otherwise(monkeypatch, arguments, store, own):
    started = []
    monkeypatch.setattr("prefactor.serving.online.server.serve", lambda options: started.append(options) or 0)
    assert run(*arguments).exit_code == 0
    assert [(options.store, options.own_store) for options in started] == [(store, own)]


@pytest.mark.parametrize(
    ("arguments", "named", "own"),
    [
        (("--dataset", "a"), [], True),
        (("--dataset", "a", "--states", "s", "--states", "t"), ["s", "t"], False),
        (("--package", "b"), [], False),
    ],
)
def test_a_datasets_own_states_are_used_unless_some_are_named(monkeypatch, arguments, named, own):
    started = []
    monkeypatch.setattr("prefactor.serving.online.server.serve", lambda options: started.append(options) or 0)
    assert run(*arguments).exit_code == 0
    assert [(list(map(str, options.states)), options.own_states) for options in started] == [(named, own)]


def test_the_port_is_the_makefiles(monkeypatch):
    started = []
    monkeypatch.setattr("prefactor.serving.online.server.serve", lambda options: started.append(options) or 0)
    assert run("--dataset", "a").exit_code == 0
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    assert f"ONLINE_PORT ?= {started[0].port}\n" in makefile and Options(dataset="a").port == started[0].port


def test_help_names_every_option():
    done = run("--help")
    assert done.exit_code == 0
    for name in (
        "--dataset",
        "--package",
        "--store",
        "--states",
        "--pool",
        "--keys",
        "--make-key",
        "--workers",
        "--rate",
    ):
        assert name in done.stdout
