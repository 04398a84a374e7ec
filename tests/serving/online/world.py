"""A tiny service: a random VRF, a backbone that makes a state of a text's hash, and users to ask about."""

from pathlib import Path

import httpx
import numpy as np
import torch

from prefactor.backbones import Encoded
from prefactor.methods.base import Shape, UserState
from prefactor.methods.basis import BasisParameters
from prefactor.methods.loadings import LoadingParameters
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.seeds import generator
from prefactor.serving.flattening import flatten
from prefactor.serving.model import KnownUsers, PersonalRanker
from prefactor.serving.online.application import create_app
from prefactor.serving.online.embedding import Embedder
from prefactor.serving.online.metrics import Metrics
from prefactor.serving.online.service import Current, Service
from prefactor.serving.online.settings import Settings
from prefactor.serving.online.texts import TextStates
from prefactor.serving.requests import Request
from prefactor.serving.users.people import People
from prefactor.serving.users.store import UserStore

WIDTH, BASES = 12, 5
LONG = 200  # characters, beyond which a text counts as truncated


class HashBackbone:
    """A state per text from the text's hash alone; remembers what it was asked."""

    hidden = WIDTH

    def __init__(self, seed=0):
        self.seed = seed
        self.calls = []

    def identity(self):
        return {"model": "hash", "seed": self.seed, "hidden_size": WIDTH}

    def encode(self, prompts, responses, progress=None):
        texts = list(zip(prompts, responses, strict=True))
        self.calls.append(texts)
        rows = [torch.randn(WIDTH, generator=generator(self.seed, *text)).numpy() for text in texts]
        count = np.full(len(texts), 3, dtype=np.int32)
        return Encoded(
            np.stack(rows),
            truncated=np.array([len(response) > LONG for _, response in texts]),
            tokens=count,
            log_probability=None,
            response_tokens=count,
            cut=np.zeros(len(texts), dtype=bool),
            computed=len(texts),
        )


def pairs(*numbers):
    return [{"prompt": f"p{n}", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in numbers]


def make_model(published=False, seed=0):
    """As published, or with loadings, a common reward, and beliefs that pairs move."""
    loadings = None if published else LoadingParameters(bases=BASES)
    settings = VRFParameters(
        basis=BasisParameters("linear", BASES + (not published)),
        loadings=loadings,
        common=not published,
        latent=4,
        unit_prior=True,
        basis_mean_scale=1.0,
    )
    model = VRF(settings, Shape(WIDTH, 2), generator(seed, "weights"))
    model.calibration.constants.copy_(torch.linspace(-0.2, 0.3, model.calibration.constants.numel()).view(2, -1))
    model.calibration.range.copy_(torch.tensor([0.0, 45.0]))
    return model


def make_ranker(published=False, seed=0, backbone=None):
    """A ranker that knows Ada by three pairs and Ben by one."""
    model = make_model(published, seed)
    ranker = PersonalRanker(model, backbone or HashBackbone(), KnownUsers.of([], model.prior_state(0)))
    asked = [
        Request.model_validate({"prompt": "q", "responses": ["x"], "reference": pairs(*n)}) for n in ((1, 2, 3), (4,))
    ]
    with torch.no_grad():
        flat = flatten(asked)
        texts = ranker.responses(ranker.backbone.encode(flat.prompts, flat.responses))
        state = ranker.users(flat, texts, ranker.standing(asked))
    ranker.known = KnownUsers.of(
        ["ada", "ben"], UserState({name: value.clone() for name, value in state.tensors.items()})
    )
    return ranker


def make_current(store=None, published=False, seed=0, questions=None, caches=(), size=1_000, label="prefactor-tiny/1"):
    ranker = make_ranker(published, seed)
    texts = TextStates(HashBackbone(), caches, size)
    ranker.backbone = texts
    return Current(label, "tiny", ranker, texts, People(ranker, store, label), questions, empty_prompts=False)


def make_service(folder: Path | None = None, waiting=1_000, **current):
    """With a user store below ``folder``, if there is one."""
    store = None if folder is None else UserStore.open(str(folder / "users.db"))
    return Service(make_current(store, **current), Metrics(), Embedder(waiting))


class Caller:
    """Calls an application in this process, as HTTP would."""

    def __init__(self, app):
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://service"
        )

    async def __call__(self, method, path, **more):
        return await self._client.request(method, path, **more)

    async def post(self, path, body, **more):
        return await self(("POST"), path, json=body, **more)


def calling(service, settings=None, **more):
    return Caller(create_app(service, settings or Settings(), **more))
