"""Whoever does a job's parts: the loaded model, and the texts that it has read so far."""

from collections.abc import Callable
from threading import Lock

import pyarrow.parquet as pq

from prefactor.adaptation.adapter import Adapter
from prefactor.adaptation.job import model_in
from prefactor.adaptation.parts import Part
from prefactor.adaptation.reader import read_batches
from prefactor.adaptation.shelf import Shelf, bytes_per_text
from prefactor.adaptation.source import Source
from prefactor.adaptation.told import bytes_per_user, told_table, writer
from prefactor.adaptation.work import Work
from prefactor.atomic import atomic_file
from prefactor.backbones import open_states

SHELF_BYTES = 2**30  # beyond it texts are read anew for every batch
BATCH_BYTES = 2**29  # of what is told of a batch's users, if each had but one pair
MOST_ROWS, FEW_ROWS = 2**19, 2**16  # of a batch; few where each has its own shelf


class Hands:
    """Does parts of one job's work; several threads may share them."""

    def __init__(self, work: Work) -> None:
        self._work, self._source = work, Source.open(work.pairs)
        self._model, self._texts = model_in(work.model), open_states(work.job.states)
        self._adapter = Adapter(self._model, work.job.state)
        fits = len(self._texts) * bytes_per_text(self._model) <= SHELF_BYTES
        self._shelf = Shelf(self._model, self._texts, len(self._texts)) if fits else None
        most = MOST_ROWS if fits else FEW_ROWS
        self._rows = max(min(most, BATCH_BYTES // bytes_per_user(self._model, work.job.state)), 1)

    def adapt(self, part: Part, shown: Callable[[int], None] = lambda users: None) -> int:
        """Do a part, whole or not at all; how many users it had. ``shown`` is told of users as they are done."""
        users = 0
        with atomic_file(self._work.path(part)) as scratch:
            file: pq.ParquetWriter | None = None
            try:
                for batch in read_batches(self._source, part, self._rows, self._shelf_for):
                    table = told_table(batch.user_ids, self._adapter.adapt(batch.shelf, batch.pairs))
                    file = writer(scratch, table.schema) if file is None else file
                    file.write_table(table)
                    users += len(table)
                    shown(len(table))
            finally:
                if file is not None:
                    file.close()
        return users

    def _shelf_for(self, texts: int) -> Shelf:
        return Shelf(self._model, self._texts, texts) if self._shelf is None else self._shelf


_HANDS: dict[str, Hands] = {}  # of this process, for its tasks: one run's at a time
_LOCK = Lock()


def hands_of(work: Work) -> Hands:
    """The hands of this process for a run, made when first asked for: what was loaded for a part serves the next."""
    with _LOCK:
        if work.run not in _HANDS:
            _HANDS.clear()
            _HANDS[work.run] = Hands(work)
        return _HANDS[work.run]
