"""What Best-of-N gains: the expected gold utility of what a reward chooses among N candidates, exactly.

N of the M candidates of a (user, prompt) are drawn without replacement; the expectation over all draws is known from
the candidates' ranks, so nothing is sampled. Candidates of equal reward share the choice.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from prefactor.evaluation.generation.candidates import CandidateSets, candidate_sets, cells_of, each
from prefactor.evaluation.generation.cells import CELL, PAIRED, minus, result_rows_of
from prefactor.evaluation.generation.verdicts import verdict_of
from prefactor.evaluation.scaling.best import SIZES, choice_shares

UTILITY = "best_of_n_utility"  # in its own unit
GAIN, RAW_GAIN = "best_of_n_gain", "best_of_n_gain_raw"  # above a candidate at random, in standard deviations or as is
WIN_RATE = "best_of_n_win_rate"  # over the first sample, which is any of them
ORACLE, RANDOM, BT = "oracle", "random", "bt"


def best_of_n_rows(
    candidates: pd.DataFrame,
    identity: Mapping[str, str],
    sizes: Sequence[int] = SIZES,
    reference: str = BT,
    shots: int | None = None,
) -> pd.DataFrame:
    """Result rows of every reward in ``candidates`` (see ``candidate_sets``), of ORACLE and RANDOM, setting ``n=<N>``.

    Metrics UTILITY, GAIN or (without a column ``scale``) RAW_GAIN, WIN_RATE; and of gains and win rates the paired
    differences from ``reference``, where it is among the rewards. Sizes above the smallest set's are left out. The win
    rate is over what a single sample would have been: the mean over all of the set, whose order means nothing.
    """
    cells = best_of_n_cells(candidates, sizes)
    paired = cells[cells["metric"] != UTILITY]
    differences = minus(paired, reference, [*PAIRED, "setting"])
    return result_rows_of(pd.concat([cells, differences], ignore_index=True), identity, shots)


def best_of_n_cells(candidates: pd.DataFrame, sizes: Sequence[int] = SIZES) -> pd.DataFrame:
    """The figures of every (user, prompt), method and size."""
    gain = GAIN if "scale" in candidates else RAW_GAIN
    found = candidate_sets(candidates)
    return pd.concat([cells for sets, size in each(found, sizes) for cells in _cells(sets, size, gain)])[
        CELL
    ].reset_index(drop=True)


def _cells(sets: CandidateSets, size: int, gain: str) -> Iterator[pd.DataFrame]:
    wins = verdict_of(sets.utility[:, :, None], sets.utility[:, None, :]).mean(2)  # (S,M,M) -> (S,M)
    middle = sets.utility.mean(1)
    blind = np.zeros(sets.utility.shape)  # all scores are equal: every candidate is as likely
    for method, score in {**sets.rewards, ORACLE: sets.utility, RANDOM: blind}.items():
        share = choice_shares(score, size)
        utility = (share * sets.utility).sum(1)
        figures = {UTILITY: utility, gain: (utility - middle) / sets.scale, WIN_RATE: (share * wins).sum(1)}
        for metric, values in figures.items():
            yield cells_of(sets, {"method": method, "setting": f"n={size}", "metric": metric}, values)
