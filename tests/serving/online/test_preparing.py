"""How a model is made ready to answer."""

import asyncio

import pytest

from prefactor.asking.evidence import by_evidence
from prefactor.errors import InputError
from prefactor.serving.model import PersonalRanker
from prefactor.serving.online.caches import Caches
from prefactor.serving.online.champions import Champion
from prefactor.serving.online.embedding import Embedder
from prefactor.serving.online.metrics import Metrics
from prefactor.serving.online.preparing import Preparer
from prefactor.serving.online.service import Service
from prefactor.serving.package import Served
from prefactor.serving.requests import ReferencePair
from prefactor.serving.users.store import UserStore
from tests.serving.online.test_service import ask, figures
from tests.serving.online.world import make_ranker, pairs


def prepared(folder, ranker, evidence):
    store = UserStore.open(str(folder / f"users-{evidence}.db"))
    preparer = Preparer(store, Caches(), 1_000, None, Metrics(), by_evidence=evidence)
    return preparer.first(Champion("m/1", "tiny", Served(ranker, False)))


def test_users_can_be_known_by_their_answers_alone(tmp_path):
    ranker, found = make_ranker(seed=1), []
    for evidence in (False, True):
        current = prepared(tmp_path, ranker, evidence)
        current.people.observe("zoe", [ReferencePair.model_validate(pair) for pair in pairs(1, 2, 3)])
        service = Service(current, Metrics(), Embedder(100))
        found.append(figures(asyncio.run(service.rank(ask("zoe")))))
        service.close()
    told = PersonalRanker(by_evidence(ranker.model), ranker.backbone, ranker.known)
    expected = [figures(each.answer([ask(None, pairs(1, 2, 3))])[0]) for each in (ranker, told)]
    assert found[0] == pytest.approx(expected[0], abs=1e-4) and found[1] == pytest.approx(expected[1], abs=1e-4)
    assert found[0] != pytest.approx(found[1], abs=1e-3)


def test_a_model_as_published_has_no_evidence_to_go_by(tmp_path):
    with pytest.raises(InputError, match="train it with loadings"):
        prepared(tmp_path, make_ranker(published=True), evidence=True)
