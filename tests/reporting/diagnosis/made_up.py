"""Made-up diagnoses: of a small pool with a good, a collapsed and a hacked score, and of figures of chosen values."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from prefactor.evaluation.scaling.diagnosis import Diagnosis, diagnose
from prefactor.evaluation.scaling.pool import read_pool
from prefactor.reporting.diagnosis.measured import Measured

SECRET = "id-that-nobody-may-see"
SIZES = (1, 2, 4, 8)
KAPPA = (0.0, 0.56, 1.03, 1.42)


def candidates(users: int = 24, queries: int = 6, size: int = 8, seed: int = 0) -> pd.DataFrame:
    """Sets scored by a good reward (two seeds), one that two thirds of users collapsed with, and a hacked one."""
    generator = np.random.default_rng(seed)
    shape = (users, queries, size)
    gold = generator.normal(size=shape) * generator.uniform(0.5, 1.5, (users, 1, 1))
    collapsed = (np.arange(users) % 3 < 2)[:, None, None]
    hacked = generator.random((users, queries, 1)) < 0.45
    scores = {
        "vrf#0": gold + 0.2 * generator.normal(size=shape),
        "vrf#1": gold + 0.2 * generator.normal(size=shape),
        "prob": np.where(collapsed, 0.0, gold) + 1e-6 * generator.normal(size=shape),
        "det": np.where(hacked, -gold, gold) + 0.3 * generator.normal(size=shape),
        "mine": generator.normal(size=shape),
    }
    names = [[f"{SECRET}-{what}{number}" for number in range(count)] for what, count in zip("uqc", shape, strict=True)]
    index = pd.MultiIndex.from_product(names, names=["user", "query", "candidate"])
    columns = {"gold": gold, **scores}
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=index).reset_index()


@cache
def made_up() -> Diagnosis:
    """Everything that a diagnosis says of ``candidates``."""
    return diagnose(read_pool(candidates()), against={"prob": "det", "vrf": "mine"})


def row(
    model: str, metric: str, value: float, half: float = 0.01, law: str = "", n: int | None = None, shared: float = 0.0
) -> dict[str, object]:
    """One figure with an interval of ``half`` to either side, and of ``half`` + ``shared`` over queries too."""
    ends = {"ci_low": value - half, "ci_high": value + half}
    ends |= {"low_items": value - half - shared, "high_items": value + half + shared}
    return {"model": model, "metric": metric, "law": law, "n": n, "value": value, **ends, "n_users": 20, "n_queries": 9}


def curve(model: str, slope: float, half: float = 0.01, shared: float = 0.0) -> list[dict[str, object]]:
    """A gain that follows the normal law, in gold's unit."""
    gains = zip(SIZES, KAPPA, strict=True)
    return [row(model, "gain", slope * kappa, half * kappa, n=n, shared=shared * kappa) for n, kappa in gains]


def figures(*rows: dict[str, object], spread: float = 1.0) -> pd.DataFrame:
    """A table of figures with the oracle's curve, and the steps of all curves."""
    found = [*curve("oracle", spread), row("oracle", "spread", spread), *rows]
    return pd.DataFrame([*found, *steps([one for one in found if one["metric"] == "gain"])])


def steps(gains: Sequence[dict[str, Any]]) -> Iterator[dict[str, object]]:
    """What each candidate brings on the way to an N from the one before, without intervals."""
    for before, after in pairwise(gains):
        if before["model"] == after["model"]:
            brought = (after["value"] - before["value"]) / (after["n"] - before["n"])
            yield row(after["model"], "gain_step", brought, half=math.nan, n=after["n"])


def measured(*rows: dict[str, object], spread: float = 1.0) -> Measured:
    """Figures to look up."""
    return Measured.of(figures(*rows, spread=spread))


def rates(model: str, **values: float) -> list[dict[str, object]]:
    """Shares of users or queries with narrow intervals."""
    return [row(model, metric, value) for metric, value in values.items()]


def rules(chosen: Mapping[str, float], model: str = "vrf") -> pd.DataFrame:
    """Differences from plain argmax by rule, at the chosen one of three parameters."""
    found = []
    for rule, value in {"argmax": 0.0, **chosen}.items():
        for parameter in (0.0, 0.5, 1.0):
            for n in SIZES:
                rows = row(model, "gain_minus_argmax", value * parameter, n=n), row(model, "gain", 1 + value, n=n)
                found += [{**at, "rule": rule, "parameter": parameter, "chosen": parameter == 1.0} for at in rows]
    return pd.DataFrame(found).drop(columns="law")
