"""Win rate over the base model (Drift, Table 2; EXACT, Table 3), with ties, gains and what no judge answered."""

from collections.abc import Iterator, Mapping

import pandas as pd

from prefactor.evaluation.generation.cells import CELL, count_row, minus, result_rows_of
from prefactor.evaluation.generation.settings import joined_setting
from prefactor.evaluation.generation.verdicts import KEY, TIE
from prefactor.evaluation.results import in_schema

WIN_RATE, TIES = "win_rate", "ties"
GAIN, RAW_GAIN = "utility_gain", "utility_gain_raw"  # in standard deviations of the user's utility, or in its own unit
MISSING, MALFORMED = "missing", "malformed"
GOLD = "gold"


def win_rate_rows(
    verdicts: pd.DataFrame,
    identity: Mapping[str, str],
    judge: str = GOLD,
    shots: int | None = None,
) -> pd.DataFrame:
    """Result rows of all methods: WIN_RATE and TIES as shares, the mean gain where it is known, MISSING and MALFORMED.

    ``verdicts`` are those of ``verdicts_by_utility`` or ``verdicts_by_judge``. Each row's setting names the judge.
    Missing and malformed judgements are numbers of texts, and count neither for nor against a method. ``n_pairs`` are
    (user, prompt) that were judged, ``n_items`` different prompts.
    """
    cells = win_rate_cells(verdicts, judge)
    for column, metric in (("gain", GAIN), ("raw_gain", RAW_GAIN)):
        if column in verdicts:
            gains = verdicts.assign(value=verdicts[column], metric=metric)
            cells = pd.concat([cells, _judged_by(gains, judge)], ignore_index=True)
    figures = result_rows_of(cells, identity, shots)
    return in_schema(pd.concat([figures, _counts(verdicts, identity, judge, shots)], ignore_index=True))


def win_rate_differences(
    verdicts: pd.DataFrame, reference: str, identity: Mapping[str, str], judge: str = GOLD, shots: int | None = None
) -> pd.DataFrame:
    """Rows of ``win_rate_minus_<reference>``: of every other method, on the same users and prompts."""
    cells = win_rate_cells(verdicts, judge)
    return result_rows_of(minus(cells[cells["metric"] == WIN_RATE], reference), identity, shots)


def win_rate_cells(verdicts: pd.DataFrame, judge: str = GOLD) -> pd.DataFrame:
    """Each (user, prompt)'s verdict, and whether it is a tie."""
    wins = verdicts.assign(value=verdicts["verdict"], metric=WIN_RATE)
    level = (verdicts["verdict"] == TIE).astype("float64").where(verdicts["verdict"].notna())
    return _judged_by(pd.concat([wins, verdicts.assign(value=level, metric=TIES)], ignore_index=True), judge)


def _judged_by(cells: pd.DataFrame, judge: str) -> pd.DataFrame:
    settings = {setting: joined_setting(setting, f"judge={judge}") for setting in cells["setting"].unique()}
    return cells.assign(setting=cells["setting"].map(settings))[CELL]


def _counts(verdicts: pd.DataFrame, identity: Mapping[str, str], judge: str, shots: int | None) -> pd.DataFrame:
    return in_schema(pd.DataFrame([row | {"shots": shots} for row in _counted(verdicts, identity, judge)]))


def _counted(verdicts: pd.DataFrame, identity: Mapping[str, str], judge: str) -> Iterator[dict[str, object]]:
    for (method, setting), asked in verdicts.groupby(KEY[2:], sort=False):
        for metric in (MISSING, MALFORMED):
            name = {"method": method, "setting": joined_setting(setting, f"judge={judge}"), "metric": metric}
            yield count_row(identity, name, asked, int(asked[metric].sum()))
