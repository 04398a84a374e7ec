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
        ("", "hold no key: make one with --make-key"),
        ("# nothing\n\n", "hold no key"),
        ("ada\n", "line 1 is not NAME:SHA256"),
        ("#\nada:pf_secret\n", "line 2 is not NAME:SHA256"),
        (f"a b:{'0' * 64}\n", "line 1"),
        (f"ada:{'0' * 64}\nada:{'1' * 64}\n", "line 2 has a name for the second time"),
    ],
)
def test_a_file_at_fault_is_refused_without_showing_what_may_be_a_key(tmp_path, text, said):
    path = tmp_path / "keys"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InputError) as refusal:
        Keys.read(path)
    assert said in str(refusal.value) and "secret" not in str(refusal.value)


REVOKED = [
    ("a line deleted", lambda path, lines: path.write_text(lines[1]), ["ben"], None),
    ("the only one", lambda path, lines: path.write_text(""), [], "hold no key"),
    ("commented out", lambda path, lines: path.write_text(f"#{lines[0]}{lines[1]}"), ["ben"], None),
    ("the file deleted", lambda path, lines: path.unlink(), [], "cannot be read"),
    ("beside a bad line", lambda path, lines: path.write_text(f"{lines[1]}cy:pf_secret\n"), ["ben"], "line 2 is not"),
    ("a hash cut off", lambda path, lines: path.write_text(f"{lines[0][:-9]}\n{lines[1]}"), ["ben"], "line 1 is not"),
    ("no text", lambda path, lines: path.write_bytes(b"\xff\xfe\n" + lines[1].encode()), ["ben"], "line 1 is not"),
    ("a new hash", lambda path, lines: path.write_text(f"ada:{'0' * 64}\n{lines[1]}x\n"), ["ben"], "line 3 is not"),
]


@pytest.mark.parametrize(("change", "left", "said"), [case[1:] for case in REVOKED], ids=[case[0] for case in REVOKED])
def test_a_key_that_is_no_longer_in_the_file_is_revoked_whatever_else_is_in_it(tmp_path, change, left, said):
    path = tmp_path / "keys"
    keys = {name: make_key(path, name) for name in ("ada", "ben")}
    before = Keys.read(path)
    change(path, path.read_text().splitlines(keepends=True))
    after, trouble = before.renewed(path)
    assert [name for name, key in keys.items() if after.owner(key) == name] == left
    assert trouble is None if said is None else said in trouble
    assert not trouble or not {"/", "ada", "ben", "secret"} & {
        part for part in ("/", *keys, "secret") if part in trouble
    }


def test_nobody_new_is_let_in_by_a_file_that_others_may_have_written(tmp_path):
    path = tmp_path / "keys"
    ada = make_key(path, "ada")
    before = Keys.read(path)
    cy = make_key(path, "cy")
    path.chmod(0o666)
    after, trouble = before.renewed(path)
    assert (after.owner(ada), after.owner(cy)) == ("ada", None) and "chmod 600" in trouble
    path.chmod(0o600)
    mended, trouble = after.renewed(path)
    assert (mended.owner(ada), mended.owner(cy), trouble) == ("ada", "cy", None)


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
