"""A whole job by the threads of one process."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import torch

from prefactor.adaptation.hands import Hands
from prefactor.adaptation.job import Job
from prefactor.adaptation.work import Work, opened
from prefactor.progress import progress


@dataclass(frozen=True)
class Report:
    """What was done: ``users`` of ``pairs`` pairs are in the output, of which ``kept`` were done by an earlier run."""

    users: int
    pairs: int
    kept: int
    seconds: float


def adapt_users(job: Job, threads: int | None = None) -> Report:
    """Adapt to all users of a job; killed at any moment, the next call goes on after the last whole parts.

    ``threads`` parts are done at once, each on one core; None is as many as torch would use. Memory grows with them,
    with distinct texts up to a bound, and not with users.
    """
    began, threads = monotonic(), threads or torch.get_num_threads()
    with opened(job, threads) as work:
        kept = work.users - sum(part.users for part in work.left())
        _do(work, threads)
        about = work.finish()
    return Report(about["users"], about["pairs"], kept, monotonic() - began)


def _do(work: Work, threads: int) -> None:
    left = work.left()
    if not left:
        return
    hands = Hands(work)
    with (
        one_core_each(),
        progress("adapt-users", sum(part.users for part in left), "users") as shown,
        ThreadPoolExecutor(threads) as pool,
    ):
        try:
            for done in as_completed([pool.submit(hands.adapt, part, shown.advance) for part in left]):
                done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def one_core_each() -> Iterator[None]:
    """Every torch operation on the core that calls it: threads that each do a part need not share theirs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
