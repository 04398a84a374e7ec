"""User stores of the online service lose who is forgotten, whatever else knows them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from prefactor.errors import InputError
from prefactor.forgetting.forgetting import forget
from prefactor.forgetting.forgotten import read_forgotten
from prefactor.forgetting.workspace import JOURNAL
from prefactor.serving.requests import ReferencePair
from prefactor.serving.users.store import UserStore
from tests.forgetting.project import found_in, seen
from tests.forgetting.test_command import run
from tests.postgres import postgres
from tests.serving.users.world import make_people, pairs

SECRET = "a sentence of zoe's alone"


def begin(path: Path, *user_ids: str) -> Path:
    """A store in which each of some users has two pairs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(UserStore.open(str(path))) as store:
        for user_id in user_ids:
            own = ReferencePair(prompt="p", chosen=f"{SECRET}, says {user_id}", rejected="r")
            make_people(store).observe(user_id, [own, *pairs(1)])
    return path


def counts(path: Path, *user_ids: str) -> list[int | None]:
    """How many pairs each has there."""
    with closing(UserStore.open(str(path), begin=False)) as store:
        return [store.mark(user_id).pairs for user_id in user_ids]


def is_forgotten(path: Path, user_id: str) -> bool:
    with closing(UserStore.open(str(path), begin=False)) as store:
        return store.forgotten(user_id)


@pytest.fixture
def own(root: Path) -> Path:
    """The store of the dataset ``talks``, which knows a user whom nothing else does."""
    return begin(root / "data" / "online" / "talks.db", "zoe-77-online", "ann-88-online")


@pytest.fixture(autouse=True)
def one_core() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_whom_only_a_store_knows_leaves_it_and_others_stay(root: Path, own: Path) -> None:
    report = forget(root, "zoe-77-online")
    assert [(each.dataset, each.pairs) for each in report.online] == [("talks", 2)] and not report.removals
    assert counts(own, "zoe-77-online", "ann-88-online") == [None, 2] and is_forgotten(own, "zoe-77-online")
    files = list(own.parent.iterdir())
    assert all(f"{SECRET}, says zoe".encode() not in path.read_bytes() for path in files), "not even on a free page"
    assert any(f"{SECRET}, says ann".encode() in path.read_bytes() for path in files)
    assert read_forgotten(root).holds("zoe-77-online", "talks") and report.kept_out
    again = forget(root, "zoe-77-online")
    assert again.before and not again.removals and [each.pairs for each in again.online] == [None]


def test_whom_the_pipeline_knows_too_leaves_both(root: Path) -> None:
    user = seen(root)[0]
    own = begin(root / "data" / "online" / "talks.db", user)
    other = begin(root / "data" / "online" / "tunes.db", user)
    forget(root, user, dataset="talks")
    assert counts(own, user) == [None] and counts(other, user) == [2], "there it may be somebody else"
    forget(root, user)
    assert counts(other, user) == [None] and not found_in(root, {user})


def test_a_store_that_never_heard_of_somebody_keeps_models_from_knowing_them(root: Path, own: Path) -> None:
    user = seen(root)[0]
    forget(root, user, dataset="talks")
    assert is_forgotten(own, user), "the model that is served still has their weights"


def test_an_id_in_the_stores_of_several_datasets_needs_one_to_be_named(root: Path, own: Path) -> None:
    begin(root / "data" / "online" / "tunes.db", "zoe-77-online")
    with pytest.raises(InputError, match=r"in the datasets talks, tunes.*--dataset.*--everywhere"):
        forget(root, "zoe-77-online")
    assert counts(own, "zoe-77-online") == [2]
    assert len(forget(root, "zoe-77-online", everywhere=True).online) == 2
    assert counts(own, "zoe-77-online") == [None]


def test_stores_elsewhere_are_searched_where_they_are_named(root: Path, tmp_path: Path) -> None:
    first, second = (begin(tmp_path / name, "zoe-77-online") for name in ("first.db", "second.db"))
    with pytest.raises(InputError, match="no user 'zoe-77-online'"):
        forget(root, "zoe-77-online")
    code, said = run("zoe-77-online", "--root", str(root), "--store", str(first), "--store", f"sqlite:///{second}")
    assert code == 0 and str(first) in said and "2 pair(s) of the user" in said and "Rebuilds" not in said
    assert [counts(path, "zoe-77-online") for path in (first, second)] == [[None], [None]]
    assert not read_forgotten(root).entries, "no dataset ever had them"
    code, said = run("zoe-77-online", "--root", str(root), "--store", str(first))
    assert code == 0 and "forgotten before" in said


@pytest.mark.system
def test_a_store_in_postgresql_loses_them_too(root: Path, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with postgres(tmp_path / "server") as server:
        url = server.database("users")
        code, said = run("zoe-77-online", "--root", str(root), "--store", url)
        assert code == 1 and not said, "nobody has begun a store there"
        with closing(UserStore.open(url)) as store:
            for user_id in ("zoe-77-online", "ann-88-online"):
                make_people(store).observe(user_id, pairs(1, 2))
        code, said = run("zoe-77-online", "--root", str(root), "--store", url)
        assert code == 0 and "postgresql://127.0.0.1/users" in said and server.password not in said
        with closing(UserStore.open(url)) as store:
            assert [store.mark(user_id).pairs for user_id in ("zoe-77-online", "ann-88-online")] == [None, 2]
    with pytest.raises(InputError, match=r"does not answer") as refusal:
        forget(root, seen(root)[0], everywhere=True, named=[url])
    assert server.password not in str(refusal.value) and not read_forgotten(root).entries


def test_a_dry_run_says_the_same_and_changes_nothing(root: Path, own: Path) -> None:
    before = own.read_bytes()
    code, said = run("zoe-77-online", "--root", str(root), "--dry-run")
    assert code == 0 and "data/online/talks.db" in said and "2 pair(s)" in said and "Would be removed" in said
    assert own.read_bytes() == before and not read_forgotten(root).entries


def test_what_holds_no_store_is_refused_before_anything_is_changed(root: Path, tmp_path: Path) -> None:
    user = seen(root)[0]
    for place, said in ((tmp_path / "none.db", "cannot be opened"), (root / "params.yaml", "is no SQLite file")):
        with pytest.raises(InputError, match=said):
            forget(root, user, everywhere=True, named=[str(place)])
    assert found_in(root, {user}) and not (tmp_path / "none.db").exists() and not read_forgotten(root).entries


def test_an_empty_file_is_a_store_that_was_not_begun(root: Path) -> None:
    path = root / "data" / "online" / "talks.db"
    path.parent.mkdir()
    path.touch()
    assert not forget(root, seen(root)[0], everywhere=True).online and not path.stat().st_size


def test_killed_before_a_store_is_erased_the_next_call_does_it(
    root: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = seen(root)[0]
    begin(own, user)
    with monkeypatch.context() as patch:
        patch.setattr("prefactor.forgetting.forgetting.erase", _stopped)
        with pytest.raises(KeyboardInterrupt):
            forget(root, user, dataset="talks")
    assert counts(own, user) == [2] and list((root / "data").glob(f"{JOURNAL}*"))
    forget(root, user, dataset="talks")
    assert counts(own, user) == [None] and not list((root / "data").glob(f"{JOURNAL}*"))


def _stopped(*_: object) -> None:
    raise KeyboardInterrupt
