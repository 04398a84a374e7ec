"""Is VRF above the other methods also where it is least sure of a user? Its paper's Figures 3b and 6b say so.

Unseen users are sorted by VRF's uncertainty as published, the mean over dimensions of sigma_u, mean over training
seeds, and parted in thirds; every method is then judged on the same users. Nothing is computed but from per-user tables
and single pairs, so that no method's evaluation has to know VRF.

The thirds are taken as given: an interval is about the accuracy of the users in it, over users or over users and what
they share, and does not cover that VRF, trained anew, would sort them otherwise.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from prefactor.evaluation.comparison import CONDITION
from prefactor.evaluation.intervals import over_users
from prefactor.evaluation.items import Condition, Outcomes, differences, interval_columns
from prefactor.evaluation.ranking import DIGITS, in_thirds, third_metric
from prefactor.evaluation.results import ALL_SEEDS, DOUBT, in_schema, setting_text

SIGMA = "sigma"  # the candidate that VRF's paper sorts users by
SORTED_BY = f"vrf_{SIGMA}"  # in the name of a metric: VRF's, whosever accuracy it is


def tercile_metric(third: str) -> str:
    """The metric of any method's accuracy on one third of users by VRF's uncertainty."""
    return third_metric(third, SORTED_BY)


def difference_metric(third: str) -> str:
    """The metric of its paired difference from VRF on that third."""
    return f"{tercile_metric(third)}_minus_vrf"


def tercile_rows(
    method: pd.DataFrame,
    vrf: pd.DataFrame,
    identity: Mapping[str, str],
    against: str,
    single: Mapping[Condition, Outcomes],
    single_of_vrf: Mapping[Condition, Outcomes] | None = None,
) -> pd.DataFrame:
    """For every condition in which VRF was asked for its uncertainty, in the schema of results, seed ``all``:

    ``accuracy_low_vrf_sigma`` and mid, high              accuracy of the least, middling and most uncertain third
    ``accuracy_low_vrf_sigma_minus_vrf`` and mid, high    the same minus VRF's, user by user; with ``single_of_vrf``

    ``method`` and ``vrf`` are per-user tables (``results.per_user_table``), ``single`` and ``single_of_vrf`` their
    single pairs. ``against`` is VRF's variant, for the rows' setting. At a fixed number of pairs users are those who
    have just so many; with all that is known of them, everyone.
    """
    rows, paired = [], differences(single, single_of_vrf or {})
    for at, thirds in _thirds(vrf):
        users, other = _by_user(method, at), _by_user(vrf, at)
        rows += [_row(at, tercile_metric(third), users, names, single.get(at)) for third, names in thirds.items()]
        if single_of_vrf is not None:
            apart = users.assign(accuracy=users["accuracy"] - other["accuracy"])
            rows += [
                _row(at, difference_metric(third), apart, names, paired.get(at)) for third, names in thirds.items()
            ]
    named = {**identity, "setting": setting_text({"against": against})}
    return in_schema(pd.DataFrame([{**row, **named} for row in rows]))


def _thirds(vrf: pd.DataFrame) -> Iterator[tuple[Condition, dict[str, pd.Index]]]:
    """By condition, the user ids of each third; none where VRF was not asked, or is as unsure of one as of another."""
    doubt = f"{DOUBT}{SIGMA}"
    if doubt not in vrf:
        return
    for split, shots in vrf[CONDITION].drop_duplicates().itertuples(index=False):
        condition: Condition = (split, None if pd.isna(shots) else int(shots))
        users = _by_user(vrf, condition, doubt, "known")
        counted = (users["pairs"] > 0) & (users["known"].eq(shots) if condition[1] is not None else True)
        thirds = in_thirds(users[doubt].to_numpy(np.float64).round(DIGITS), counted.to_numpy(bool))
        if thirds:
            yield condition, {third: users.index[numbers] for third, numbers in thirds.items()}


def _by_user(table: pd.DataFrame, condition: Condition, *further: str) -> pd.DataFrame:
    """Accuracy, pairs and ``further`` of each user, mean over seeds, in the order in which the table lists them."""
    split, shots = condition
    mine = table[(table["split"] == split) & (table["shots"].isna() if shots is None else table["shots"].eq(shots))]
    return mine.groupby("user_id", sort=False)[["accuracy", "pairs", *further]].mean()


def _row(
    condition: Condition, metric: str, users: pd.DataFrame, names: pd.Index, pairs: Outcomes | None
) -> dict[str, object]:
    """A mean over the users ``names``; single ``pairs`` number users as ``users`` lists them."""
    mine = users.loc[names]
    interval = over_users(mine["accuracy"].to_numpy(np.float64))
    return {
        "split": condition[0],
        "shots": condition[1],
        "metric": metric,
        "seed": ALL_SEEDS,
        **interval.columns(),
        "n_users": len(mine),
        "n_pairs": int(mine["pairs"].sum()),
        **interval_columns([pairs.of_users(users.index.get_indexer(names)) if pairs is not None else None]),
    }
