"""Requests to writers, and what all writers owe: an answer does not depend on the others."""

from collections.abc import Sequence

import numpy as np

from prefactor.decoding.sampling import SamplingParameters
from prefactor.decoding.writers import Answer, Requests, Writer
from tests.decoding.speakers import PROMPTS

SHORT = SamplingParameters(max_new_tokens=10)
USERS = 3


def asked(seed: int = 0) -> Requests:
    """Every prompt for every user."""
    users = np.arange(USERS).repeat(len(PROMPTS))
    return Requests.once(users, PROMPTS * USERS, seed)


def texts(answers: Sequence[Answer]) -> list[str]:
    return [one.written.text for one in answers]


def check_batch(writer: Writer, close: float = 1e-5) -> list[Answer]:
    """The answers to all requests; each is the same alone, and in another order."""
    requests = asked()
    together = writer(requests)
    for rows in ([4], [8, 0, 3]):
        for row, one in zip(rows, writer(requests.rows(np.array(rows))), strict=True):
            assert one.written == together[row].written
            assert one.about.keys() == together[row].about.keys()
            for name, value in one.about.items():
                if isinstance(value, float):
                    np.testing.assert_allclose(value, together[row].about[name], atol=close)
                else:
                    assert value == together[row].about[name]
    assert writer(requests.rows(np.array([], dtype=np.int64))) == []
    return together
