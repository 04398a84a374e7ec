"""Published files: found in a folder or in the hub's cache, never both ways; nothing is downloaded here."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from prefactor.datasets import load
from prefactor.datasets.inputs import Format
from prefactor.datasets.published import described_parts, find_published, named_file, published_folder
from prefactor.errors import InputError
from prefactor.preferences import Preferences

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUBS = {
    "personalllm": "namkoong-lab/PersonalLLM",
    "prism": "HannahRoseKirk/prism-alignment",
    "tldr": "openai/summarize_from_feedback",
}
OPTIONS: dict[str, dict[str, Any]] = {"personalllm": {"users": 3, "pairs_per_user": 5}, "prism": {}, "tldr": {}}
SUFFIXES: dict[str, Format] = {".json": "jsonl", ".jsonl": "jsonl", ".parquet": "parquet"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub: its place is read from this constant at every call."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def put(cache: Path, hub: str, files: Path, ref: str = "main") -> Path:
    """Lay ``files`` into the cache as a download does: a snapshot of links to blobs, and the branch that names it."""
    home = cache / f"datasets--{hub.replace('/', '--')}"
    blobs, snapshot = home / "blobs", home / "snapshots" / COMMIT
    blobs.mkdir(parents=True)
    for number, path in enumerate(sorted(item for item in files.rglob("*") if item.is_file())):
        place = snapshot / path.relative_to(files)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, blobs / f"blob{number}")
        place.symlink_to(blobs / f"blob{number}")
    (home / "refs" / ref).parent.mkdir(parents=True)
    (home / "refs" / ref).write_text(COMMIT)
    return snapshot


def same(one: Preferences, other: Preferences) -> bool:
    tables = ("pairs", "users", "candidates", "prompts")
    texts = [preferences.texts.table() for preferences in (one, other)]  # type: ignore[union-attr]
    return (
        all(getattr(one, name) == getattr(other, name) for name in tables)
        and texts[0].equals(texts[1])
        and one.source == other.source
    )


@pytest.mark.parametrize("source", HUBS)
def test_the_hubs_copy_is_the_folder(sample_files: dict[str, Path], cache: Path, tmp_path: Path, source: str) -> None:
    put(cache, HUBS[source], sample_files[source], "refs/convert/parquet" if source == "tldr" else "main")
    local = load(source, OPTIONS[source], sample_files[source], "here")
    hub = load(source, {**OPTIONS[source], "hub": HUBS[source]}, tmp_path / "not there", "here")
    assert same(local, hub)


def test_a_revision_is_a_branch_or_a_commit(sample_files: dict[str, Path], cache: Path, tmp_path: Path) -> None:
    snapshot = put(cache, HUBS["tldr"], sample_files["tldr"], "refs/convert/parquet")
    for revision in ("refs/convert/parquet", COMMIT):
        assert published_folder(tmp_path, HUBS["tldr"], revision, ["*"]).resolve() == snapshot.resolve()
    with pytest.raises(InputError, match="is not available from Hugging Face"):
        published_folder(tmp_path, HUBS["tldr"], "main", ["*"])


@pytest.mark.parametrize("hub", ["somebody/something", "not an id", "../..", "a/b/c", ""])
def test_what_the_hub_does_not_have_is_refused(cache: Path, tmp_path: Path, hub: str) -> None:
    with pytest.raises(
        InputError, match=r"not available .*: check the id and the connection, or set hub to null"
    ) as caught:
        published_folder(tmp_path, hub, None, ["*"])
    assert "\n" not in str(caught.value) and repr(hub) in str(caught.value)


@pytest.mark.parametrize("source", HUBS)
def test_a_revision_without_a_hub_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match="revision is 'main', but no hub is named"):
        load(source, {"revision": "main"}, tmp_path, "here")


@pytest.mark.parametrize("source", HUBS)
def test_a_folder_has_to_be_one_with_the_files(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match="does not exist: check the dataset's input"):
        load(source, None, tmp_path / "nowhere", "here")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file: name the folder that holds the published files"):
        load(source, None, tmp_path / "file", "here")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"put .* in it|put the published file there"):
        load(source, None, tmp_path / "folder", "here")


def test_files_are_found_at_any_depth_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b.json", "a/c.JSONL", "a/.hidden.json", ".cache/d.json", "a/e.txt", "f.json/g.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = find_published(tmp_path, SUFFIXES, "something")
    assert [file.path.relative_to(tmp_path).as_posix() for file in found] == ["a/c.JSONL", "b.json", "f.json/g.jsonl"]
    assert {file.format for file in found} == {"jsonl"}
    parts = described_parts(found, [1, 2, 3], tmp_path)
    assert [(part["file"], part["rows"]) for part in parts] == [("a/c.JSONL", 1), ("b.json", 2), ("f.json/g.jsonl", 3)]
    assert len({part["sha256"] for part in parts}) == 1


def test_mixed_formats_are_refused(tmp_path: Path) -> None:
    for name in ("a.json", "b.parquet"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match=r"several formats \(jsonl, parquet\): leave one in it"):
        find_published(tmp_path, SUFFIXES, "something")
    with pytest.raises(InputError, match=r"holds no \.csv file: put something in it"):
        find_published(tmp_path, {".csv": "csv"}, "something")


def test_a_named_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(InputError, match=r"no file a\.jsonl, but a\.jsonl: put"):
        named_file(tmp_path, "a.jsonl", "jsonl")
    with pytest.raises(InputError, match=r"no file a\.jsonl, but nothing: put"):
        named_file(tmp_path / "a.jsonl", "a.jsonl", "jsonl")
