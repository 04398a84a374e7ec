"""A VRF whose users are of two opposite tastes or so, and a pool of pairs to ask them about."""

import torch

from prefactor.asking.pool import Pool
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.pref import PReF, PReFParameters
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.parameters import build
from prefactor.preferences import PairBatch
from tests.worlds import WIDTH, make_pairs

BASES, FEATURES = 3, 4


def make_vrf(seen: PairBatch | None = None, common: bool = True, **changes: object) -> VRF:
    """A VRF with loadings, prepared on seen users, that knows its users by their answers alone."""
    values = {
        "basis": {"form": "linear", "bases": FEATURES},
        "loadings": {"bases": BASES, "iterations": 2},
        "common": common,
        "latent": 5,
        "unit_prior": True,
        **changes,
    }
    model = VRF(build(VRFParameters, values, "test"), Shape(WIDTH, 20), torch.Generator().manual_seed(0))
    known = make_pairs(20, 12, seen=True) if seen is None else seen
    model.standardise(known.responses)
    model.started = True
    model.prepare(known, torch.Generator().manual_seed(1))
    return model.eval()


def make_pref() -> PReF:
    model = PReF(PReFParameters(BasisParameters("linear", FEATURES)), Shape(WIDTH, 8), torch.Generator().manual_seed(0))
    model.standardise(make_pairs(1, 1).responses)
    return model.eval()


def make_pool(pairs: int = 30, seed: int = 5) -> Pool:
    """Pairs of the responses that all of these worlds share."""
    made = make_pairs(1, pairs, seed)
    return Pool(made.chosen, made.rejected, made.responses)


def answers(pool: Pool, rows: torch.Tensor, first: torch.Tensor) -> PairBatch:
    """Each user's answer to the pair in their row (U,): True for the first response."""
    sides = pool.first[rows], pool.second[rows]
    assert pool.responses is not None
    return PairBatch(
        pool.responses,
        torch.where(first, *sides),
        torch.where(first, *reversed(sides)),
        torch.arange(len(rows)),
        torch.full((len(rows),), -1),
    )
