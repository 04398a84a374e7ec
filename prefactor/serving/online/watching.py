"""Looking out for another champion while the service answers: it is loaded beside, made ready, and takes over."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prefactor.errors import InputError
from prefactor.serving.online.champions import Champions, OutageError
from prefactor.serving.online.logs import where
from prefactor.serving.online.preparing import Preparer
from prefactor.serving.online.service import Current, Service
from prefactor.serving.users.faults import StoreUnavailableError

LEAVE_SECONDS = 2.0  # that the end of the service waits for a look to end
AGAIN_SECONDS = 600.0  # after which a refused champion is tried again: perhaps its files could not be had


class Watch:
    """A look every so many seconds, in threads of its own. Whatever goes wrong, the model that answers goes on.

    A champion that fails its checks is refused, for some minutes; what merely did not answer is tried again at the
    next look.
    """

    def __init__(
        self,
        service: Service,
        champions: Champions,
        preparer: Preparer,
        seconds: float,
        log: Any,
        beside: Callable[[], object] = lambda: None,
    ) -> None:
        """``beside`` is done at every look too, in another thread: it does not wait while a champion is loaded."""
        self._service = service
        self._champions = champions
        self._preparer = preparer
        self._seconds = seconds
        self._log = log
        self._beside = beside
        self._stop = threading.Event()
        self._ready: Current | None = None  # loaded, but not yet in charge
        self._refused, self._until = "", 0.0
        self._why: str | None = None
        self._reencoded = ""
        self._said: dict[str, str] = {}

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """For as long as the block lasts."""
        looks = {"watch": self._look_at_models, "beside": self._look_beside}
        threads = [
            threading.Thread(target=self._run, args=[look], name=name, daemon=True) for name, look in looks.items()
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(LEAVE_SECONDS)

    def look(self) -> None:
        """One look; nothing is raised."""
        self._look_beside()
        self._look_at_models()

    def _run(self, look: Callable[[], object]) -> None:
        look()
        while not self._stop.wait(self._seconds):
            look()

    def _look_beside(self) -> None:
        self._do(self._beside)

    def _look_at_models(self) -> None:
        self._do(self._look_at_store)
        self._do(self._look_at_champion)

    def _do(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:
            self._say(step.__name__, _words(error))
        else:
            self._say(step.__name__, "")

    def _look_at_store(self) -> None:
        """Whether it answers; and users of models before this one are brought up to date, once."""
        current = self._service.current
        if current.people.store is None:
            return
        try:
            if self._reencoded == current.label:
                current.people.store.forgotten("")
            else:
                self._reencode(current)
        except StoreUnavailableError:
            self._service.store_is("down")
        else:
            self._service.store_is("up")

    def _look_at_champion(self) -> None:
        try:
            newest = self._champions.newest()
        except OutageError as error:
            self._registry_is(False)
            self._say("registry", str(error))
            return
        except InputError as error:  # it answers, but names none
            self._registry_is(True)
            self._say("registry", str(error))
            return
        self._registry_is(True)
        self._say("registry", "")
        if newest == self._service.current.label:
            self._refuse_none()
        elif newest != self._refused or time.monotonic() > self._until:
            self._change_to(newest)

    def _change_to(self, label: str) -> None:
        self._preparing(label)
        step = "could not be loaded"
        try:
            if self._ready is None or self._ready.label != label:
                self._ready = None
                champion = self._champions.load(label)
                step = "could not be made ready"
                self._ready = self._preparer.next(champion, self._service.current, lambda why: self._say("cache", why))
            step = "could not be told what is known of users"
            self._reencode(self._ready)
            self._switch(self._ready)
        except (OutageError, StoreUnavailableError) as error:
            self._say("champion", str(error))  # not its fault: the next look goes on from here
        except Exception as error:
            self._refuse(label, step, _words(error))
        finally:
            self._preparing(None)

    def _reencode(self, current: Current) -> None:
        if current.people.store is not None:
            current.people.reencode(self._service.metrics.reencoded.inc)
        self._reencoded = current.label

    def _switch(self, current: Current) -> None:
        before = self._service.current.label
        self._service.change_to(current)
        self._ready = None
        self._refuse_none()
        tidy()
        self._log.info("champion", model=current.label, before=before)

    def _refuse(self, label: str, step: str, why: str) -> None:
        """What is wrong may name files: it is for the log, and the ``step`` for anybody."""
        if (label, why) != (self._refused, self._why):
            self._log.error("refused", model=label, why=why)
        self._ready, self._why = None, why
        self._refused, self._until = label, time.monotonic() + AGAIN_SECONDS
        self._service.news.refused = f"{label}: it {step}, the log says why"
        self._service.metrics.refused.set(True)

    def _refuse_none(self) -> None:
        self._ready, self._why, self._refused = None, None, ""
        self._service.news.refused = None
        self._service.metrics.refused.set(False)

    def _preparing(self, label: str | None) -> None:
        self._service.news.preparing = label
        self._service.metrics.preparing.set(label is not None)

    def _registry_is(self, up: bool) -> None:
        self._service.news.registry = "up" if up else "down"
        self._service.metrics.registry.set(up)

    def _say(self, about: str, why: str) -> None:
        """Into the log, once for as long as it stays the same."""
        if why and self._said.get(about) != why:
            self._log.warning(about, why=why)
        self._said[about] = why


def _words(error: Exception) -> str:
    """Of an error that nobody expected its kind alone: it may quote what somebody sent."""
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__} at {where(error)[-1]}"


def tidy() -> None:
    """Put what is there for good out of the collector's sight: looking through it all took longer than a request."""
    gc.collect()
    gc.freeze()
