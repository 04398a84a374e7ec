"""Section ``promotion`` of params.yaml: what a challenger must show before it is served."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class AccuracyGate:
    """``tolerance``: so much worse on unseen users, as a share of pairs, a challenger may be, with 95 % confidence."""

    tolerance: float = 0.01

    def __post_init__(self) -> None:
        _check_not_negative(tolerance=self.tolerance)


@dataclass(frozen=True)
class CalibrationGate:
    """``at_most``: the expected calibration error; ``worse_by``: how far it may lie above the champion's."""

    at_most: float = 0.1
    worse_by: float = 0.01

    def __post_init__(self) -> None:
        _check_not_negative(at_most=self.at_most, worse_by=self.worse_by)


@dataclass(frozen=True)
class LatencyGate:
    """``factor``: how many times the champion's p95 a challenger's may be.

    Both rank ``candidates`` candidates, texts read by the backbone, in each of ``requests`` requests.
    """

    factor: float = 1.5
    requests: int = 100
    candidates: int = 8

    def __post_init__(self) -> None:
        if self.factor < 1 or self.requests < 20 or self.candidates < 2:
            raise ValueError("factor must be 1 or more, requests 20 or more, candidates 2 or more")


@dataclass(frozen=True)
class SlicesGate:
    """Nobody is clearly harmed: users by attribute, by activity and uncertainty, everyone by few reference pairs.

    attributes  by dataset, columns of its prepared users; of a dataset that is not named, all that its source names
    smallest    users of a group, at least: groups of fewer are pooled
    level       probability that any harm is seen where there is none, over all slices together
    tolerance   so much worse, as a share of pairs, a slice may be: 0 refuses any loss that is certain, however small
    shots       numbers of reference pairs that everyone is known by
    """

    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    smallest: int = 20
    level: float = 0.05
    tolerance: float = 0.0
    shots: tuple[int, ...] = (1, 9)

    def __post_init__(self) -> None:
        if not 0 < self.level < 1 or self.smallest < 5 or any(size < 1 for size in self.shots):
            raise ValueError("level must lie between 0 and 1, smallest be 5 or more, and shots each 1 or more")
        _check_not_negative(tolerance=self.tolerance)


@dataclass(frozen=True)
class PromotionParameters:
    """The gates; null for one that is not asked for.

    quality      whether the last checks of the dataset's tables and split must have passed
    known_users  what is done about users to be evaluated whom a model was trained on: the challenger is refused, or
                 they are left out
    frozen       by dataset, what its evaluation set must hash to (a beginning will do): another is refused
    """

    quality: bool = True
    known_users: Literal["refuse", "leave_out"] = "refuse"
    frozen: Mapping[str, str] = field(default_factory=dict)
    accuracy: AccuracyGate | None = field(default_factory=AccuracyGate)
    calibration: CalibrationGate | None = field(default_factory=CalibrationGate)
    latency: LatencyGate | None = field(default_factory=LatencyGate)
    slices: SlicesGate | None = field(default_factory=SlicesGate)


def _check_not_negative(**values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"{name} must be 0 or more, got {value}")
