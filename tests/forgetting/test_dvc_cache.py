"""DVC's cache: old versions that mention a person go whole, whatever else could be restored stays."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from prefactor.errors import InputError
from prefactor.forgetting.dvc_cache import Cached, cached, unlink
from prefactor.forgetting.sought import Sought
from prefactor.forgetting.traces import Traces
from prefactor.preferences import content_id
from tests.forgetting.talks import talks

ME = "user-0000001"


@dataclass(frozen=True)
class Store:
    """A cache laid out as DVC does."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / ".dvc" / "cache"

    def put(self, content: bytes, suffix: str = "") -> str:
        name = hashlib.md5(content).hexdigest()
        path = self.folder / "files" / "md5" / name[:2] / (name[2:] + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o444)
        return name + suffix

    def put_folder(self, files: Mapping[str, bytes]) -> str:
        rows = [{"md5": self.put(content), "relpath": name} for name, content in files.items()]
        return self.put(json.dumps(rows).encode(), ".dir")

    def ran(self, stage: str, outputs: Mapping[str, str]) -> Path:
        """The record of a run."""
        path = self.folder / "runs" / "ab" / stage / "record"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump({"cmd": stage, "outs": [{"path": p, "md5": m} for p, m in outputs.items()]}))
        return path

    def has(self, name: str) -> bool:
        return (self.folder / "files" / "md5" / name[:2] / name[2:]).exists()

    def forget(self, sought: Sought, about_people: tuple[str, ...] = ()) -> None:
        for path in Cached(self.root, self.folder).outdated(sought, about_people):
            path.unlink()
        assert not list(Cached(self.root, self.folder).mentioning(sought))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def sought(*wanted: str, user: str = ME) -> Sought:
    return Sought(Traces(users=frozenset({user})), {}, frozenset(wanted))


def test_a_folder_that_names_them_goes_with_what_lies_beside_the_name(store: Store) -> None:
    """Tensors beside a list of users hold no id, and are theirs all the same."""
    model = {"users.json": f'["{ME}", "b"]'.encode(), "users.safetensors": b"\0tensors", "history.csv": b"seed,step\n"}
    old = store.put_folder(model)
    new = store.put_folder({**model, "users.json": b'["b"]', "users.safetensors": b"\0fewer"})
    run = store.ran("old", {"models/talks/m": old})
    kept = store.ran("new", {"models/talks/m": new})
    store.forget(sought("talks"))
    assert not store.has(old) and not run.exists() and not store.has(hashlib.md5(b"\0tensors").hexdigest())
    assert store.has(new) and kept.exists() and store.has(hashlib.md5(b"\0fewer").hexdigest())
    assert store.has(hashlib.md5(b"seed,step\n").hexdigest()), "a folder without them holds it as well"


def test_outputs_that_show_people_without_a_name_go_in_every_version(store: Store) -> None:
    old, new = (store.put_folder({"space.parquet": content}) for content in (b"old", b"new"))
    page = store.put(b"<html>four people</html>")
    other = store.put_folder({"space.parquet": b"other"})
    store.ran("old", {"reports/portrait/talks/tiny": old})
    outputs = {"reports/portrait/talks/tiny": new, "reports/index.html": page, "reports/portrait/talkshow": other}
    stages = {"s": {"outs": [{"path": path, "md5": name} for path, name in outputs.items()]}}
    (store.root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    store.forget(sought("talks"), ("reports/portrait/talks", "reports/index.html"))
    assert [store.has(name) for name in (old, new, page, other)] == [False, False, False, True]


def test_an_id_that_says_little_is_somebody_else_in_another_dataset(store: Store) -> None:
    mine, yours = (store.put_folder({"users.json": b'["7"]', "x": name}) for name in (b"mine", b"yours"))
    shared, unknown = store.put_folder({"users.json": b'["7", "8"]'}), store.put_folder({"users.json": b'["9", "7"]'})
    store.ran("mine", {"models/talks/m": mine, "data/split/talks": shared})
    store.ran("yours", {"models/other/m": yours, "data/split/other": shared})
    users = hashlib.md5(b'["7"]').hexdigest()
    store.forget(sought("talks", user="7"))
    assert not store.has(mine) and not store.has(shared) and not store.has(unknown) and not store.has(users)
    assert not store.has(yours), "its list of users is one of talks too"
    apart = store.put_folder({"users.json": b'["7", "only here"]'})
    store.ran("apart", {"models/other/m": apart})
    store.forget(sought("talks", user="7"))
    assert store.has(apart)


def test_earlier_tables_tell_what_was_theirs(store: Store, tmp_path: Path) -> None:
    """Texts that are gone from the tables since are found by: their states may still be somewhere."""
    talks().save(tmp_path / "out")
    old = store.put_folder({path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()})
    store.ran("prepare", {"data/prepared/talks": old})
    found = Cached(store.root, store.folder).former_shares([ME])
    pairs = [row for row in talks().pairs.to_pylist() if row["user_id"] == ME and row["group_id"] != "greeting"]
    assert set(found) == {"talks"} and found["talks"].users == {ME}
    assert {row["chosen"] for row in pairs} <= found["talks"].hashes
    assert content_id("Hello!", "Hi.") not in found["talks"].hashes
    assert not Cached(store.root, store.folder).former_shares(["nobody"])


def test_damaged_records_and_lists_tell_nothing_and_stop_nothing(store: Store) -> None:
    torn = store.put(b'[{"md5"', ".dir")
    store.ran("torn", {}).write_text("outs: [")
    name = store.put(f"id {ME}".encode())
    store.forget(sought("talks"))
    assert store.has(torn) and not store.has(name)


def test_a_damaged_lock_file_is_an_error(store: Store) -> None:
    store.put(b"anything")
    (store.root / "dvc.lock").write_text("stages: [")
    with pytest.raises(InputError, match=r"dvc.lock is not a lock file"):
        list(Cached(store.root, store.folder).mentioning(sought("talks")))


def test_a_folder_without_dvc_has_no_cache(tmp_path: Path) -> None:
    assert cached(tmp_path) is None


def test_links_to_what_goes_have_their_content_first(store: Store) -> None:
    """With DVC's `cache.type symlink` the project has links; what else is in those files is others'."""
    name, other = store.put(f'["{ME}", "b"]'.encode()), store.put(b"nobody")
    objects = Cached(store.root, store.folder).objects
    places = [store.root / "data" / "states" / each for each in ("theirs", "others")]
    for place, key in zip(places, (name, other), strict=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(objects[key])
    unlink([objects[name]], store.root)
    assert not store.has(name) and places[0].read_text() == f'["{ME}", "b"]' and not places[0].is_symlink()
    assert places[1].is_symlink() and places[1].read_text() == "nobody"
