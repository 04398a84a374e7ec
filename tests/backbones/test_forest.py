"""Texts as a forest: nothing is lost, and what they share is there once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.backbones.forest import FEWEST_SHARED, WHOLE, Forest, packed_batches, prefix_order
from tests.backbones.trees import fixed_tree, trees

Ids = list[np.ndarray]
deterministic = settings(derandomize=True, deadline=None, max_examples=60)


def distinct_prefixes(texts: Ids) -> int:
    """The fewest tokens there can be: nodes of the texts' trie."""
    return len({tuple(text[:end].tolist()) for text in texts for end in range(1, len(text) + 1)})


def families(texts: Ids) -> list[set[int]]:
    """Texts that are tied together by beginning alike, one with the next."""
    found: list[set[int]] = []
    for row in range(len(texts)):
        tied = [family for family in found if any(alike(texts[row], texts[other]) for other in family)]
        found = [family for family in found if family not in tied] + [{row}.union(*tied)]
    return found


def alike(first: np.ndarray, second: np.ndarray) -> bool:
    return min(len(first), len(second)) >= FEWEST_SHARED and bool((first[:16] == second[:16]).all())


def forest_of(texts: Ids) -> tuple[Forest, np.ndarray]:
    order, shared = prefix_order(texts)
    return Forest.of([texts[row] for row in order], shared), order


@deterministic
@given(trees())
def test_every_path_spells_its_text(texts: Ids) -> None:
    forest, order = forest_of(texts)
    assert sorted(order.tolist()) == list(range(len(texts)))
    for row, path in zip(order, forest.paths, strict=True):
        np.testing.assert_array_equal(forest.ids[path], texts[row])
        np.testing.assert_array_equal(forest.position[path], np.arange(len(path)))


@deterministic
@given(trees())
def test_what_texts_share_is_there_once(texts: Ids) -> None:
    forest, _ = forest_of(texts)
    assert sorted(set(np.concatenate(forest.paths).tolist())) == list(range(len(forest)))
    fewest = distinct_prefixes(texts)
    assert fewest <= len(forest) <= fewest + (FEWEST_SHARED - 1) * (len(texts) - 1)
    assert len(forest) == sum(map(len, texts)) - forest.shared.sum()
    assert (forest.shared[forest.shared > 0] >= FEWEST_SHARED).all()


def test_a_tree_whose_branches_are_long_is_as_small_as_can_be() -> None:
    texts = fixed_tree()
    forest, _ = forest_of(texts)
    assert len(forest) == distinct_prefixes(texts) < sum(map(len, texts))
    assert len(Forest.plain(texts)) == sum(map(len, texts))


@deterministic
@given(trees(most=20), st.sampled_from([1, 30, 100, 300, 3000]))
def test_batches_hold_every_row_once_and_keep_the_budget(texts: Ids, budget: int) -> None:
    batches = list(packed_batches(texts, budget))
    assert sorted(np.concatenate([rows for rows, _ in batches]).tolist()) == list(range(len(texts)))
    for rows, shared in batches:
        forest = Forest.of([texts[row] for row in rows], shared)
        for row, path in zip(rows, forest.paths, strict=True):
            np.testing.assert_array_equal(forest.ids[path], texts[row])
        assert len(forest) <= max(WHOLE * budget, max(len(texts[row]) for row in rows))
        assert len(forest) <= budget or len(families([texts[row] for row in rows])) == 1


@deterministic
@given(trees(most=20), st.sampled_from([60, 300, 3000]))
def test_families_stay_together_where_they_fit(texts: Ids, budget: int) -> None:
    batch = {int(row): number for number, (rows, _) in enumerate(packed_batches(texts, budget)) for row in rows}
    torn = False
    for family in families(texts):
        size = len(forest_of([texts[row] for row in family])[0])
        torn |= size > WHOLE * budget
        assert size > WHOLE * budget or len({batch[row] for row in family}) == 1
    longest = max(map(len, texts))
    assert torn or longest in {len(texts[row]) for row, number in batch.items() if number == 0}


def test_order_is_that_of_the_tokens_whatever_their_size() -> None:
    texts = [np.array(ids) for ids in ([256], [1, 2], [1], [70_000, 1], [255, 9])]
    assert prefix_order(texts)[0].tolist() == [2, 1, 4, 0, 3]
    assert [part.tolist() for part in prefix_order([])] == [[], []] and not list(packed_batches([], 10))
