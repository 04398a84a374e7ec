"""What one model makes of users' pairs: where they start, and where pairs move them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from prefactor.methods.base import UserState
from prefactor.methods.vrf import VRF
from prefactor.preferences import PairBatch, Responses
from prefactor.serving.model import KnownUsers
from prefactor.serving.requests import ReferencePair

Kept = Mapping[str, Tensor]  # what `VRF.kept` names, a row per user
Embed = Callable[[Sequence[str], Sequence[str]], Tensor]  # T prompts and responses to their states (T, H)

FINGERPRINT_DIGITS = 12


class Posteriors:
    """A trained VRF, the states of texts that it reads, and the users of its training data.

    ``label`` tells its posteriors from those of any other model: a registry that was begun anew gives old names to
    new models, so the weights have a part in it.
    """

    def __init__(self, model: VRF, embed: Embed, known: KnownUsers, label: str) -> None:
        self.model = model
        self.known = known
        self.label = f"{label} {fingerprint(model)}"
        self._embed = embed
        with torch.no_grad():
            self.prior = model.prior_state(1)
            self._nothing = model.kept(self.prior)

    @torch.no_grad()
    def start(self, user_ids: Sequence[str | None]) -> Kept:
        """Users without pairs (U rows): as the training data knows them, None and others by the prior."""
        rows = [None if user_id is None else self.known.row.get(user_id) for user_id in user_ids]
        return joined(
            [self._nothing if row is None else single(self.model.kept(self.known.state), row) for row in rows]
        )

    @torch.no_grad()
    def read(self, pairs: Sequence[Sequence[ReferencePair]]) -> PairBatch:
        """Pairs of U users, in their order, as a batch. Each text is embedded once."""
        rows: dict[tuple[str, str], int] = {}
        chosen, rejected = (
            [rows.setdefault((pair.prompt, getattr(pair, name)), len(rows)) for own in pairs for pair in own]
            for name in ("chosen", "rejected")
        )
        segment = np.repeat(np.arange(len(pairs)), [len(own) for own in pairs])
        return self._batch(list(rows), [chosen, rejected], segment.tolist(), len(pairs))

    @torch.no_grad()
    def moved(self, kept: Kept, batch: PairBatch) -> Kept:
        """Users (U rows) after further pairs, without the earlier ones."""
        return self.model.kept(self.model.update(UserState(kept), batch))

    @torch.no_grad()
    def user_state(self, kept: Kept) -> UserState:
        """All that follows from what is kept of one user."""
        return self.model.from_kept(kept)

    def fit(self, kept: Kept) -> bool:
        """Whether tensors of one user are of the names and shapes that this model keeps."""
        return {name: (tensor.shape, tensor.dtype) for name, tensor in kept.items()} == {
            name: (tensor.shape, tensor.dtype) for name, tensor in self._nothing.items()
        }

    def _batch(
        self, texts: Sequence[tuple[str, str]], rows: Sequence[Sequence[int]], segment: Sequence[int], users: int
    ) -> PairBatch:
        device = self.model.mean_weight.device
        states = self._embed(*zip(*texts, strict=True)) if texts else torch.zeros(0, self.model.shape.width)
        chosen, rejected = torch.tensor(rows, dtype=torch.long, device=device).reshape(2, -1)
        return PairBatch(
            Responses({self.model.view: states.to(device)}, torch.arange(len(texts), device=device)),
            chosen,
            rejected,
            torch.tensor(segment, dtype=torch.long, device=device),
            torch.full((users,), -1, device=device),
        )


def joined(kept: Sequence[Kept]) -> Kept:
    """Users' rows one below the other."""
    return {name: torch.cat([one[name] for one in kept]) for name in kept[0]}


def single(kept: Kept, row: int) -> Kept:
    """One user's row."""
    return {name: tensor[row : row + 1] for name, tensor in kept.items()}


def fingerprint(model: VRF) -> str:
    """Some hex digits that tell a model's weights from others."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:FINGERPRINT_DIGITS]
