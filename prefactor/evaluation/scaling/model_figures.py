"""All figures of one model on every weighing of users, from the means of its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prefactor.evaluation.scaling.columns import LEAST_CORRELATION, VIEWS
from prefactor.evaluation.scaling.kappa import kappa
from prefactor.evaluation.scaling.law import LAWS, OTHER_HALF, Measured, Quantities
from prefactor.evaluation.scaling.means import Means
from prefactor.evaluation.scaling.noise import (
    CELLS,
    below_zero,
    cell_likelihood,
    deconvolved,
    near_zero,
    negative_by_chance,
    user_likelihood,
)
from prefactor.evaluation.scaling.replicates import Weighings

DECONVOLVED = 400  # resamples whose correlations are freed of noise: the costly part
WHO = {"collapsed": "collapsed", "others": "kept"}  # whose traits are compared, and who they are among
LEAST_CANDIDATES = 4  # Fisher's z of fewer has no variance


@dataclass(frozen=True)
class Key:
    """What a figure is: its metric, its law (of a prediction; of a difference the other's name) and N of a curve."""

    metric: str
    law: str = ""
    n: int | None = None


@dataclass(frozen=True)
class Values:
    """A figure (B,) on the weighings that it was computed on."""

    values: np.ndarray
    weighings: Weighings

    def minus(self, other: "Values") -> "Values":
        """The paired difference."""
        return Values(self.values - other.values, self.weighings)


Figures = dict[Key, Values]


def quantities(means: Means, view: str = "all") -> Quantities:
    """The four of one view, (B,) each."""

    def rate(name: str, other: str) -> np.ndarray:
        return means.ratio(f"{view}:{name}", f"{view}:{other}")[:, 0]

    hacking, healthy = rate("kept_hacked", "kept"), rate("kept_rho_healthy", "kept")
    with np.errstate(invalid="ignore", divide="ignore"):
        return Quantities(
            rate("collapsed", "seen"), hacking, healthy / (1 - hacking), rate("kept_rho_hacked", "kept_hacked")
        )


def measured(means: Means, oracle: Means, sizes: Sequence[int], view: str) -> Measured:
    """What laws are made of, from one view alone."""

    def among(found: Means, name: str, other: str) -> np.ndarray:
        return found.ratio(f"{view}:{name}", f"{view}:{other}")

    of_gold = among(oracle, "gain", "has") / among(oracle, "spread", "has")
    spread, rho_spread = among(means, "spread", "has")[:, 0], among(means, "rho_spread", "has")[:, 0]
    own = np.nan_to_num(among(means, "own", "kept"))  # nobody left: nothing is chosen by the score
    return Measured(quantities(means, view), spread, rho_spread, kappa(sizes), of_gold, own)


def model_figures(means: Means, sizes: Sequence[int], candidates: np.ndarray, weighings: Weighings) -> Figures:
    """All but what laws say. ``candidates`` (G,): of the sets of each group whose noise is told apart."""
    four = quantities(means)
    found = {
        "collapse_rate": four.collapse,
        "hacking_rate": four.hacking,
        "healthy_correlation": four.healthy,
        "hacked_correlation": four.hacked,
        "collapse_by_spread": means.ratio("all:by_spread", "all:seen")[:, 0],
        "collapse_by_correlation": means.ratio("all:by_correlation", "all:seen")[:, 0],
        "correlation": means.ratio("all:rho", "all:seen")[:, 0],
        "rank_correlation": means.ratio("all:rank", "all:seen")[:, 0],
    }
    figures = {Key(metric): Values(values, weighings) for metric, values in found.items()}
    figures |= gain_figures(means, sizes, weighings)
    figures |= _noise_figures(means, four, candidates, weighings)
    return figures | _trait_figures(means, weighings)


def gain_figures(means: Means, sizes: Sequence[int], weighings: Weighings) -> Figures:
    """The observed curve, and what each candidate brings on the way to an N from the N before."""
    gain = means.ratio("all:gain", "all:has")
    step = np.diff(gain, axis=1) / np.diff(sizes)
    found = {Key("gain", n=size): Values(gain[:, place], weighings) for place, size in enumerate(sizes)}
    return found | {Key("gain_step", n=n): Values(step[:, place], weighings) for place, n in enumerate(sizes[1:])}


def _noise_figures(means: Means, four: Quantities, candidates: np.ndarray, weighings: Weighings) -> Figures:
    """What noise alone would show, and what is left without it; nothing where sets are too small to say."""
    there = ~np.isnan(candidates)
    if (candidates[there] < LEAST_CANDIDATES).any():
        return {}
    size = np.where(there, candidates, LEAST_CANDIDATES)
    kept = (1 - four.hacking) * np.nan_to_num(four.healthy) - four.hacking * np.nan_to_num(four.hacked)
    mean, apart = (means.ratio("all:told_rho", "all:told")[:, 0], LEAST_CORRELATION) if means.single else (kept, 0.0)
    few = weighings.few(DECONVOLVED)
    counted = weighings.thinned(means["cells"], few)  # (b,G*CELLS)
    share = counted.reshape(len(counted), len(size), CELLS).sum(2)
    share = share[0] / max(share[0].sum(), 1e-12)
    chance = sum(part * negative_by_chance(mean, count, apart) for part, count in zip(share, size, strict=True))
    found = {Key("hacking_rate_of_noise"): Values(np.asarray(chance), weighings)}
    if counted[0].sum() > 0:
        true = deconvolved(np.concatenate([cell_likelihood(count) for count in size]), counted)
        metrics = ("hacking_rate_corrected", "healthy_correlation_corrected", "hacked_correlation_corrected")
        found |= {Key(name): Values(rate, few) for name, rate in zip(metrics, below_zero(true), strict=True)}
    if np.isfinite(means.deviation):
        found[Key("collapse_rate_corrected")] = Values(_collapse_without_noise(means, weighings, few), few)
    return found


def _collapse_without_noise(means: Means, weighings: Weighings, few: Weighings) -> np.ndarray:
    """(b,) collapse by spread, and of the others the share whose true mean correlation is near 0."""
    counted = weighings.thinned(means["user_cells"], few)
    near = near_zero(deconvolved(user_likelihood(means.deviation), counted), LEAST_CORRELATION)
    constant = weighings.thinned(means.ratio("all:by_spread", "all:seen"), few)[:, 0]
    return constant + (1 - constant) * near


def law_figures(means: Means, oracle: Means, sizes: Sequence[int], weighings: Weighings) -> Figures:
    """Predictions of one half from the other, both ways: their mean, and how far they are from what is observed.

    ``means`` and ``oracle`` know halves by their views. Beside the laws stands the other half's own curve: as far as
    that is off, halves differ by chance.
    """
    seen, spread = VIEWS[1:], means.ratio("all:spread", "all:has")
    observed = {name: means.ratio(f"{name}:gain", f"{name}:has") for name in seen}
    predicted = {name: measured(means, oracle, sizes, name).predicted() | {OTHER_HALF: observed[name]} for name in seen}
    figures: Figures = {}
    for law in (*LAWS, OTHER_HALF):
        made = [predicted[name][law] for name in seen]
        errors = np.stack([own - observed[other] for own, other in zip(made, reversed(seen), strict=True)])  # (2,B,J)
        along = np.mean(made, axis=0)
        figures |= {Key("predicted_gain", law, n): Values(along[:, j], weighings) for j, n in enumerate(sizes)}
        away = errors[:, :, 1:] / spread  # of one candidate there is nothing to predict
        figures[Key("law_error", law)] = Values(np.sqrt(np.square(away).mean((0, 2))), weighings)
        figures[Key("law_bias", law)] = Values(away.mean((0, 2)), weighings)
        figures |= _ratios(law, along, np.mean([*observed.values()], axis=0), sizes, weighings)
    return figures


def _ratios(
    law: str, predicted: np.ndarray, observed: np.ndarray, sizes: Sequence[int], weighings: Weighings
) -> Figures:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = predicted / observed
    return {Key("law_ratio", law, n): Values(ratio[:, j], weighings) for j, n in enumerate(sizes) if n > 1}


def _trait_figures(means: Means, weighings: Weighings) -> Figures:
    """Means of collapsed users' traits less those of the others'."""
    names = [name.removeprefix("all:collapsed:") for name in means.at if name.startswith("all:collapsed:")]
    found = {}
    for name in names:
        theirs, others = (means.ratio(f"all:{who}:{name}", f"all:{of}") for who, of in WHO.items())
        found[Key("collapsed_minus_others", name)] = Values((theirs - others)[:, 0], weighings)
    return found


def oracle_figures(oracle: Means, sizes: Sequence[int], weighings: Weighings) -> Figures:
    """Gold's own choice: what any score can gain at most, its spread, and kappa(N) as utilities have it."""
    spread = oracle.ratio("all:spread", "all:has")
    kappas = oracle.ratio("all:gain", "all:has") / spread
    found = gain_figures(oracle, sizes, weighings) | {Key("spread"): Values(spread[:, 0], weighings)}
    return found | {Key("kappa", n=size): Values(kappas[:, place], weighings) for place, size in enumerate(sizes)}


def minus(mine: Mapping[Key, Values], other: Mapping[Key, Values], name: str) -> Figures:
    """Paired differences of the figures of DIFFERENCES, from those of the model that is called ``name``."""
    return {
        Key(f"{key.metric}_minus", name, key.n): values.minus(other[key])
        for key, values in mine.items()
        if key.metric in DIFFERENCES and not key.law and key in other
    }


DIFFERENCES = (
    "collapse_rate",
    "collapse_rate_corrected",
    "hacking_rate",
    "hacking_rate_corrected",
    "healthy_correlation",
    "hacked_correlation",
    "correlation",
    "rank_correlation",
    "gain",
)
