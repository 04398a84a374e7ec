"""A folder is what it was, or the first difference is named."""

import hashlib
from pathlib import Path

import pytest

from prefactor.errors import InputError
from prefactor.serving.seal import check_files, digests

FIX = "fetch it again"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model" / "deep").mkdir(parents=True)
    for name in ("a.json", "deep/b.bin"):
        (tmp_path / "model" / name).write_text(name)
    return tmp_path / "model"


def test_digests_are_sha256_by_path(folder):
    assert digests(folder) == {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a.json", "deep/b.bin")}
    assert digests(folder, ["deep"]) == digests(folder, ["deep/b.bin"]) and "deep/b.bin" not in digests(
        folder, ["deep"]
    )
    assert "deep/b.bin" in digests(folder, ["dee"]), "names, not beginnings of names"
    check_files(folder, digests(folder), FIX)


def test_every_difference_is_refused_by_name(folder):
    sealed = digests(folder)
    (folder / "deep/b.bin").write_text("deep/c.bin")
    with pytest.raises(InputError, match=rf"deep/b\.bin was changed \(its sha256 is .*\): {FIX}"):
        check_files(folder, sealed, FIX)
    (folder / "deep/b.bin").rename(folder / "deep/c.bin")
    with pytest.raises(InputError, match=r"lacks deep/b\.bin: "):
        check_files(folder, sealed, FIX)
    (folder / "deep/b.bin").write_text("deep/b.bin")
    with pytest.raises(InputError, match=r"holds deep/c\.bin, which is no part of the model: "):
        check_files(folder, sealed, FIX)
    check_files(folder, sealed, FIX, but=["deep/c.bin"])
    with pytest.raises(InputError, match=r"lacks a\.json and 1 more"):
        check_files(folder / "nowhere", sealed, FIX)


def test_links_are_refused_and_pythons_own_files_ignored(folder):
    sealed = digests(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/x.pyc").write_text("code")
    check_files(folder, sealed, FIX)
    (folder / "__pycache__/x.py").write_text("code")
    with pytest.raises(InputError, match=r"holds __pycache__/x\.py"):
        check_files(folder, sealed, FIX)
    (folder / "__pycache__/x.py").unlink()
    (folder / "link").symlink_to(folder / "a.json")
    with pytest.raises(InputError, match="link is a link"):
        check_files(folder, sealed, FIX)
    with pytest.raises(InputError, match="link is a link"):
        digests(folder)
