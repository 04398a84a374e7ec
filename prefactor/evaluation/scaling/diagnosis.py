"""The diagnosis of Best-of-N: curves, four quantities, laws and failures of every model, from scored candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

from prefactor.atomic import write_json
from prefactor.errors import InputError
from prefactor.evaluation.scaling.best import SIZES, sizes_of
from prefactor.evaluation.scaling.histogram import histogram
from prefactor.evaluation.scaling.known_rows import known_rows
from prefactor.evaluation.scaling.model_figures import Figures, law_figures, minus, model_figures, oracle_figures
from prefactor.evaluation.scaling.pool import ORACLE, Pool
from prefactor.evaluation.scaling.study import Study
from prefactor.evaluation.scaling.user_table import user_table
from prefactor.reading import read_object

FILES = ("figures", "users", "correlations")


@dataclass(frozen=True)
class Diagnosis:
    """What was found, as tables.

    figures       a row per figure: ``model`` (a score's, ORACLE, RANDOM, or none), ``metric``, ``law``, ``n``,
                  ``value``, its 95 % intervals over users and over users and what they share, and how many those are
    users         a row per model and user
    correlations  a row per model and bin: how many sets have a correlation in it, mean over training seeds
    about         of what it was made
    """

    figures: pd.DataFrame
    users: pd.DataFrame
    correlations: pd.DataFrame
    about: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        """A parquet file per table, and about.json, into a folder that is there."""
        for name in FILES:
            getattr(self, name).to_parquet(folder / f"{name}.parquet", compression="zstd", index=False)
        write_json(folder / "about.json", dict(self.about))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What ``write`` left. InputError for a missing file."""
        try:
            tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in FILES}
        except FileNotFoundError as error:
            raise InputError(f"{folder} holds no diagnosis ({error}): run the diagnosis again") from error
        return cls(**tables, about=read_object(folder / "about.json", "run the diagnosis again"))


def diagnose(pool: Pool, against: Mapping[str, str] | None = None, sizes: Sequence[int] = SIZES) -> Diagnosis:
    """Everything about every model of a pool; ``against`` names pairs of models that are compared, user by user.

    All sets are computed at once, and no candidate is drawn: curves are exact. Intervals are over users, resampled, and
    where users share queries or candidates also over those, each left out in turn.
    """
    study = Study.of(pool, sizes_of(pool.least, sizes))
    bound = study.means(study.halves, "", 1)
    oracle = bound if study.halves is study.whole else study.means(study.whole, "", 1)
    found: dict[str, Figures] = {ORACLE: oracle_figures(oracle, study.whole.sizes, study.weighings)}
    users, correlations = [], []
    for model in pool.models:
        seeds = len(pool.blocks[0].scores[model])
        means = study.means(study.whole, model, seeds)
        parted = means if study.halves is study.whole else study.means(study.halves, model, seeds)
        found[model] = model_figures(means, study.whole.sizes, study.candidates, study.weighings)
        found[model] |= law_figures(parted, bound, study.halves.sizes, study.weighings)
        users.append(user_table(model, means, pool))
        correlations.append(histogram(model, means.correlations))
    for mine, other in (against or {}).items():
        if mine in found and other in found:
            found[mine] |= minus(found[mine], found[other], other)
    rows = [row for model, figures in found.items() for row in study.rows(model, figures)]
    table = pd.DataFrame([*rows, *known_rows(pool, study.whole.sizes)])
    table["n"] = table["n"].astype("Int64")
    few = f"they have fewer than {pool.least} candidates, unlike most"
    why = {"left_out": {f"{pool.small} sets": few}} if pool.small else {}
    return Diagnosis(table, pd.concat(users), pd.concat(correlations), {**study.about(), **why})
