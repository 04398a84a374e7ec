"""A trained VRF over some users' pairs: weights and uncertainties, and on request what the user store goes on from."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.adaptation.latent import LatentSums
from prefactor.adaptation.pairs import UserPairs
from prefactor.adaptation.shelf import Shelf
from prefactor.adaptation.weights import Believed, Found, WeightFilter
from prefactor.methods.vrf import BELIEF, VRF


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
        known: dict[str, Tensor] = {"count": pairs.count.to(torch.float32)}
        if self._latent is not None:
            assert shelf.encoder is not None
            known["shift"], known["precision"] = self._latent(shelf.encoder, pairs)
            posterior = self._model.posterior(known["shift"], known["precision"], known["count"])
            known |= {"mean": posterior.mean, "std": posterior.std}
        if self._filter is None:
            return self._told(known, self._model.shares(known), None, {})
        read = {name: known[name] for name in ("count", "mean", "std") if name in known}
        found = _Gathered(len(pairs.count))
        for users in self._filter.blocks(pairs):
            block = self._filter.found(shelf, pairs, users)
            found.put(users, self._weighed({name: part[users] for name, part in read.items()}, block))
        told = found.parts
        return self._told(known | told, told["weight"], told["loading"], told)

    def _weighed(self, known: Mapping[str, Tensor], found: Found) -> dict[str, Tensor]:
        """With loadings: shares, weights and doubts of a block of users, and their beliefs where those are kept."""
        model, state = self._model, {**known, "evidence": found.evidence}
        weight = model.shares(state)
        loading, deviation = found.pooled(weight)
        told = {"weight": weight, "loading": loading, "weight_spread": deviation.mean(-1), "evidence": found.evidence}
        if model.matched:
            told["disagreement"] = model.disagreement(state)
        if self._state:
            assert isinstance(found, Believed)
            told |= {"belief": found.belief.mean, "spread": found.belief.covariance}
        return told

    def _told(
        self, known: Mapping[str, Tensor], weight: Tensor, loading: Tensor | None, doubts: Mapping[str, Tensor]
    ) -> Adapted:
        names = ("count", *(("shift", "precision") if self._model.matched else ()), *(BELIEF if doubts else ()))
        return Adapted(
            pairs=known["count"].to(torch.int32),
            weight=weight,
            loading=loading,
            spread=known["std"].mean(-1) if self._model.matched else doubts["weight_spread"],
            entropy=torch.special.entr(weight).sum(-1),
            doubts={name: doubts[name] for name in ("weight_spread", "disagreement") if name in doubts},
            kept={name: known[name] for name in names} if self._state else {},
        )


class _Gathered:
    """Blocks' tensors put together again, a row per user."""

    def __init__(self, users: int) -> None:
        self._users = users
        self.parts: dict[str, Tensor] = {}

    def put(self, users: Tensor, found: Mapping[str, Tensor]) -> None:
        for name, values in found.items():
            if name not in self.parts:
                self.parts[name] = values.new_empty(self._users, *values.shape[1:])
            self.parts[name][users] = values
