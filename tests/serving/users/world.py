"""Small people for tests of the user store: two models of the same kind, and texts whose states are their hash's."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa
import torch

from prefactor.backbones import Encoded
from prefactor.methods.base import Shape, UserState
from prefactor.methods.basis import BasisParameters
from prefactor.methods.loadings import LoadingParameters
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.preferences import PairBatch, Responses
from prefactor.seeds import generator
from prefactor.serving.model import KnownUsers, PersonalRanker
from prefactor.serving.requests import ReferencePair
from prefactor.serving.users.people import People
from prefactor.serving.users.posteriors import Kept
from prefactor.serving.users.store import UserStore
from prefactor.serving.users.tables import PAIRS

WIDTH = 12
LABEL = "prefactor-tiny/1"
KNOWN = ("ada", "ben")
ROUNDING = 1e-5  # of float32 sums in another grouping, as a share of a tensor's largest entry, of up to 200 pairs


class HashBackbone:
    """A state per text from the text's hash alone; counts the texts that it was given."""

    def __init__(self) -> None:
        self.read: list[tuple[str, str]] = []

    def encode(self, prompts: Sequence[str], responses: Sequence[str]) -> Encoded:
        texts = list(zip(prompts, responses, strict=True))
        self.read += texts
        states = np.array([_state(*text) for text in texts], dtype=np.float32)
        flags, tokens = np.zeros(len(texts), dtype=bool), np.ones(len(texts), dtype=np.int32)
        return Encoded(states, flags, tokens, None, tokens, flags, len(texts))


def _state(prompt: str, response: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(f"{prompt}\x1f{response}".encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(WIDTH)


def pairs(*numbers: int) -> list[ReferencePair]:
    """One pair per number, of texts that no other number has."""
    return [ReferencePair(prompt=f"p{n % 7}", chosen=f"good {n}", rejected=f"bad {n}") for n in numbers]


def settings(loadings: bool = True) -> VRFParameters:
    """VRF with loadings as by default, or as published."""
    if not loadings:
        return VRFParameters(basis=BasisParameters(bases=5), latent=4)
    return VRFParameters(
        basis=BasisParameters("linear", 5),
        latent=4,
        loadings=LoadingParameters(bases=3),
        common=True,
        calibrated=True,
        unit_prior=True,
    )


def make_ranker(seed: int = 0, loadings: bool = True, known: Sequence[str] = KNOWN) -> PersonalRanker:
    """A model of random weights that knows some users by a pair each."""
    model = VRF(settings(loadings), Shape(WIDTH, len(known)), generator(seed, "weights"))
    if model.loadings is not None:
        model.loadings.power.copy_(torch.tensor((0.5, 0.5)))
    backbone = HashBackbone()
    ranker = PersonalRanker(model, backbone, KnownUsers.of([], model.prior_state(0)))
    with torch.no_grad():
        states = [model.adapt(batch(pairs(1000 + row))) for row in range(len(known))]
    together = {name: torch.cat([state[name] for state in states]) for name in states[0].tensors}
    ranker.known = KnownUsers.of(known, UserState(together))
    return ranker


def batch(reference: Sequence[ReferencePair]) -> PairBatch:
    """The pairs of one user."""
    texts = [(pair.prompt, getattr(pair, name)) for pair in reference for name in ("chosen", "rejected")]
    states = HashBackbone().encode(*zip(*texts, strict=True)).states if texts else np.zeros((0, WIDTH), np.float32)
    return PairBatch(
        Responses({"states": torch.from_numpy(states)}, torch.arange(len(texts))),
        torch.arange(0, len(texts), 2),
        torch.arange(1, len(texts), 2),
        torch.zeros(len(reference), dtype=torch.long),
        torch.tensor([-1]),
    )


def make_people(store: UserStore | None, seed: int = 0, label: str = LABEL, loadings: bool = True) -> People:
    """People of a small model."""
    return People(make_ranker(seed, loadings), store, label)


def encoded(people: People, reference: Sequence[ReferencePair], user_id: str | None = None) -> Kept:
    """What the model keeps after all pairs at once, from the prior or from what it knows of a user."""
    posteriors = people.posteriors
    return posteriors.moved(posteriors.start([user_id]), batch(reference))


def difference(first: Kept, second: Kept) -> float:
    """The largest difference of two states' entries, as a share of the largest entry of the same tensor."""
    assert first.keys() == second.keys()
    return max(
        float((first[name] - second[name]).abs().max() / second[name].abs().max().clamp(min=1e-30)) for name in first
    )


Stored = dict[str, list[tuple[int, str | None, ReferencePair]]]


def stored(url: str) -> Stored:
    """All users' pairs as they lie in the tables: number, digest of the key, and pair, by number."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(PAIRS).order_by(PAIRS.c.user, PAIRS.c.number)).all()
    engine.dispose()
    found: Stored = {}
    for row in rows:
        prompt, chosen, rejected = json.loads(row.texts)
        pair = ReferencePair(prompt=prompt, chosen=chosen, rejected=rejected)
        found.setdefault(row.user, []).append((row.number, row.key, pair))
    return found


def check_whole(url: str, store: UserStore, people: People, user_ids: Sequence[str] = ("zoe",)) -> int:
    """Only those users are there, their pairs numbered without gaps and counted, their states those of their pairs.

    Returns the number of all pairs.
    """
    users = stored(url)
    found = store.states(user_ids, people.posteriors)
    assert {store._digest(user_id) for user_id in found} == users.keys()
    for user_id, user in found.items():
        rows = users[store._digest(user_id)]
        assert [number for number, _, _ in rows] == list(range(1, len(rows) + 1))
        assert user.pairs == len(rows)
        expected = encoded(people, [pair for _, _, pair in rows], None if store.forgotten(user_id) else user_id)
        assert difference(user.kept, expected) < ROUNDING * (1 + len(rows) / 200)
    return sum(map(len, users.values()))
