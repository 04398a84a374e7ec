"""What is known of whoever asks: from the training data, from the user store, or nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from prefactor.methods.base import UserState
from prefactor.serving.model import PersonalRanker
from prefactor.serving.requests import KNOWN_USER, PRIOR, REFERENCE_PAIRS, UPDATED_USER, ReferencePair
from prefactor.serving.users.faults import NoStoreError
from prefactor.serving.users.posteriors import Kept, Posteriors
from prefactor.serving.users.recent import Recent
from prefactor.serving.users.rows import Mark
from prefactor.serving.users.store import UserStore

REMEMBERED = 1_024  # users whose states stay in memory, about 100 kB each


@dataclass(frozen=True)
class Found:
    """What there is of a user; ``known``: is it one of the training data, and not forgotten.

    Of one with stored pairs either the ``state``, where that is in memory, or what is ``kept`` of the pairs, and the
    ``mark`` that both go by.
    """

    known: bool
    mark: Mark | None = None
    kept: Kept | None = None
    state: UserState | None = None


class People:
    """The users of one served model, with a store of their further pairs or without one."""

    def __init__(self, ranker: PersonalRanker, store: UserStore | None, label: str) -> None:
        """``label`` names the model, e.g. ``prefactor-stylebench/3``."""
        self.store = store
        self.label = label
        self._ranker = ranker
        self.posteriors = Posteriors(ranker.model, self._embed, ranker.known, label)
        self._recent = Recent(REMEMBERED)

    def state(self, user_id: str | None) -> tuple[UserState, str]:
        """What is known of a user, one row, and where from: one of ANSWERED_FROM.

        A user who is not up to date with this model is brought up to date first. Raises StoreUnavailableError.
        """
        return self.made(user_id, self.find(user_id))

    def find(self, user_id: str | None) -> Found:
        """The part of ``state`` that waits for the store; the rest of it, ``made``, computes."""
        known = user_id is not None and user_id in self._ranker.known.row
        if user_id is None or self.store is None:
            return Found(known)
        mark = self.store.mark(user_id)
        known = known and not mark.forgotten
        if mark.pairs is None:
            return Found(known)
        if (state := self._recent.get(user_id, mark)) is not None:
            return Found(known, mark, state=state)
        stored = self.store.states([user_id], self.posteriors).get(user_id)
        if stored is None:  # forgotten just now
            return self.find(user_id)
        return Found(known, replace(mark, pairs=stored.pairs), stored.kept)

    def made(self, user_id: str | None, found: Found) -> tuple[UserState, str]:
        """The state of a user who was found so."""
        moved = UPDATED_USER if found.known else REFERENCE_PAIRS
        if found.state is not None:
            return found.state, moved
        if user_id is not None and found.mark is not None and found.kept is not None:
            state = self.posteriors.user_state(found.kept)
            self._recent.put(user_id, found.mark, state)
            return state, moved
        if user_id is not None and found.known:
            return self._ranker.known.state.rows(torch.tensor([self._ranker.known.row[user_id]])), KNOWN_USER
        return self.posteriors.prior, PRIOR

    def observe(self, user_id: str, pairs: Sequence[ReferencePair], key: str | None = None) -> UserState:
        """Keep a user's further pairs, and return what is known then, one row. See ``UserStore.observe``."""
        self._needed().observe(user_id, pairs, self.posteriors, key)
        return self.state(user_id)[0]

    def forget(self, user_id: str) -> bool:
        """Forget a user for good, of the training data too; False if nothing was known. See ``UserStore.forget``."""
        store = self._needed()
        known = user_id in self._ranker.known.row and not store.forgotten(user_id)
        try:
            return store.forget(user_id) or known
        finally:
            self._recent.drop(user_id)  # last: whoever asked meanwhile may have put it there again

    def reencode(self, progress: Callable[[int], object] | None = None) -> int:
        """Bring all stored users up to date with this model. See ``UserStore.reencode``."""
        return self._needed().reencode(self.posteriors, progress or (lambda users: None))

    def _needed(self) -> UserStore:
        if self.store is None:
            raise NoStoreError("there is no user store to keep anything in: start the service with one")
        return self.store

    def _embed(self, prompts: Sequence[str], responses: Sequence[str]) -> Tensor:
        return torch.from_numpy(self._ranker.backbone.encode(prompts, responses).states)
