"""What can be chosen about Drift's preference model."""

from dataclasses import dataclass
from typing import Literal

Per = Literal["response", "token"]
Form = Literal["closed", "logistic", "absolute"]


@dataclass(frozen=True)
class DriftParameters:
    """The published choices by default.

    attributes_kept  how many of the largest |p_i| are used, None for all: the paper keeps 7 where it generates
    renormalised     what is kept gets length 1 again. The paper selects and says no more, so not by default; pairs are
                     predicted alike either way, only generation is steered less
    per              a reward is a difference of log-probabilities of the whole ``response``, or its mean per ``token``
    form             ``closed``: Eq. (12). ``logistic``: a ridge logistic regression on differences of rewards, ours.
                     ``absolute``: the one of Figure 5, which labels each response 1 or 0 by itself
    shrinkage        of both regressions: the precision of the prior over a weight, in units of 1 / reward squared
    scaled           rewards count in units of how much they differ within the known pairs of all users, ours
    """

    attributes_kept: int | None = None
    renormalised: bool = False
    per: Per = "response"
    form: Form = "closed"
    shrinkage: float = 1.0
    scaled: bool = False

    def __post_init__(self) -> None:
        if self.attributes_kept is not None and self.attributes_kept < 1:
            raise ValueError(f"attributes_kept must be at least 1, got {self.attributes_kept}: null keeps all")
        if not self.shrinkage > 0:
            raise ValueError(
                f"shrinkage must be positive, got {self.shrinkage}: weights without bound fit separable pairs"
            )
