"""Where texts' states come from: memory, caches on disk, the backbone; and that it does not matter which."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from prefactor.backbones import open_states
from prefactor.backbones.shards import INDEX, write_shard
from prefactor.backbones.states import FORMAT
from prefactor.preferences import content_id
from prefactor.serving.online.texts import TextStates
from tests.serving.online.world import LONG, HashBackbone

TEXTS = [(f"p{number % 3}", f"answer {number}") for number in range(9)] + [("p", "x" * (LONG + 1))]


def cache_of(folder, texts, backbone):
    """A cache on disk, as stage embed leaves it, in two shards."""
    meta = {"format": FORMAT, "identity": backbone.identity(), "states_dtype": "float32", "log_probabilities": False}
    (folder / "shards").mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps(meta))
    for number, part in enumerate((texts[: len(texts) // 2], texts[len(texts) // 2 :])):
        read = backbone.encode(*zip(*part, strict=True))
        index = np.zeros(len(part), INDEX)
        index["id"] = [content_id(*text).encode() for text in part]
        index["truncated"] = read.truncated
        write_shard(folder, f"{number:05d}", index, read.states)
    return open_states(folder, backbone.identity())


def asked(texts, rows):
    return texts.encode(*zip(*(TEXTS[row] for row in rows), strict=True))


@pytest.fixture
def backbone():
    return HashBackbone()


def test_states_are_the_backbones_wherever_they_are_from(backbone, tmp_path):
    cache = cache_of(tmp_path, [TEXTS[row] for row in (7, 2, 9)], backbone)
    whole = backbone.encode(*zip(*TEXTS, strict=True))
    found = []
    texts = TextStates(backbone, [cache], 6, lambda where, count: found.append((where, count)))
    for rows in ([0, 7, 9, 3], [3, 7, 2, 8, 9, 0], list(range(10)), [9, 0, 5]):
        read = asked(texts, rows)
        np.testing.assert_array_equal(read.states, whole.states[rows])
        assert read.truncated.tolist() == whole.truncated[rows].tolist()
    assert sum(count for where, count in found if where == "disk") >= 3
    assert {where for where, _ in found} == {"memory", "disk", "embedded"}


def test_a_text_is_read_once_and_forgotten_when_others_were_used_since(backbone):
    texts = TextStates(backbone, [], 4)
    for rows in ([0, 1, 2], [0, 3], [4], [0, 3]):
        asked(texts, rows)
    assert [len(call) for call in backbone.calls] == [3, 1, 1]  # 1 went for 4, the one used longest ago
    asked(texts, [1])
    assert len(backbone.calls) == 4
    asked(texts, [0, 3, 4])
    assert [len(call) for call in backbone.calls] == [3, 1, 1, 1]


def test_recall_reads_nothing_and_says_what_is_missing(backbone):
    texts = TextStates(backbone, [], 10)
    asked(texts, [0, 2])
    found = texts.recall(*zip(*TEXTS[:4], strict=True))
    assert found.missing == [1, 3] and len(backbone.calls) == 1
    assert found.ids == [content_id(*text) for text in TEXTS[:4]]
    assert texts.recall([], []).states.shape == (0, backbone.hidden)


def test_more_texts_than_memory_holds_are_all_answered(backbone):
    read = asked(TextStates(backbone, [], 2), range(10))
    np.testing.assert_array_equal(read.states, backbone.encode(*zip(*TEXTS, strict=True)).states)


def test_a_cache_says_which_texts_it_holds(backbone, tmp_path):
    cache = cache_of(tmp_path, TEXTS[5:], backbone)
    held, truncated = cache.find([content_id(*text) for text in TEXTS] + ["no id"])
    assert held.tolist() == [False] * 5 + [True] * 5 + [False]
    assert truncated.tolist() == [False] * 9 + [True, False]
    assert [part.tolist() for part in cache.find([])] == [[], []]


def test_threads_may_share_it(backbone):
    texts = TextStates(backbone, [], 3)
    whole = backbone.encode(*zip(*TEXTS, strict=True)).states

    def work(seed):
        rows = np.random.default_rng(seed).integers(0, len(TEXTS), 4)
        return np.array_equal(asked(texts, rows).states, whole[rows])

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(300)))
