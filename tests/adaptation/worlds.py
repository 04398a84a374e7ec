"""Small models, texts and tables of reference pairs, for tests of bulk adaptation."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from prefactor.adaptation.job import Job
from prefactor.adaptation.pairs import UserPairs
from prefactor.adaptation.shelf import Shelf
from prefactor.backbones.shards import INDEX, write_shard
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.loadings import LoadingParameters
from prefactor.methods.storage import save_model
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.preferences import PairBatch, Responses, content_id

WIDTH, TEXTS = 12, 60
TEXT_IDS = [content_id("prompt", str(number)) for number in range(TEXTS)]
WITH_LOADINGS = {"common": True, "unit_prior": True, "calibrated": True}
MODELS = {
    "published": VRFParameters(BasisParameters(bases=4), latent=5),
    "mean": VRFParameters(BasisParameters(bases=4), latent=5, pooling="mean"),
    "default": VRFParameters(
        BasisParameters("linear", 6), latent=5, loadings=LoadingParameters(bases=3), **WITH_LOADINGS
    ),
    "unrefined": VRFParameters(
        BasisParameters("linear", 6), latent=5, loadings=LoadingParameters(bases=3, refined=False), **WITH_LOADINGS
    ),
    "unmatched": VRFParameters(
        BasisParameters("linear", 6), loadings=LoadingParameters(bases=3, matched=False), **WITH_LOADINGS
    ),
}


def make_model(name: str = "default") -> VRF:
    """An untrained model that tells users apart."""
    generator = torch.Generator().manual_seed(7)
    model = VRF(MODELS[name], Shape(WIDTH, 3), generator).eval()
    if model.loadings is not None:
        with torch.no_grad():
            root = torch.randn(6, 6, generator=generator)
            model.loadings.covariance.copy_(root @ root.T / 6 + 0.1 * torch.eye(6))
            model.loadings.power.copy_(torch.tensor([0.5, 0.5] if model.matched else [0.0, 1.0]))
    return model


def make_states() -> torch.Tensor:
    """(T, H) of all texts."""
    return torch.randn(TEXTS, WIDTH, generator=torch.Generator().manual_seed(99))


class InMemory:
    """Texts' states by id, not on disk; counts how often each was read."""

    def __init__(self) -> None:
        self.states, self.hidden = make_states(), WIDTH
        self.reads = np.zeros(TEXTS, int)

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        rows = [TEXT_IDS.index(text_id) for text_id in text_ids]
        self.reads[rows] += 1
        return self.states[rows].numpy()


def make_batch(counts: Sequence[int], seed: int = 0, prompts: bool = False) -> PairBatch:
    """Random pairs, so many of each user; with ``prompts`` of few texts, so that users share pairs."""
    generator = torch.Generator().manual_seed(seed)
    segment = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    texts = 4 if prompts else TEXTS
    chosen = torch.randint(texts, (len(segment),), generator=generator)
    rejected = (chosen + torch.randint(1, texts, (len(segment),), generator=generator)) % texts
    responses = Responses({"states": make_states()}, torch.arange(TEXTS))
    return PairBatch(responses, chosen, rejected, segment, torch.full((len(counts),), -1))


def on_shelf(batch: PairBatch, model: VRF) -> tuple[Shelf, UserPairs]:
    """The same pairs, as a bulk adaptation takes them."""
    shelf = Shelf(model, InMemory(), TEXTS)
    rows = torch.from_numpy(shelf.rows(TEXT_IDS))
    sides = torch.stack([2 * rows[batch.chosen], 2 * rows[batch.rejected] + 1], 1)
    start = torch.cat([torch.zeros(1, dtype=torch.long), batch.pairs_per_user().cumsum(0)])
    return shelf, UserPairs(sides, start)


def table_of(batch: PairBatch) -> pa.Table:
    """The same pairs as a table, users' ids ascending."""
    ids = pa.array(TEXT_IDS)
    users = pa.array([f"user-{number:04d}" for number in range(batch.n_users)])
    columns = {
        "chosen": ids.take(pa.array(batch.chosen.numpy())),
        "rejected": ids.take(pa.array(batch.rejected.numpy())),
    }
    return pa.table({"user_id": users.take(pa.array(batch.segment.numpy())), **columns})


def write_cache(folder: Path) -> Path:
    """All texts' states in two shards, as stage embed leaves them."""
    states, index = make_states().numpy(), np.zeros(TEXTS, INDEX)
    index["id"] = [text_id.encode() for text_id in TEXT_IDS]
    folder.mkdir(parents=True)
    for number, rows in enumerate((slice(40), slice(40, None))):
        write_shard(folder, f"{number:05d}", index[rows], states[rows])
    identity = {"model": "tiny", "hidden_size": WIDTH}
    meta = {"format": 2, "identity": identity, "states_dtype": "float32", "log_probabilities": False}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def make_job(root: Path, batch: PairBatch, model: str = "default", row_group: int = 50, **options: object) -> Job:
    """A job with everything that it reads below ``root``."""
    root.mkdir(exist_ok=True)
    pq.write_table(table_of(batch), root / "pairs.parquet", row_group_size=row_group)
    if not (root / "model").exists():
        save_model(make_model(model), root / "model")
        write_cache(root / "states")
    return Job(root / "pairs.parquet", root / "model", root / "states", root / "out", **options)  # type: ignore[arg-type]
