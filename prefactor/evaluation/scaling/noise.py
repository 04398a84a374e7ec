"""What the noise of few candidates makes of correlations, and what they are without it.

A correlation measured over M candidates strays: Fisher's z of it is about N(z, 1 / (M - 3)). At a true correlation of
0.2 it falls below 0 in 14 % of sets of 32 and in some 30 % of sets of 8, which then look hacked. The distribution of
true correlations is found again by nonparametric maximum likelihood on a grid (Kiefer and Wolfowitz 1956; Koenker and
Mizera 2014), by expectation maximisation, for all resamples at once.
"""

import numpy as np
from scipy.special import ndtr

GRID = np.linspace(-1.975, 2.775, 96)  # (Z,) of z, symmetric about 0 but without it: a correlation is above or below
Z_EDGES = np.linspace(-2.6, 2.6, 105)  # of measured z; beyond them correlations are as good as 1
CELLS = len(Z_EDGES) + 1
RHO_EDGES = np.linspace(-1, 1, 101)  # of users' means
USER_CELLS = len(RHO_EDGES) + 1
STEPS = 150
LEAST = 1e-300


def cells(rho: np.ndarray) -> np.ndarray:
    """(S,) correlations to (S,) numbers of the cells between Z_EDGES that Fisher's z of them lies in."""
    return np.digitize(np.arctanh(rho.clip(-1 + 1e-9, 1 - 1e-9)), Z_EDGES)


def cell_likelihood(candidates: float) -> np.ndarray:
    """(CELLS, Z) probability of each cell under each z of GRID, of correlations over so many (> 3) candidates."""
    return _between((Z_EDGES[:, None] - GRID) * np.sqrt(candidates - 3))


def user_cells(rho: np.ndarray) -> np.ndarray:
    """(U,) users' mean correlations to (U,) numbers of the cells between RHO_EDGES."""
    return np.digitize(rho, RHO_EDGES)


def user_likelihood(deviation: float) -> np.ndarray:
    """(USER_CELLS, Z) the same of users' mean correlations, whose noise has a standard ``deviation``."""
    return _between((RHO_EDGES[:, None] - np.tanh(GRID)) / max(deviation, 1e-3))


def _between(scaled: np.ndarray) -> np.ndarray:
    """(K - 1, Z) edges in standard deviations to (K, Z) probabilities of the cells that they part."""
    ends = np.zeros((1, scaled.shape[1]))
    return np.diff(np.concatenate([ends, ndtr(scaled), ends + 1]), axis=0)


def deconvolved(likelihood: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(B, Z) shares of the z of GRID that make weighings (B, K) of K cells likeliest; (K, Z) is how likely."""
    weight = weight / weight.sum(1, keepdims=True).clip(LEAST)
    share = np.full((len(weight), likelihood.shape[1]), 1 / likelihood.shape[1])
    for _ in range(STEPS):
        explained = weight / (share @ likelihood.T).clip(LEAST)  # (B,Z)@(Z,K)
        share = share * (explained @ likelihood)  # (B,K)@(K,Z)
    return share / share.sum(1, keepdims=True).clip(LEAST)


def below_zero(share: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(B, Z) shares to (B,) each: the share below 0, the mean correlation above, its magnitude below; NaN for none."""
    rho, hacked = np.tanh(GRID), GRID < 0
    rate = share[:, hacked].sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        healthy = share[:, ~hacked] @ rho[~hacked] / (1 - rate)
        return rate, healthy, -(share[:, hacked] @ rho[hacked]) / np.where(rate > 1e-6, rate, np.nan)


def near_zero(share: np.ndarray, within: float) -> np.ndarray:
    """(B, Z) shares to (B,) that of correlations nearer to 0 than ``within``."""
    return share[:, np.abs(np.tanh(GRID)) < within].sum(1)


def negative_by_chance(rho: np.ndarray, candidates: float, apart: float = 0.0) -> np.ndarray:
    """How often a true correlation ``rho`` measures below 0 over so many candidates, more than 3.

    Of those that measure farther from 0 than ``apart``.
    """
    z, scale = np.arctanh(np.clip(rho, -1 + 1e-9, 1 - 1e-9)), np.sqrt(candidates - 3)
    below, above = ndtr((-np.arctanh(apart) - z) * scale), ndtr((z - np.arctanh(apart)) * scale)
    return below / (below + above)
