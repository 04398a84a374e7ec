"""EXACT's parameters."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ExactParameters:
    """The defaults are the published values where one exists.

    k                   attributes of a subset (Section 6.1)
    positive            an attribute is added only where it raises the objective, so that a subset has up to k
                        (Appendix B.1.2); False takes exactly k
    retrieval           ``nearest``: the subset of the user's prompt that is nearest to the one asked about (Section
                        4.2); ``global``: one subset per user for all prompts (Appendix C.5.2)
    anchored            a pair is predicted by what the attributes add over none (C.5.2), not by the raw difference
    library_index_from  prompts of one user from which a library's approximate index takes the place of the exact
                        search
    """

    k: int = 3
    positive: bool = False
    retrieval: Literal["nearest", "global"] = "nearest"
    anchored: bool = False
    library_index_from: int = 100_000

    def __post_init__(self) -> None:
        for name in ("k", "library_index_from"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
