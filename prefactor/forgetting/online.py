"""User stores of the online service: what they have of a person, whom they keep as a digest, and how that leaves."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from prefactor.forgetting.workspace import Workspace, is_store


@dataclass(frozen=True)
class Store:
    """A user store by its ``url``. ``dataset``: whose it is by its place, "" elsewhere; ``named``: by the caller."""

    url: str
    dataset: str = ""
    named: bool = False


@dataclass(frozen=True)
class Kept:
    """What a ``store`` has of a person: their ``pairs``, None if nothing. ``forgotten``: no model may know them there.

    ``name`` is the store's file or URL, without a password.
    """

    store: Store
    name: str
    pairs: int | None
    forgotten: bool

    @property
    def dataset(self) -> str:
        """Whose store it is by its place."""
        return self.store.dataset

    def what(self) -> str:
        """What leaves it; nothing if nothing is there."""
        if self.pairs is not None:
            return f"{self.pairs:,} pair(s) of the user, and what models made of them"
        return "" if self.forgotten else "no pairs; from now on no model knows the user there"


def stores(places: Sequence[Workspace], named: Sequence[str]) -> list[Store]:
    """The service's own stores in some workspaces, and those at the addresses that were ``named``, each once."""
    from prefactor.serving.users.address import store_url

    addresses = [store_url(text).render_as_string(hide_password=False) for text in named]
    found = {
        store_url(str(path)).render_as_string(hide_password=False): path.stem
        for place in places
        for path in _files(place.root)
    }
    urls = dict.fromkeys([*found, *addresses])
    return [Store(url, found.get(url, ""), url in addresses) for url in urls]


def kept(store: Store, user_ids: Sequence[str]) -> Kept:
    """What a store has of a person known by some ids. Raises InputError if it does not answer, or is none."""
    from prefactor.serving.users.store import UserStore

    with closing(UserStore.open(store.url, begin=False)) as opened:
        marks = [opened.mark(user_id) for user_id in user_ids]
        pairs = [mark.pairs for mark in marks if mark.pairs is not None]
        return Kept(store, opened.name, sum(pairs) if pairs else None, all(mark.forgotten for mark in marks))


def erase(store: Store, user_ids: Sequence[str]) -> None:
    """Forget a person in a store; done twice it does no harm. A service that runs on it forgets them at once."""
    from prefactor.serving.users.store import UserStore

    with closing(UserStore.open(store.url, begin=False)) as opened:
        for user_id in user_ids:
            opened.forget(user_id)


def _files(root: Path) -> Iterator[Path]:
    """Of the service's own stores; one that was killed while it was begun is empty still."""
    for path in sorted((root / "data" / "online").glob("*")):
        if is_store(path.relative_to(root)) and path.is_file() and path.stat().st_size:
            yield path
