"""What a trained VRF has learnt of its users: which bases are used, where users lie among them, four users at close.

After VRF's Figures 4 and 7. Everything here describes one model; nothing is compared. Where no direction of taste was
found there is nothing to describe: all bases give the same reward.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from prefactor.cohorts import Cohort
from prefactor.methods.base import UserState
from prefactor.methods.loadings import Power
from prefactor.methods.vrf import VRF
from prefactor.preferences import PairBatch, Responses

FEW_SHOTS = 9  # pairs at which the bases' use is looked at again
SCARCE = 3  # pairs of a user of whom little is known
TYPICAL = {"low": 0.05, "high": 0.95}  # quantiles of entropy: neither end is taken by one odd user
DRAWN = 75  # users of each role in the table of the space: the cohorts' order is by hash, so a prefix is fair
PERSON = "person"  # the kind of a user who is marked
SPACE = ["kind", "basis", "x", "y", "xx", "xy", "yy"]


@dataclass(frozen=True)
class Plane:
    """A plane through the preference space: its ``centre`` (D,), ``axes`` (D, 2), and the variance each explains (2,).

    The axes are the two leading principal components of users' means.
    """

    centre: Tensor
    axes: Tensor
    explained: Tensor

    @classmethod
    def through(cls, means: Tensor) -> "Plane":
        """Fit to users' means (U, D). Each axis points to where its largest entry is positive: signs are arbitrary."""
        centre = means.mean(0)
        _, strength, rows = torch.linalg.svd(means - centre, full_matrices=False)  # (r,),(r,D)
        missing = max(2 - len(rows), 0)  # of a space of one dimension, or of one user
        rows = torch.cat([rows[:2], rows.new_zeros(missing, rows.shape[1])])  # (2,D)
        variance = torch.cat([strength.square(), strength.new_zeros(missing)])
        largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))  # (2,1)
        explained = variance[:2] / variance.sum().clamp(min=torch.finfo(variance.dtype).tiny)
        return cls(centre, (rows * torch.where(largest < 0, -1.0, 1.0)).T, explained)

    def table(self, kind: str, basis: Tensor, mean: Tensor, std: Tensor) -> pd.DataFrame:
        """Gaussians (M, D) seen on the plane: ``x``, ``y``, and the covariance ``xx``, ``xy``, ``yy`` of each."""
        place = (mean - self.centre) @ self.axes  # (M,D)@(D,2)
        spread = torch.einsum("di,md,dj->mij", self.axes, std.square(), self.axes)  # (M,2,2)
        columns = torch.cat([place, spread.flatten(1)[:, [0, 1, 3]]], 1).double().numpy()
        frame = pd.DataFrame(columns, columns=SPACE[2:])
        return frame.assign(kind=kind, basis=basis.numpy())[SPACE]


def basis_rewards(model: VRF, responses: Responses) -> Tensor:
    """(T, K) reward of each basis in logits: phi's outputs; with loadings what each basis' mean weight makes of them.

    The common reward, if there is one, is left out: it is every basis' alike and sets none apart.
    """
    phi = model.basis(responses)  # (T,F) or (T,F+1)
    return phi if model.loadings is None else phi[:, : model.features] @ model.loadings.mean.T  # (T,F)@(F,K)


def directions(model: VRF) -> int:
    """How many of phi's outputs that user weights act on depend on the response at all: 0 where no taste was found."""
    return model.phi.used(model.features)


def powers(model: VRF) -> Power | None:
    """Those of the encoder and of Bayes' rule in users' shares; None where held-out users did not choose them."""
    loadings = model.loadings
    if loadings is None or not (model.matched and loadings.settings.weighed):
        return None
    encoder, evidence = loadings.power.tolist()
    return encoder, evidence


def margins(model: VRF, pairs: PairBatch) -> Tensor:
    """(N, K) by how much, in logits, each basis' reward prefers what was chosen."""
    rewards = basis_rewards(model, pairs.responses)  # (T,K)
    return rewards[pairs.chosen] - rewards[pairs.rejected]


def units(model: VRF, margins: Tensor) -> Tensor:
    """(K,) what a basis' margins (N, K) are divided by before bases are compared.

    A published basis is an output of phi, and pairs are held against it as it is: 1. With loadings the largest margin
    is mostly that of the longest loading, which is surer of every pair on its side, not nearer to it: on Jester a basis
    that most users are at explained hardly any pair. Attenuating by each basis' own Gaussian does not mend that, for
    all are of about one width, nor does adding the noise of choices. So the unit is the root mean square of a basis'
    margins over all these pairs: the direction of a basis is asked, whatever its length and phi's coordinates. A faint
    basis counts as much as a strong one; one without any rewards explains nothing.
    """
    if model.loadings is None:
        return torch.ones_like(margins[0])
    return margins.square().mean(0).sqrt().clamp(min=torch.finfo(margins.dtype).tiny)


def best_basis(margins: Tensor, unit: Tensor) -> Tensor:
    """(N,) the basis that explains each choice best, by its margins (N, K) in its unit (K,).

    -1 where no basis tells the two responses apart, or several do so equally well.
    """
    score = margins / unit
    tied = (score == score.amax(-1, keepdim=True)).sum(-1) > 1
    return torch.where(tied | (margins == 0).all(-1), -1, score.argmax(-1))


def coverage(users: Mapping[tuple[str, int | None], UserState]) -> pd.DataFrame:
    """How much each basis is used: a row for each group of users and each basis (VRF, Figure 7).

    ``share``: mean share of the basis; ``largest``: users whose largest share it is, of ``n_users``. Groups are keyed
    by split and number of known pairs, None for all.
    """
    frames = []
    for (split, shots), state in users.items():
        weight = state["weight"]  # (U,K)
        largest = torch.bincount(weight.argmax(1), minlength=weight.shape[1])
        columns = {"split": split, "shots": shots, "basis": np.arange(weight.shape[1])}
        figures = {"share": weight.double().mean(0).numpy(), "largest": largest.numpy(), "n_users": len(weight)}
        frames.append(pd.DataFrame({**columns, **figures}).astype({"shots": "Int64"}))
    return pd.concat(frames, ignore_index=True)


def space(
    model: VRF, users: Mapping[str, UserState], marked: UserState | None = None
) -> tuple[pd.DataFrame, tuple[float, ...]]:
    """Bases and users as ellipses on the plane of the users' principal components (VRF, Figure 4b).

    ``users``: split -> state; their means all shape the plane, the first DRAWN of each are in the table, with the
    basis of their largest share. ``marked`` are single users, of kind ``person``, in their order. Also the shares of
    variance that the two axes explain. Empty without an encoder.
    """
    if not model.matched:
        return pd.DataFrame(columns=SPACE), ()
    plane = Plane.through(torch.cat([state["mean"] for state in users.values()]))
    bases = model.bases
    frames = [plane.table("basis", torch.arange(len(bases.mean)), bases.mean, bases.std)]
    shown = {split: state.rows(torch.arange(min(DRAWN, len(state)))) for split, state in users.items()}
    for kind, state in {**shown, **({PERSON: marked} if marked is not None else {})}.items():
        frames.append(plane.table(kind, state["weight"].argmax(1), state["mean"], state["std"]))
    return pd.concat(frames, ignore_index=True), tuple(plane.explained.tolist())


def entropy(weight: Tensor) -> Tensor:
    """Shares (U, K) to their entropy (U,) in nats: 0 for a user of one basis, ln K for one of all alike."""
    return torch.special.entr(weight).sum(-1)


def people(model: VRF, cohort: Cohort) -> tuple[list[dict[str, Any]], UserState]:
    """Four users: little or much known of them, of one taste or of several (VRF, Figure 4a); and their states.

    Of each their number of known ``pairs``, ``diversity`` (low or high) and its ``entropy`` in nats, ``weight`` (K,),
    for each basis how many of those pairs it ``explained`` best, and of how many ``none`` did (``best_basis``).
    """
    found: list[dict[str, Any]] = []
    states: list[UserState] = []
    taken: set[int] = set()
    unit = units(model, margins(model, cohort.known()))
    for shots in (SCARCE, None):
        known = cohort.known(shots)
        state = model.adapt(known)
        diversity = entropy(state["weight"])
        for level, quantile in TYPICAL.items():
            user = _nearest(diversity, float(diversity.quantile(quantile)), taken)
            taken.add(user)
            pairs = known.users_between(user, user + 1).compact()
            counts = torch.bincount(best_basis(margins(model, pairs), unit) + 1, minlength=len(unit) + 1)
            found.append(
                {
                    "scarce": shots is not None,
                    "pairs": len(pairs),
                    "diversity": level,
                    "entropy": float(diversity[user]),
                    "weight": state["weight"][user].tolist(),
                    "explained": counts[1:].tolist(),
                    "none": int(counts[0]),
                }
            )
            states.append(state.rows(torch.tensor([user])))
    names = ("weight", "mean", "std") if model.matched else ("weight",)
    return found, UserState({name: torch.cat([state[name] for state in states]) for name in names})


def _nearest(values: Tensor, wanted: float, taken: set[int]) -> int:
    """The row of the value nearest to ``wanted`` that is not taken; any row where all are."""
    order = (values - wanted).abs().argsort(stable=True).tolist()
    return next((row for row in order if row not in taken), order[0])
