"""Small reward models of every kind, on the cached states of texts that a tiny language model has read."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from prefactor.backbones import Backbone, BackboneParameters, States, embed, load_backbone, open_states
from prefactor.decoding.rewards import PersonalRewards
from prefactor.methods import METHODS
from prefactor.methods.base import ClosedForm, RewardModel, Shape
from prefactor.parameters import build
from prefactor.preferences import TEXTS, PairBatch, Responses, content_id
from prefactor.surface import surface_features
from tests.methods.test_contract import SMALL
from tests.tuning.conftest import save_qwen3
from tests.worlds import make_pairs

PROMPTS, ANSWERS, USERS = 10, 6, 8
WORDS = ["bread", "the bicycle", "a user", "an assistant", "speaking", "of the bread"]
METHOD_FORMS = sorted(set(SMALL) - {"item_mean"})


@dataclass(frozen=True)
class World:
    """A backbone, its cache of some texts, and users who compared them."""

    backbone: Backbone
    cache: States
    prompts: list[str]
    responses: list[str]
    pairs: PairBatch

    @property
    def texts(self) -> Responses:
        """All texts, with all views, out of the cache."""
        return self.pairs.responses

    def model(self, name: str, **changes: Any) -> RewardModel:
        """A small model of one form; a closed form is fitted."""
        kind = METHODS[name.partition("/")[0]]
        settings = build(kind.Parameters, {**SMALL[name], **changes}, "test")
        shape = Shape(self.texts.views[kind.view].shape[1], USERS, len(self.texts))
        model = kind(settings, shape, torch.Generator().manual_seed(0))  # type: ignore[call-arg]
        model.standardise(self.texts)
        first = model.first_step(torch.Generator().manual_seed(1)) if isinstance(model, ClosedForm) else None
        if first is not None:
            first.standardise(self.texts)
            model.start_from(first.eval())
        if isinstance(model, ClosedForm):
            model.fit(replace(self.pairs, users=torch.arange(USERS)))
        return model.eval()

    def rewards(self, name: str, **changes: Any) -> PersonalRewards:
        """What such a model makes of the users."""
        model = self.model(name, **changes)
        return PersonalRewards.of_pairs(model, self.backbone, self.cache.identity, self.pairs)


@cache
def make_world() -> World:
    """Prompts of two dozen tokens, each with as many responses. Made once for all tests: leave it as it is."""
    folder = Path(mkdtemp(prefix="judges-"))
    prompts = [f"Tell me, dear assistant {n // ANSWERS}, all there is to know." for n in range(PROMPTS * ANSWERS)]
    responses = [f"{WORDS[n % ANSWERS]}, {WORDS[n // ANSWERS % 5]}? {n}" for n in range(PROMPTS * ANSWERS)]
    parameters = BackboneParameters(model=str(save_qwen3(folder / "tiny")), device="cpu", states_dtype="float32")
    ids = [content_id(*text) for text in zip(prompts, responses, strict=True)]
    pq.write_table(pa.table([ids, prompts, responses], schema=TEXTS), folder / "texts.parquet")
    backbone = load_backbone(parameters)
    embed(folder / "texts.parquet", folder / "cache", backbone, parameters)
    cache = open_states(folder / "cache")
    views = {
        "states": torch.from_numpy(cache.gather(ids)),
        "likelihood": torch.from_numpy(cache.likelihood(ids)),
        "surface": torch.from_numpy(surface_features(pa.chunked_array([responses]))),
    }
    pairs = replace(make_pairs(USERS, 6), responses=Responses(views, torch.arange(len(ids))))
    return World(backbone, cache, prompts, responses, pairs)
