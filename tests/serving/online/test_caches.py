"""Caches that a model is served with: the named ones have to suit it, of the others those that do are taken."""

import pytest

from prefactor.errors import InputError
from prefactor.serving.online.caches import Caches
from prefactor.serving.online.server import Options, _caches
from tests.serving.online.test_texts import TEXTS, cache_of
from tests.serving.online.world import HashBackbone

MINE, OTHER = HashBackbone(seed=1), HashBackbone(seed=2)


@pytest.fixture
def root(tmp_path):
    below = tmp_path / "data" / "states" / "tiny"
    cache_of(below / "mine", TEXTS, MINE)
    cache_of(below / "other", TEXTS, OTHER)
    cache_of(below / ".half", TEXTS, MINE)
    (below / "empty").mkdir()
    (below / ".mine.lock").touch()
    return tmp_path


def names(caches):
    return [cache.folder.name for cache in caches]


def test_those_of_the_champions_backbone_are_found_for_each_champion(root):
    caches, told = _caches(Options(dataset="tiny", root=root, own_states=True)), []
    assert names(caches.first(MINE.identity())) == ["mine"]
    assert names(caches.next(OTHER.identity(), told.append)) == ["other"] and told == []
    assert names(caches.first(HashBackbone(seed=3).identity())) == []
    assert _caches(Options(dataset="none", root=root, own_states=True)).first(MINE.identity()) == []


def test_where_some_are_named_no_others_are_looked_for(root):
    folder = root / "data/states/tiny/other"
    caches, told = _caches(Options(dataset="tiny", root=root, states=(folder,))), []
    assert names(caches.first(OTHER.identity())) == ["other"]
    with pytest.raises(InputError, match="was made with"):
        caches.first(MINE.identity())
    assert caches.next(MINE.identity(), told.append) == [] and "was made with" in told[0]
    assert Caches().first(MINE.identity()) == []
