"""DPO writes: a language model of the user's own."""

from dataclasses import dataclass

import numpy as np

from prefactor.decoding.adapters import DpoPolicy
from prefactor.decoding.sampling import SamplingParameters
from prefactor.decoding.writers.plain import PlainWriter
from prefactor.decoding.writers.requests import Answer, Requests
from prefactor.preferences import PairBatch


@dataclass(frozen=True)
class PolicyWriter:
    """Writes as each user's policy, one user after another: only one adapter is at work at a time."""

    policy: DpoPolicy
    known: PairBatch
    sampling: SamplingParameters

    def __call__(self, requests: Requests) -> list[Answer]:
        """See ``Writer``; ``pairs`` is how many the policy was trained on, 0 where the base model writes."""
        pairs = self.known.pairs_per_user().tolist()
        found: dict[int, Answer] = {}
        for user in np.unique(requests.users).tolist():
            rows = np.flatnonzero(requests.users == user)
            with self.policy.speaking(self.known, user) as speaker:
                answers = PlainWriter(speaker, self.sampling)(requests.rows(rows))
            mine = [Answer(one.written, {"pairs": pairs[user]}) for one in answers]
            found |= dict(zip(rows.tolist(), mine, strict=True))
        return [found[row] for row in range(len(requests))]
