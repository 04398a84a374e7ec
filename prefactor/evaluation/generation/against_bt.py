"""VRF's Figure 3c: every method's choice among a prompt's candidates, judged against BT's choice.

As published (VRF, appendix A.4): eight candidates for each prompt of an unseen user, each written in the style that
labels one preference basis; a judge compares each method's choice with BT's; users are grouped by |C|; the win rates
are "normalized by the global minimum". That may be a difference, as the figure's name for it, Delta win rate, suggests,
or a quotient: both are given. Here gold utility judges instead of a language model, so nothing depends on an order.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from prefactor.errors import InputError
from prefactor.evaluation.generation.candidates import SETS, CandidateSets, candidate_sets, cells_of
from prefactor.evaluation.generation.cells import CELL, PAIRED, minus, result_rows_of
from prefactor.evaluation.generation.columns import require
from prefactor.evaluation.generation.verdicts import verdict_of
from prefactor.evaluation.results import in_schema
from prefactor.evaluation.scaling.best import choice_shares

WIN_RATE = "win_rate_over_bt"
DELTA = "win_rate_over_bt_delta"  # less the least of the figure
RELATIVE = "win_rate_over_bt_relative"  # divided by it
BT, VRF = "bt", "vrf"
KNOWN = "known"
CANDIDATES = 8  # as published, each in the style of one basis
ENDS = ["value", "ci_low", "ci_high", "low_items", "high_items"]


def against_bt_rows(
    candidates: pd.DataFrame,
    identity: Mapping[str, str],
    bins: Sequence[tuple[int, int]] = (),
    reference: str = VRF,
) -> pd.DataFrame:
    """Result rows of every method in every group of |C|, setting ``known=<group>``.

    ``candidates`` are as in ``candidate_sets``, with a column ``known``: how many pairs the user gave, or was known by
    when the rewards were computed; the same (user, prompt, sample) may be there under several. ``bins`` are ranges of
    it, ends included, e.g. ``((3, 5), (6, 9))``; without them every number is a group. Who is in no bin is left out.

    Metrics: WIN_RATE over BT's choice, ties half, with intervals over users and over users and prompts; the paired
    difference from ``reference``, where it is among the methods; DELTA and RELATIVE, the same figures normalised by the
    least win rate of all methods and groups, whose own uncertainty is not in their intervals.
    """
    require(candidates, [KNOWN], "candidates")
    cells = pd.concat([found for sets in candidate_sets(candidates, [*SETS, KNOWN]) for found in _cells(sets)])
    cells = _grouped(cells, bins)
    paired = minus(cells, reference, [*PAIRED, "setting"])
    rows = result_rows_of(pd.concat([cells, paired], ignore_index=True), identity)
    return in_schema(pd.concat([rows, *_normalised(rows[rows["metric"] == WIN_RATE])], ignore_index=True))


def undrawn(styled: pd.DataFrame, models: Sequence[str]) -> str:
    """Why there is no figure of these candidates and reward models; empty where there is one.

    ``styled`` has a column ``sample``, the number of the style.
    """
    styles = styled["sample"].nunique()
    if not styles:
        return "no default VRF with labelled bases is in this run"
    if styles < CANDIDATES:
        return f"VRF's bases are labelled by {styles} different scores, and {CANDIDATES} styles are needed"
    if BT not in models:
        return "every choice is held against BT's, and BT is not among the run's models"
    return "" if len(models) > 1 else "no other model than BT is there to choose"


def _cells(sets: CandidateSets) -> Iterator[pd.DataFrame]:
    if BT not in sets.rewards or len(sets.rewards) < 2:
        raise InputError(f"choices are judged against {BT}'s: give its rewards, and those of another method")
    common = choice_shares(sets.rewards[BT], sets.size)  # (S,M), one choice or several of equal reward
    wins = verdict_of(sets.utility[:, :, None], sets.utility[:, None, :])  # (S,M,M) of the first over the second
    for method, reward in sets.rewards.items():
        if method != BT:
            value = np.einsum("sm,smo,so->s", choice_shares(reward, sets.size), wins, common)
            yield cells_of(sets, {"method": method, "metric": WIN_RATE}, value)


def _grouped(cells: pd.DataFrame, bins: Sequence[tuple[int, int]]) -> pd.DataFrame:
    """Cells with their group of |C| as setting; a user's figures in a group are averaged as prompts are."""
    known = cells[KNOWN].astype("int64")
    ranges = bins or [(number, number) for number in sorted(known.unique())]
    setting = pd.Series("", cells.index, dtype=object).reset_index(drop=True)
    cells, known = cells.reset_index(drop=True), known.reset_index(drop=True)
    for low, high in ranges:
        setting[known.between(low, high)] = f"{KNOWN}={low if low == high else f'{low}-{high}'}"
    inside = cells.assign(setting=setting)[setting != ""]
    if not len(inside):
        raise InputError(f"no user is known by a number of pairs within {[*ranges]}: choose other bins")
    keys = [name for name in CELL if name != "value"]
    return inside.groupby(keys, sort=False, as_index=False)["value"].mean()[CELL]


def _normalised(rows: pd.DataFrame) -> list[pd.DataFrame]:
    least = rows["value"].min()
    delta = rows.assign(metric=DELTA, **{end: rows[end] - least for end in ENDS})
    if not least > 0:
        return [delta]
    return [delta, rows.assign(metric=RELATIVE, **{end: rows[end] / least for end in ENDS})]
