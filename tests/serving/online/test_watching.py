"""Another champion takes over while the service answers; one that is at fault does not, and nothing else stops it."""

import asyncio
import io
import json
import threading

import pytest
import torch

from prefactor.errors import InputError
from prefactor.serving.model import PersonalRanker
from prefactor.serving.online import watching
from prefactor.serving.online.caches import Caches
from prefactor.serving.online.champions import Champion, OutageError
from prefactor.serving.online.embedding import Embedder
from prefactor.serving.online.logs import make_log
from prefactor.serving.online.metrics import Metrics
from prefactor.serving.online.preparing import Preparer
from prefactor.serving.online.service import Service
from prefactor.serving.online.watching import Watch
from prefactor.serving.package import Served
from prefactor.serving.requests import ReferencePair
from prefactor.serving.users.store import UserStore
from tests.serving.online.test_service import ask, figures
from tests.serving.online.test_texts import TEXTS, cache_of
from tests.serving.online.world import HashBackbone, make_ranker, pairs


class Shelf:
    """A registry in the test's hand: models by label, and what goes wrong with it."""

    def __init__(self):
        self.champion, self.loaded, self.trouble = "m/1", [], {}
        self.broken: set[str] = set()

    def newest(self):
        if "newest" in self.trouble:
            raise self.trouble["newest"]
        return self.champion

    def load(self, label):
        self.loaded.append(label)
        if label in self.trouble:
            raise self.trouble[label]
        number = int(label.partition("/")[2])
        found = make_ranker(seed=number, backbone=HashBackbone(seed=number // 10))
        if label in self.broken:
            found.model.phi.last.weight.data.fill_(torch.nan)
        return Champion(label, "tiny", Served(PersonalRanker(found.model, found.backbone, found.known), False))


class World:
    """A service with a store below a folder, its shelf, and a watch that looks when told to."""

    def __init__(self, folder, states=()):
        self.shelf, self.stream = Shelf(), io.StringIO()
        self.store = UserStore.open(str(folder / "users.db"))
        self.preparer = Preparer(self.store, Caches(states), 1_000, None, Metrics())
        current = self.preparer.first(self.shelf.load(self.shelf.newest()))
        self.service = Service(current, self.preparer.metrics, Embedder(100))
        self.watch = Watch(self.service, self.shelf, self.preparer, 0.01, make_log(self.stream))

    def look(self, champion=None):
        self.shelf.champion = champion or self.shelf.champion
        self.watch.look()
        return self.service.ready()

    def answer(self, user_id="zoe"):
        return asyncio.run(self.service.rank(ask(user_id)))

    def observe(self, user_id, *numbers):
        given = [ReferencePair.model_validate(pair) for pair in pairs(*numbers)]
        self.service.current.people.observe(user_id, given)

    def said(self):
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def world(tmp_path):
    found = World(tmp_path)
    yield found
    found.service.close()


def test_a_new_champion_takes_over_with_the_people_brought_up_to_date(world):
    world.observe("zoe", 1, 2)
    world.observe("ada", 7)
    before = world.answer()
    assert world.look().model == "m/1"
    ready = world.look("m/2")
    after = world.answer()
    assert (ready.model, ready.registry, ready.store, ready.refused, ready.preparing) == ("m/2", "up", "up", None, None)
    assert (before.model, after.model) == ("m/1", "m/2") and before.user.pairs == after.user.pairs == 2
    fresh = make_ranker(seed=2).answer([ask(None, pairs(1, 2))])[0]
    assert figures(after) == pytest.approx(figures(fresh), abs=1e-4)
    assert world.answer("ada").user.pairs == 4
    world.look()
    assert world.shelf.loaded == ["m/1", "m/2"]
    assert [(line["event"], line["model"], line["before"]) for line in world.said()] == [("champion", "m/2", "m/1")]


@pytest.mark.parametrize("fault", ["tampered", "numbers", "unknown"])
def test_a_champion_at_fault_is_refused_and_the_old_one_goes_on(world, fault, monkeypatch):
    if fault == "numbers":
        world.shelf.broken.add("m/2")
    else:
        faults = {"tampered": InputError("/private/weights differ"), "unknown": KeyError("private")}
        world.shelf.trouble["m/2"] = faults[fault]
    for _ in range(3):
        ready = world.look("m/2")
        assert (ready.model, ready.ready) == ("m/1", True) and ready.refused.startswith("m/2: it could not be ")
        assert "private" not in ready.refused  # anybody may see it
    assert world.answer().model == "m/1" and world.shelf.loaded == ["m/1", "m/2"]  # it is not tried again and again
    [said] = world.said()
    expected = {"tampered": "/private/weights differ", "numbers": "no numbers", "unknown": "KeyError at"}[fault]
    assert said["event"] == "refused" and expected in said["why"] and "'private'" not in said["why"]
    assert b"prefactor_champion_refused 1.0" in world.preparer.metrics.page()
    world.shelf.trouble.clear(), world.shelf.broken.clear()
    monkeypatch.setattr(watching.time, "monotonic", lambda: 1e9)  # much later
    assert (world.look().model, world.service.ready().refused) == ("m/2", None)
    assert b"prefactor_champion_refused 0.0" in world.preparer.metrics.page()


def test_a_refusal_ends_when_the_registry_goes_back(world):
    world.shelf.trouble["m/2"] = InputError("a hash differs")
    assert world.look("m/2").refused
    assert world.look("m/1").refused is None and world.look("m/3").model == "m/3"


def test_a_registry_that_is_gone_for_a_while_stops_nothing(world):
    world.shelf.trouble["newest"] = OutageError("no answer")
    for _ in range(3):
        assert world.look("m/2").registry == "down" and world.answer().model == "m/1"
    assert len(world.said()) == 1  # said once
    world.shelf.trouble = {"m/2": OutageError("gone again, while the files were fetched")}
    ready = world.look()
    assert (ready.model, ready.refused) == ("m/1", None)
    world.shelf.trouble.clear()
    assert (world.look().model, world.service.ready().registry) == ("m/2", "up")


def test_a_registry_without_a_champion_stops_nothing(world):
    world.shelf.trouble["newest"] = InputError("prefactor-tiny has no @champion")
    assert world.look().registry == "up" and world.answer().model == "m/1" and len(world.said()) == 1


def test_a_store_that_is_gone_puts_the_switch_off_without_loading_twice(world, tmp_path):
    world.observe("zoe", 1, 2)
    world.look()
    (tmp_path / "users.db").rename(tmp_path / "away.db")
    (tmp_path / "users.db").mkdir()
    world.store.close()
    for _ in range(2):
        ready = world.look("m/2")
        assert (ready.model, ready.store, ready.refused) == ("m/1", "down", None)
    (tmp_path / "users.db").rmdir()
    (tmp_path / "away.db").rename(tmp_path / "users.db")
    ready = world.look()
    assert (ready.model, ready.store) == ("m/2", "up") and world.shelf.loaded == ["m/1", "m/2"]
    assert world.answer().user.pairs == 2


def test_states_of_texts_are_kept_where_the_backbone_is_the_same(tmp_path):
    cache = tmp_path / "cache"
    cache_of(cache, TEXTS, HashBackbone())
    world = World(tmp_path, [cache])
    texts = world.service.current.texts
    world.look("m/2")
    assert world.service.current.texts is texts
    world.look("m/10")  # another backbone: the cache is not for it
    assert world.service.current.texts is not texts and world.answer().model == "m/10"
    assert "was made with" in next(line["why"] for line in world.said() if line["event"] == "cache")
    with pytest.raises(InputError, match="was made with"):
        world.preparer.first(world.shelf.load("m/11"))
    world.service.close()


def test_it_looks_for_as_long_as_it_is_asked_to(world):
    looked = threading.Event()
    world.watch._beside = looked.set
    with world.watch():
        world.shelf.champion = "m/2"
        assert looked.wait(5)
        while world.service.current.label != "m/2":
            assert threading.active_count() > 1
    assert not {"watch", "beside"} & {thread.name for thread in threading.enumerate()}


def test_what_is_done_beside_does_not_wait_while_a_champion_is_loaded(world):
    loading, go, looked = threading.Event(), threading.Event(), threading.Semaphore(0)
    load = world.shelf.load

    def slowly(label):
        loading.set()
        assert go.wait(10)
        return load(label)

    world.shelf.load, world.shelf.champion, world.watch._beside = slowly, "m/2", looked.release
    with world.watch():
        assert loading.wait(5)
        assert all(looked.acquire(timeout=5) for _ in range(5))
        go.set()


def test_a_look_that_fails_is_said_and_the_rest_is_looked_at(world):
    def failing():
        if not failing.well:
            raise InputError("the keys cannot be read")

    failing.well = False

    world.watch._beside = failing
    assert world.look("m/2").model == "m/2"
    assert {"event": "failing", "why": "the keys cannot be read"}.items() <= world.said()[0].items()
    world.look()
    assert [line["event"] for line in world.said()].count("failing") == 1

    failing.well = True
    world.look()
    failing.well = False
    world.look()
    assert [line["event"] for line in world.said()].count("failing") == 2  # said anew after it was well
