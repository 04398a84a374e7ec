"""What a sweep shows while it runs, in a thread beside its trials: a server that is slow or gone holds nobody up."""

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.sweep_board import SweepBoard
    from prefactor.sweeping.outcome import Outcome
    from prefactor.sweeping.settings import SweepSettings
    from prefactor.tracking.sweeps import Ended, Shown

SECONDS_BETWEEN_TRIES, SECONDS_BETWEEN_LAST_TRIES = 10.0, 2.0


class SweepNews:
    """Keeps a sweep's bar on the Prefect page and its MLflow runs up to date: shows the newest, not all in between.

    MLflow gets whatever it lacks (see ``show_sweep``), so one that was gone misses nothing. ``warn`` is told, once,
    when it is in trouble, and at the end if it still lacks something.
    """

    def __init__(
        self, root: Path, uri: str, settings: "SweepSettings", board: "SweepBoard", warn: Callable[[str], None]
    ) -> None:
        self._root, self._uri, self._settings, self._board, self._warn = root, uri, settings, board, warn
        self._outcomes: Sequence[Outcome] = ()
        self._files: Sequence[Path] = ()
        self._ended: Ended | None = None
        self._news, self._closing = threading.Event(), threading.Event()
        self._shown: Shown | None = None
        self._complete, self._given_up, self._warned = False, False, False
        context = contextvars.copy_context()  # Prefect looks there for the run whose artifacts these are
        name = f"news-{board.name}"
        self._thread = threading.Thread(target=context.run, args=(self._run,), daemon=True, name=name)
        self._thread.start()

    def show(self, outcomes: "Sequence[Outcome]") -> None:
        """Show these as soon as may be."""
        self._outcomes = tuple(outcomes)
        self._news.set()

    def close(
        self, outcomes: "Sequence[Outcome]", files: Sequence[Path], patience: float, ended: "Ended"
    ) -> str | None:
        """Show these, with the sweep's ``files`` and how it ``ended``; its MLflow page, None if that never answered.

        Gives up after ``patience`` seconds: what is missing then is shown when the sweep is run again under its name.
        """
        self._files, self._ended = tuple(files), ended
        self._closing.set()
        self.show(outcomes)
        self._thread.join(patience)
        if not self._complete:
            self._given_up = True
            self._warn(f"MLflow lacks some of sweep {self._board.name}: run it again under its name when it is back")
        return self._shown.page if self._shown else None

    def _run(self) -> None:
        while not (self._complete or self._given_up):
            self._news.wait()
            self._news.clear()
            closing = self._closing.is_set()
            try:
                self._board.show(self._outcomes)
                self._shown = self._show(closing)
                self._complete = closing
            except Exception as error:  # whatever it is, the sweep is worth more
                self._trouble(error)
                if closing:
                    time.sleep(SECONDS_BETWEEN_LAST_TRIES)
                else:
                    self._closing.wait(SECONDS_BETWEEN_TRIES)
                self._news.set()

    def _show(self, closing: bool) -> "Shown":
        from prefactor.tracking.sweeps import show_sweep

        files, ended = (self._files, self._ended) if closing else ((), None)
        return show_sweep(self._root, self._uri, self._board.name, self._settings, self._outcomes, ended, files)

    def _trouble(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            from prefactor.tracking.address import redacted

            said = redacted((str(error).splitlines() or [type(error).__name__])[0])
            self._warn(f"MLflow lacks some of sweep {self._board.name} for now: {said}")
