"""Who writes for users: each takes requests, a user's prompt each, and gives a text with what is behind it."""

from prefactor.decoding.writers.drift import DriftWriter
from prefactor.decoding.writers.exact import ExactWriter
from prefactor.decoding.writers.guided import ArgsWriter
from prefactor.decoding.writers.history import HistoryWriter
from prefactor.decoding.writers.plain import PlainWriter
from prefactor.decoding.writers.policy import PolicyWriter
from prefactor.decoding.writers.requests import Answer, Requests, Writer

__all__ = [
    "Answer",
    "ArgsWriter",
    "DriftWriter",
    "ExactWriter",
    "HistoryWriter",
    "PlainWriter",
    "PolicyWriter",
    "Requests",
    "Writer",
]
