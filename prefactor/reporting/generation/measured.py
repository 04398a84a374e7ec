"""Result rows by what they are of: dataset, method, setting, metric, number of known pairs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import pandas as pd

from prefactor.errors import InputError
from prefactor.evaluation.generation.cells import SPLIT
from prefactor.evaluation.generation.settings import CHECK, joined_setting, parsed_setting
from prefactor.evaluation.results import ALL_SEEDS
from prefactor.reporting.estimates import Estimate, whole
from prefactor.reporting.generation.names import place

PLAIN = ("", "default")  # variants that need no mention


class Key(NamedTuple):
    """Which figure; ``shots`` is None for all that is known, a variant that is not PLAIN is in its setting.

    The setting says nothing of a format check: that is one of a whole dataset.
    """

    metric: str
    method: str
    setting: str
    shots: int | None
    dataset: str

    @property
    def parsed(self) -> dict[str, str]:
        """The setting by key."""
        return parsed_setting(self.setting)


@dataclass(frozen=True)
class Measured:
    """Every figure of unseen users that is a mean over seeds.

    prompts  how many a figure rests on, where known
    checks   datasets whose figures say only that everything runs
    """

    estimates: Mapping[Key, Estimate]
    prompts: Mapping[Key, int]
    checks: frozenset[str] = frozenset()

    @classmethod
    def of(cls, results: pd.DataFrame) -> Self:
        """InputError where two rows claim to be the same figure."""
        rows = results[(results["split"] == SPLIT) & (results["seed"] == ALL_SEEDS)]
        estimates: dict[Key, Estimate] = {}
        prompts: dict[Key, int] = {}
        checks = set()
        for row in rows.itertuples(index=False):
            variant = "" if row.variant in PLAIN else f"variant={row.variant}"
            setting, is_check = _unchecked(joined_setting(row.setting, variant))
            checks |= {row.dataset} if is_check else set()
            key = Key(row.metric, row.method, setting, whole(row.shots), row.dataset)
            if key in estimates:
                raise InputError(f"results give one figure twice: {key._asdict()}: read each folder once")
            estimates[key] = Estimate.of_row(row)
            prompts |= {} if pd.isna(row.n_items) else {key: int(row.n_items)}
        return cls(estimates, prompts, frozenset(checks))

    def of_dataset(self, name: str) -> Self:
        """The figures of one dataset."""
        mine = {key: own for key, own in self.estimates.items() if key.dataset == name}
        prompts = {key: number for key, number in self.prompts.items() if key.dataset == name}
        return replace(self, estimates=mine, prompts=prompts, checks=self.checks & {name})

    @property
    def datasets(self) -> list[str]:
        """Whose figures there are, by name."""
        return sorted({key.dataset for key in self.estimates})

    def find(self, metric: str, method: str | None = None, **setting: str | None) -> list[tuple[Key, Estimate]]:
        """Figures of a metric, by method, setting and known pairs; keys of ``setting`` must agree, None: be absent."""
        found = [(key, own) for key, own in self.estimates.items() if _fits(key, metric, method, setting)]
        return sorted(found, key=lambda item: _order(item[0]))

    def one(self, metric: str, method: str, **setting: str | None) -> Estimate | None:
        """The first such figure, of the most known pairs where there are several."""
        found = self.find(metric, method, **setting)
        most = sorted(found, key=lambda item: -(math.inf if item[0].shots is None else item[0].shots))
        return most[0][1] if most else None

    def values(self, key: str, *metrics: str) -> list[str]:
        """What a key of the settings is of these metrics, numbers in their order."""
        found = {own.parsed[key] for own in self.estimates if own.metric in metrics and key in own.parsed}
        return sorted(found, key=in_order)


def in_order(value: str) -> tuple[float, str]:
    """Sorts ``1``, ``3-5``, ``10`` by their first number, words last."""
    number = value.partition("-")[0]
    return (float(number) if number.isdigit() else math.inf, value)


def _unchecked(setting: str) -> tuple[str, bool]:
    """A setting without CHECK, and whether it was there."""
    parts = setting.split(";")
    return ";".join(part for part in parts if part != CHECK), CHECK in parts


def _fits(key: Key, metric: str, method: str | None, setting: Mapping[str, str | None]) -> bool:
    if key.metric != metric or method not in (None, key.method):
        return False
    parsed = key.parsed
    return all(parsed.get(name) == value for name, value in setting.items())


def _order(key: Key) -> tuple[Any, ...]:
    settings = tuple((name, in_order(value)) for name, value in key.parsed.items())
    return (*place(key.method), settings, math.inf if key.shots is None else key.shots)
