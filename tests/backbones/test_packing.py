"""Blocks of a packed row: each token reads its own text up to itself, and little is padding."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.backbones import packing
from prefactor.backbones.forest import Forest, prefix_order
from prefactor.backbones.packing import CELLS, PADDING, Packing
from tests.backbones.trees import trees

Ids = list[np.ndarray]
deterministic = settings(derandomize=True, deadline=None, max_examples=40)


def forest_of(texts: Ids) -> Forest:
    order, shared = prefix_order(texts)
    return Forest.of([texts[row] for row in order], shared)


def keys_read(found: Packing, window: int | None) -> list[list[int]]:
    """The rows that each token's query reads, by the token's row."""
    queries, read = [], []
    for block, mask in zip(found.blocks, found.masks(torch.float32, window), strict=True):
        causal = torch.full((block.query.shape[1], block.key.shape[1]), -torch.inf).triu(1)
        mask = causal.expand(len(block.query), 1, -1, -1) if mask is None else mask
        for text, keys in enumerate(block.key):
            queries += block.query[text].tolist()
            read += [sorted(keys[row == 0].tolist()) for row in mask[text, 0]]
    place = found.place.tolist()
    assert [queries[spot] for spot in place] == list(range(len(place)))
    return [read[spot] for spot in place]


@deterministic
@given(trees(), st.sampled_from([None, 1, 7, 20, 500]))
def test_a_token_reads_its_text_up_to_itself(texts: Ids, window: int | None) -> None:
    forest = forest_of(texts)
    read = keys_read(Packing.of(forest), window)
    for path in forest.paths:
        for position, row in enumerate(path.tolist()):
            first = 0 if window is None else max(0, position + 1 - window)
            assert read[row] == sorted(path[first : position + 1].tolist())


@deterministic
@given(trees(), st.sampled_from([None, 3, 20]))
def test_padding_reads_something_too(texts: Ids, window: int | None) -> None:
    for mask in Packing.of(forest_of(texts)).masks(torch.float32, window):
        assert mask is None or (mask == 0).any(-1).all()


@deterministic
@given(trees(most=20))
def test_little_is_padding(texts: Ids) -> None:
    forest = forest_of(texts)
    lengths = np.array([len(path) for path in forest.paths])
    own = lengths - forest.shared
    groups = list(packing._groups(forest))
    assert sorted(text for group in groups for text in group) == np.flatnonzero(own).tolist()
    for group in groups:
        padded = len(group) * own[group].max() * lengths[group].max()
        assert padded <= PADDING * (own * lengths)[group].sum() and (padded <= CELLS or len(group) == 1)
        assert len({bool(forest.shared[text]) for text in group}) == 1


def test_texts_that_share_nothing_need_no_mask() -> None:
    texts = [np.full(length, length) for length in (5, 30, 31, 90)]
    found = Packing.of(forest_of(texts))
    assert found.masks(torch.float32) == [None] * len(found.blocks)
    assert found.masks(torch.float32, 90) == [None] * len(found.blocks)
    assert all(mask is not None for mask in found.masks(torch.float32, 89))
