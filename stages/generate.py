"""Stage generate: one method writes for every user and prompt, by one language model."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from prefactor import layout
from prefactor.atomic import atomic_folder
from prefactor.decoding.best_of_n import best_of_n, chosen_table
from prefactor.decoding.candidates import COLUMNS, answer_table
from prefactor.decoding.candidates import Candidates as Sets
from prefactor.decoding.parameters import ARGS, BASE, BEST_OF_N, DPO, EXACT, EXACT_BEST_OF_N, reward_of
from prefactor.decoding.people import Asked
from prefactor.decoding.workshop import Workshop
from prefactor.decoding.writers import Requests
from prefactor.errors import InputError
from prefactor.parameters import nearest
from stages.running import run
from stages.workshops import asked_prompts, generation_parameters, open_workshop

BASE_SAMPLE = 0  # of the pool: the base model's own answer, which no other method chooses


@dataclass(frozen=True)
class Cells:
    """All (user, prompt) that are written for: ``users`` rows and ``asked`` prompts, one a request."""

    users: np.ndarray
    asked: Sequence[Asked]

    @classmethod
    def of(cls, users: int, asked: Sequence[Asked]) -> "Cells":
        """Every user with every prompt."""
        return cls(np.arange(users).repeat(len(asked)), [*asked] * users)

    def requests(self, seed: int) -> Requests:
        """One answer to each."""
        return Requests.once(self.users, [one.prompt for one in self.asked], seed)


def generate(model: str, method: str) -> None:
    """Write texts.parquet: one text for each user and prompt, with what is behind it."""
    methods = generation_parameters().methods
    if method not in methods:
        raise InputError(f"generation.methods: unknown method {method!r}{nearest(method, methods, 'methods')}")
    workshop = open_workshop(model)
    with atomic_folder(layout.texts(model, method)) as scratch:
        written(workshop, method).to_parquet(scratch / "texts.parquet", compression="zstd", index=False)


def written(workshop: Workshop, method: str) -> pd.DataFrame:
    """The method's texts, in the columns of ``decoding.candidates``."""
    cells = Cells.of(_users(workshop, method), asked_prompts(workshop))
    reward = reward_of(method)
    if method == BASE:
        return _pool(workshop, cells, [BASE_SAMPLE])[COLUMNS]
    if method.startswith(BEST_OF_N):
        others = range(BASE_SAMPLE + 1, BASE_SAMPLE + 1 + workshop.parameters.candidates.n)
        return _chosen(workshop, method, str(reward), _pool(workshop, cells, others))
    if method.startswith(EXACT_BEST_OF_N):
        requests = cells.requests(workshop.parameters.seed).repeated(workshop.parameters.candidates.n)
        repeated = [one for one in cells.asked for _ in range(workshop.parameters.candidates.n)]
        table = _timed(workshop, EXACT, requests, repeated)
        return _chosen(workshop, method, str(reward), table)
    return _timed(workshop, method, cells.requests(workshop.parameters.seed), cells.asked)


def _users(workshop: Workshop, method: str) -> int:
    """How many users the method writes for."""
    everyone = len(workshop.people.user_ids)
    if method.startswith(ARGS):
        return min(everyone, workshop.parameters.guided_users)
    return min(everyone, workshop.parameters.adapters.users) if method == DPO else everyone


def _timed(workshop: Workshop, method: str, requests: Requests, asked: Sequence[Asked]) -> pd.DataFrame:
    """What a method writes; its seconds are shared among its texts."""
    writer = workshop.writer(method, metered=True)  # what it takes to know users is no part of writing
    start = time.monotonic()
    answers = writer(requests)
    seconds = (time.monotonic() - start) / max(len(answers), 1)
    ids = [workshop.people.user_ids[user] for user in requests.users]
    return answer_table(asked, answers).assign(user_id=ids, method=method, seconds=seconds)[COLUMNS]


def _pool(workshop: Workshop, cells: Cells, samples: Sequence[int]) -> pd.DataFrame:
    """Some of the base model's texts of every prompt, for every user."""
    pool = pd.read_parquet(layout.texts(workshop.name, "candidates") / "pool.parquet")
    ids = [workshop.people.user_ids[user] for user in cells.users]
    wanted = pd.DataFrame({"user_id": ids, "group_id": [one.group_id for one in cells.asked]})
    table = wanted.merge(pool[pool["sample"].isin(samples)], on="group_id", how="left")
    return table.assign(method=BASE, seconds=np.nan)[[*COLUMNS, "sample"]]


def _chosen(workshop: Workshop, method: str, reward: str, table: pd.DataFrame) -> pd.DataFrame:
    """Of each request's texts the one of the greatest reward."""
    start = time.monotonic()
    sets = Sets.of_table(table, workshop.people.user_ids)
    chosen = best_of_n(workshop.rewards(reward), sets, workshop.parameters.candidates.lower)
    return chosen_table(table, chosen, method, time.monotonic() - start)


if __name__ == "__main__":
    run(generate)
