"""Per-user columns whose means over users make the four quantities and everything beside them.

A user is collapsed whose scores have a standard deviation of at most 1 % of the population's, or whose mean correlation
is nearer to 0 than 0.1 (TTP, section 4). Scores are defined up to a constant of the user and query, so deviations are
those within sets.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from prefactor.evaluation.scaling.sums import slices_of

LEAST_SPREAD = 0.01  # of the population's
LEAST_CORRELATION = 0.1
CORRELATED = ("rho", "rank", "hacked", "rho_healthy", "rho_hacked")  # means over sets where gold differs
VIEWS = ("all", "first", "second")  # all sets, and those of each half
Columns = dict[str, np.ndarray]  # by name (..., U, W), W figures of one kind


def view(sums: np.ndarray, name: str) -> np.ndarray:
    """(..., U, 2, F) sums to those (..., U, F) of one of VIEWS."""
    return sums.sum(-2) if name == "all" else sums[..., VIEWS.index(name) - 1, :]


def user_columns(sums: np.ndarray, sizes: Sequence[int], traits: Mapping[str, np.ndarray] | None = None) -> Columns:
    """Sums (..., U, F) over a user's sets to columns; a ratio of their means is a mean over the users that it is about.

    ``has``: the user has sets; ``seen``: gold tells candidates of some apart; ``kept``: seen and not collapsed;
    ``told``: seen, and scores differ.
    """
    at = slices_of(sizes)
    part = {name: sums[..., where] for name, where in at.items()}
    has, seen = part["sets"] > 0, part["known"] > 0
    mean = {name: values / part["sets"].clip(1) for name, values in part.items()}
    among = {name: part[name] / part["known"].clip(1) for name in CORRELATED}
    by_spread, by_correlation = _collapsed(mean["variance"], among["rho"], has)
    collapsed = seen & (by_spread | by_correlation)
    kept = seen & ~collapsed
    told = seen & ~by_spread
    found = {"has": has, "seen": seen, "collapsed": collapsed, "kept": kept, "told": told}
    found["told_rho"] = told * among["rho"]
    found |= {"by_spread": seen & by_spread, "by_correlation": seen & by_correlation}
    found |= {name: seen * among[name] for name in ("rho", "rank")}
    found |= {f"kept_{name}": kept * among[name] for name in ("hacked", "rho_healthy", "rho_hacked")}
    found |= {name: has * mean[name] for name in ("gain", "spread", "rho_spread")}
    found["own"] = kept * mean["own"]
    described = {"gold_spread": mean["spread"], "queries": part["sets"]} | {
        name: np.broadcast_to(values[:, None], has.shape) for name, values in (traits or {}).items()
    }
    for name, values in described.items():
        found |= {f"collapsed:{name}": collapsed * values, f"others:{name}": kept * values}
    return {name: np.asarray(values, np.float64) for name, values in found.items()}


def _collapsed(variance: np.ndarray, rho: np.ndarray, has: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., U, 1) by spread and by correlation."""
    population = (variance * has).sum(-2, keepdims=True) / has.sum(-2, keepdims=True).clip(1)
    return variance <= LEAST_SPREAD**2 * population, np.abs(rho) < LEAST_CORRELATION


def stacked(columns: Columns) -> tuple[np.ndarray, dict[str, slice]]:
    """(..., U, C) of all columns, and where each lies."""
    at, start = {}, 0
    for name, values in columns.items():
        at[name] = slice(start, start + values.shape[-1])
        start += values.shape[-1]
    return np.concatenate([*columns.values()], -1), at
