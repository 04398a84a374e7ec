"""A trained VRF over some users' pairs: weights and uncertainties, and on request what the user store goes on from."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.adaptation.latent import LatentSums
from prefactor.adaptation.pairs import UserPairs, Users
from prefactor.adaptation.shelf import Shelf
from prefactor.adaptation.weights import Believed, WeightFilter
from prefactor.methods.vrf import BELIEF, VRF

USERS_AT_ONCE = 2048  # their posteriors and shares stay in a cache


@dataclass(frozen=True)
class Adapted:
    """What is told of U users.

    pairs     (U,) how many
    weight    (U, K) shares of the bases
    loading   (U, R) mean of lambda_u's live entries; None without loadings
    spread    (U,) the model's own uncertainty about a user (``VRF.uncertainty``): sigma_u where it has an encoder
    entropy   (U,) of the weight, in nats
    doubts    (U,) by name: what else it offers, ``weight_spread`` and ``disagreement`` (``VRF.uncertainties``)
    kept      (U, ...) by name: what later pairs move on (``VRF.kept``); nothing unless asked for
    """

    pairs: Tensor
    weight: Tensor
    loading: Tensor | None
    spread: Tensor
    entropy: Tensor
    doubts: Mapping[str, Tensor]
    kept: Mapping[str, Tensor]


class Adapter:
    """Adapts users by a trained model, on the CPU.

    ``state`` keeps what later pairs move on, with loadings at the price of every user's covariance.
    """

    def __init__(self, model: VRF, state: bool = False) -> None:
        self._model, self._state = model.eval(), state
        self._latent = LatentSums(model) if model.matched else None
        self._filter = None if model.loadings is None else WeightFilter(model.loadings, whole=state)

    @torch.inference_mode()
    def adapt(self, shelf: Shelf, pairs: UserPairs) -> Adapted:
        """All users of a batch, each from the prior and their own pairs alone, in their order.

        Equal to ``VRF.adapt`` but for float32's rounding: sums and products are taken in another order.
        """
        known = {"count": pairs.count.to(torch.float32)}
        if self._latent is not None:
            assert shelf.encoder is not None
            known["shift"], known["precision"] = self._latent(shelf.encoder, pairs)
        found = _Gathered(pairs.n_users)
        for users in self._blocks(pairs):
            of_block = {name: values[users] for name, values in known.items()}
            found.put(users, self._found(shelf, pairs, users, of_block))
        told = known | found.parts
        return Adapted(
            pairs=known["count"].to(torch.int32),
            weight=told["weight"],
            loading=told.get("loading"),
            spread=told["deviation" if self._model.matched else "weight_spread"],
            entropy=told["entropy"],
            doubts={name: told[name] for name in ("weight_spread", "disagreement") if name in told},
            kept={name: told[name] for name in self._kept()} if self._state else {},
        )

    def _kept(self) -> tuple[str, ...]:
        latent, belief = ("shift", "precision"), BELIEF if self._filter is not None else ()
        return ("count", *(latent if self._model.matched else ()), *belief)

    def _blocks(self, pairs: UserPairs) -> list[Users]:
        """All users, some at a time."""
        if self._filter is not None:
            return self._filter.blocks(pairs)
        last = pairs.n_users
        return [slice(first, min(first + USERS_AT_ONCE, last)) for first in range(0, last, USERS_AT_ONCE)]

    def _found(self, shelf: Shelf, pairs: UserPairs, users: Users, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of a block of users, by name; a belief's ``spread`` is its covariance."""
        model, state, told = self._model, dict(known), {}
        if model.matched:
            posterior = model.posterior(known["shift"], known["precision"], known["count"])
            state |= {"mean": posterior.mean, "std": posterior.std}
            told["deviation"] = posterior.std.mean(-1)
        nearness, found = model.nearness(state), None
        if self._filter is not None:
            found = self._filter.found(shelf, pairs, users)
        told["weight"] = weight = model.shares(nearness, None if found is None else found.evidence)
        told["entropy"] = torch.special.entr(weight).sum(-1)
        if found is None:
            return told
        told["loading"], deviation = found.pooled(weight)
        told["weight_spread"] = deviation.mean(-1)
        if model.matched:
            told["disagreement"] = model.disagreement(nearness, found.evidence)
        if self._state:
            assert isinstance(found, Believed)
            told |= {"belief": found.belief.mean, "spread": found.belief.covariance, "evidence": found.evidence}
        return told


class _Gathered:
    """Blocks' tensors put together again, a row per user."""

    def __init__(self, users: int) -> None:
        self._users = users
        self.parts: dict[str, Tensor] = {}

    def put(self, users: Users, found: Mapping[str, Tensor]) -> None:
        for name, values in found.items():
            if name not in self.parts:
                self.parts[name] = values.new_empty(self._users, *values.shape[1:])
            self.parts[name][users] = values
