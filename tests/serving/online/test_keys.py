"""API keys: what is kept of them, whom they let in, and files that cannot be trusted."""

import hashlib
import stat

import pytest

from prefactor.errors import InputError
from prefactor.serving.online import keys as module
from prefactor.serving.online.keys import Keys, make_key


def test_a_key_is_its_owners_and_only_its_hash_is_kept(tmp_path):
    path = tmp_path / "keys"
    ada, ben = make_key(path, "ada"), make_key(path, "ben")
    keys = Keys.read(path)
    assert (keys.owner(ada), keys.owner(ben)) == ("ada", "ben") and ada != ben
    assert all(keys.owner(wrong) is None for wrong in ("", ada[:-1], ada + "x", ada.upper(), "pf_", "half \ud83d"))
    assert ada not in path.read_text() and hashlib.sha256(ada.encode()).hexdigest() in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and len(ada) > 40


def test_every_entry_is_compared_in_constant_time(tmp_path, monkeypatch):
    path = tmp_path / "keys"
    made = [make_key(path, f"user{number}") for number in range(5)]
    keys, compared = Keys.read(path), []

    def watched(first, second):
        compared.append(second)
        return first == second

    monkeypatch.setattr(module.hmac, "compare_digest", watched)
    for key in (made[0], made[4], "wrong"):
        compared.clear()
        keys.owner(key)
        assert len(compared) == 5


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_file_that_others_may_use_is_refused(tmp_path, mode):
    path = tmp_path / "keys"
    make_key(path, "ada")
    path.chmod(mode)
    with pytest.raises(InputError, match="chmod 600"):
        Keys.read(path)
    with pytest.raises(InputError, match="chmod 600"):
        make_key(path, "ben")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no key: make one with `prefactor serve --keys"),
        ("# nothing\n\n", "holds no key"),
        ("ada\n", "line 1 is not NAME:SHA256"),
        ("#\nada:pf_secret\n", "line 2 is not NAME:SHA256"),
        (f"a b:{'0' * 64}\n", "line 1"),
        (f"ada:{'0' * 64}\nada:{'1' * 64}\n", "line 2: ada has a key already"),
    ],
)
def test_a_file_at_fault_is_refused_without_showing_what_may_be_a_key(tmp_path, text, said):
    path = tmp_path / "keys"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InputError) as refusal:
        Keys.read(path)
    assert said in str(refusal.value) and "secret" not in str(refusal.value)


def test_files_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        Keys.read(tmp_path / "none")
    with pytest.raises(InputError, match="cannot write"):
        make_key(tmp_path / "no folder" / "keys", "ada")


def test_names_are_plain_and_unique(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"ada:{'0' * 64}")  # no line end, as editors leave it
    path.chmod(0o600)
    ben = make_key(path, "ben")
    assert Keys.read(path).owner(ben) == "ben"
    with pytest.raises(InputError, match="has a key for ben already"):
        make_key(path, "ben")
    with pytest.raises(InputError, match="cannot name a key"):
        make_key(path, "a:b")
