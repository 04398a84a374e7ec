"""The states of users who came last: who asks again and has observed nothing since is not read and computed again."""

import threading
from collections import OrderedDict

from prefactor.methods.base import UserState
from prefactor.serving.users.rows import Mark


class Recent:
    """At most ``size`` users' states, by what they were made of. Threads may share it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._states: OrderedDict[str, tuple[Mark, UserState]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, user_id: str, mark: Mark) -> UserState | None:
        """The user's state, if it was made of what is stored now."""
        with self._lock:
            found = self._states.get(user_id)
            if found is None or found[0] != mark:
                return None
            self._states.move_to_end(user_id)
            return found[1]

    def put(self, user_id: str, mark: Mark, state: UserState) -> None:
        """Keep a state, and drop that of the user who has not come for longest."""
        with self._lock:
            self._states[user_id] = mark, state
            self._states.move_to_end(user_id)
            if len(self._states) > self._size:
                self._states.popitem(last=False)

    def drop(self, user_id: str) -> None:
        """Of somebody who was forgotten nothing stays in memory."""
        with self._lock:
            self._states.pop(user_id, None)
