"""A memory asked about prompts, exactly and by a library's index."""

import numpy as np
import pytest
import torch

from prefactor.decoding.exact.cosine import directions
from prefactor.decoding.exact.memory import Memory
from prefactor.decoding.exact.retrieval import PromptIndex
from prefactor.errors import InputError

USERS, PROMPTS, WIDTH = 3, 400, 16


def table() -> torch.Tensor:
    return directions(torch.randn(PROMPTS, WIDTH, generator=torch.Generator().manual_seed(0)))


def memory(segment: np.ndarray, prompt: np.ndarray) -> Memory:
    zeros = np.zeros(len(segment))
    return Memory.of(USERS, segment, prompt, prompt[:, None] % 7, zeros, zeros)


def large_and_small() -> Memory:
    """User 0 has ten prompts, user 1 none, user 2 has 300."""
    return memory(np.repeat([0, 2], [10, 300]), np.concatenate([np.arange(10), np.arange(300)]))


def asked() -> tuple[np.ndarray, torch.Tensor]:
    segment = np.arange(60) % USERS
    return segment, torch.randn(60, WIDTH, generator=torch.Generator().manual_seed(1))


def test_who_has_nothing_to_recall_has_the_prior() -> None:
    segment, queries = asked()
    found = PromptIndex(large_and_small(), table(), 1_000).find(segment, queries)
    np.testing.assert_array_equal(found.prior, segment == 1)
    assert (found.subsets[found.prior] == -1).all() and np.isnan(found.cosine[found.prior]).all()
    assert (found.subsets[~found.prior] >= 0).all() and np.isfinite(found.cosine[~found.prior]).all()


def test_a_remembered_prompt_finds_itself_at_any_length_of_its_embedding() -> None:
    held = large_and_small()
    found = PromptIndex(held, table(), 1_000).find(held.segment, 7 * table()[torch.from_numpy(held.prompt)])
    np.testing.assert_array_equal(found.entry, np.arange(len(held)))
    np.testing.assert_allclose(found.cosine, 1, rtol=1e-6)


def test_a_librarys_index_finds_what_the_exact_search_finds() -> None:
    segment, queries = asked()
    exact, library = (PromptIndex(large_and_small(), table(), size).find(segment, queries) for size in (1_000, 300))
    np.testing.assert_array_equal(library.entry, exact.entry)
    np.testing.assert_allclose(library.cosine, exact.cosine, rtol=1e-5)
    alone = PromptIndex(large_and_small(), table(), 300).find(segment[2:3], queries[2:3])
    np.testing.assert_array_equal(alone.entry, exact.entry[2:3])


def test_a_librarys_index_grows_with_the_memory() -> None:
    """Past its size, and further, with prompts that it has and prompts between them."""
    segment, queries = asked()
    grown = PromptIndex(memory(np.zeros(200, dtype=np.int64), np.arange(0, 400, 2)), table(), 250)
    for prompt in (np.arange(1, 200), np.arange(100, 400)):
        grown.append(memory(np.zeros(len(prompt), dtype=np.int64), prompt))
    whole = PromptIndex(memory(np.zeros(PROMPTS, dtype=np.int64), np.arange(PROMPTS)), table(), 1_000)
    np.testing.assert_array_equal(grown.find(segment, queries).entry, whole.find(segment, queries).entry)


def test_a_library_that_is_not_installed_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "usearch.index", None)
    with pytest.raises(InputError, match=r"prefactor\[search\].*library_index_from"):
        PromptIndex(large_and_small(), table(), 300)
