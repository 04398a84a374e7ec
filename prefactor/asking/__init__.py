"""Which pair of responses to show a user next, so that the answer tells most about them."""

from prefactor.asking.criteria import CRITERIA, INFORMATION, RANDOM, Criterion
from prefactor.asking.pool import Pool, Question, read_pool
from prefactor.asking.questions import NOTHING, ask, ask_several, scores

__all__ = [
    "CRITERIA",
    "INFORMATION",
    "NOTHING",
    "RANDOM",
    "Criterion",
    "Pool",
    "Question",
    "ask",
    "ask_several",
    "read_pool",
    "scores",
]
