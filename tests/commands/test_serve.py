"""``prefactor serve``: keys it makes, and what it refuses to start with."""

import pytest
from typer.testing import CliRunner

from prefactor.cli import app
from prefactor.serving.online.keys import Keys


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
