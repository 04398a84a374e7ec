"""Outputs appear whole or not at all, and leave nothing else behind."""

import json
import os
from pathlib import Path

import pytest

from prefactor.atomic import atomic_file, atomic_folder, write_json, write_text
from prefactor.errors import InputError


class Interrupted(Exception):
    pass


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "file.txt"
    with atomic_file(path) as scratch:
        scratch.write_text("whole")
        assert not path.exists()
        assert scratch.parent == path.parent, "a rename is atomic within one file system only"
    assert path.read_text() == "whole"
    assert names(path.parent) == ["file.txt"]


@pytest.mark.parametrize("old", [None, "old"])
def test_a_file_that_fails_leaves_what_was_there(tmp_path: Path, old: str | None) -> None:
    path = tmp_path / "file.txt"
    if old:
        path.write_text(old)
    with pytest.raises(Interrupted), atomic_file(path) as scratch:
        scratch.write_text("half")
        raise Interrupted
    assert names(tmp_path) == (["file.txt"] if old else [])
    assert not old or path.read_text() == old


def test_a_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for content in ("first", "second"):
        with atomic_folder(path) as scratch:
            (scratch / content).write_text(content)
            assert content not in (names(path) if path.exists() else [])
        assert names(path) == [content]
        assert names(tmp_path) == ["folder"]


@pytest.mark.parametrize("old", [False, True])
def test_a_folder_that_fails_leaves_what_was_there(tmp_path: Path, old: bool) -> None:
    path = tmp_path / "folder"
    if old:
        path.mkdir()
        (path / "old").touch()
    with pytest.raises(Interrupted), atomic_folder(path) as scratch:
        (scratch / "half").touch()
        raise Interrupted
    assert names(tmp_path) == (["folder"] if old else [])
    assert not old or names(path) == ["old"]


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    rename = Path.rename
    monkeypatch.setattr("prefactor.atomic._exchange", lambda first, second: False)  # as where the system cannot

    def refuse_the_new(source: Path, target: Path) -> Path:
        if names(source) == ["new"]:
            raise OSError("disk trouble")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new)
    with pytest.raises(OSError, match="disk trouble"), atomic_folder(path) as scratch:
        (scratch / "new").touch()
    assert names(path) == ["old"]
    assert names(tmp_path) == ["folder"]


def test_a_folder_replaces_the_old_one_where_the_system_cannot_exchange_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefactor.atomic._exchange", lambda first, second: False)
    test_a_folder_replaces_the_old_one_whole(tmp_path)


def test_a_folder_takes_the_place_of_a_link_and_spares_its_target(tmp_path: Path) -> None:
    cache, path = tmp_path / "cache", tmp_path / "folder"
    cache.mkdir()
    (cache / "kept").touch()
    path.symlink_to(cache)
    with atomic_folder(path) as scratch:
        (scratch / "new").touch()
    assert not path.is_symlink()
    assert names(path) == ["new"]
    assert names(cache) == ["kept"]


def test_outputs_are_readable_by_others(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "x")
    with atomic_folder(tmp_path / "folder"):
        pass
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o755


def test_json_keeps_order_and_letters_and_refuses_nan(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"z": "é", "a": [1, None]})
    assert path.read_text(encoding="utf-8").startswith('{\n  "z": "é",')
    assert json.loads(path.read_text()) == {"z": "é", "a": [1, None]}
    with pytest.raises(ValueError, match=r"NaN|nan"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text())["z"] == "é"
    assert names(tmp_path) == ["value.json"]


def test_places_that_cannot_be_written_are_input_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot create folder"), atomic_file(tmp_path / "file" / "below"):
        pass
    with pytest.raises(InputError, match="is a file, but a folder"), atomic_folder(tmp_path / "file"):
        pass
    # Root may write everywhere, so the answer of the system is replaced, not the bits.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="no permission to write in"), atomic_folder(tmp_path / "folder"):
        pass
    assert names(tmp_path) == ["file"]
