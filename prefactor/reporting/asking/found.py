"""The figures of interviews by who was asked how: what every section of the page looks up."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import pandas as pd

from prefactor.asking.criteria import CRITERIA, INFORMATION, RANDOM
from prefactor.evaluation.results import ALL_SEEDS
from prefactor.reporting.estimates import Estimate
from prefactor.reporting.style import Style, method_name

ACCURACY = "accuracy"
GIVEN = "given"
SHARES = {"evidence": "by answers alone", "trained": "as trained"}
STYLES: Mapping[str, Style] = {
    INFORMATION: Style("vermillion"),
    "weight_information": Style("orange"),
    "pooled_information": Style("orange", open=True),
    "laplace_information": Style("purple"),
    "pref": Style("green"),
    "pref_choice": Style("green", open=True),
    "least_certain": Style("sky"),
    RANDOM: Style("grey"),
    GIVEN: Style("blue", open=True),
}


class Model(NamedTuple):
    """Who asks: a method, and what a user's shares of its bases are made of."""

    method: str
    shares: str

    @property
    def name(self) -> str:
        """E.g. ``VRF, by answers alone``; a method of one kind by its name."""
        return (
            f"{method_name(self.method)}, {SHARES[self.shares]}" if self.method == "vrf" else method_name(self.method)
        )


class Key(NamedTuple):
    """Which figure: ``asked`` by which criterion, ``together`` how many at a time, after ``questions``."""

    model: Model
    asked: str
    together: int
    metric: str
    questions: int


@dataclass(frozen=True)
class Found:
    """Mean over training seeds, with intervals."""

    estimates: Mapping[Key, Estimate]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Self:
        """Rows of the results' schema."""
        found = {}
        for row in rows[rows["seed"] == ALL_SEEDS].itertuples(index=False):
            setting = dict(part.split("=") for part in row.setting.split(";"))
            model = Model(row.method, setting["shares"])
            key = Key(model, setting["asked"], int(setting["together"]), row.metric, int(row.shots))
            found[key] = Estimate.of_row(row)
        return cls({key: own for key, own in found.items() if math.isfinite(own.value)})

    @property
    def models(self) -> list[Model]:
        """In the order in which they are shown."""
        known = dict.fromkeys(key.model for key in self.estimates)
        return sorted(known, key=lambda model: (model.method != "vrf", [*SHARES].index(model.shares)))

    def asked(self, model: Model, metric: str = ACCURACY, together: int = 1) -> list[str]:
        """The criteria that there are figures of, and pairs that were given, in the order of STYLES."""
        known = {key.asked for key in self.estimates if key[0] == model and key[2:4] == (together, metric)}
        return [name for name in STYLES if name in known]

    def curve(self, model: Model, asked: str, metric: str = ACCURACY, together: int = 1) -> dict[int, Estimate]:
        """By number of questions, ascending."""
        wanted = model, asked, together, metric
        found = {key.questions: own for key, own in self.estimates.items() if key[:4] == wanted}
        return dict(sorted(found.items()))

    @property
    def questions(self) -> list[int]:
        """All numbers of questions."""
        return sorted({key.questions for key in self.estimates})

    @property
    def several(self) -> list[int]:
        """How many questions were asked at a time, beside one."""
        return sorted({key.together for key in self.estimates} - {1})


def words_of(asked: str) -> str:
    """How a criterion is called on the page."""
    return "pairs that users came with" if asked == GIVEN else CRITERIA[asked].words
